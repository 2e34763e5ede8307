"""What the user reads about a consent, and what they may do."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict

from domain.consents.consent import Needs
from domain.consents.states import REVOCABLE, STATES
from domain.consents.view import ConsentView
from domain.lifecycle.resource import Certainty


class ConsentDisplay(BaseModel):
    """Texts and rights for the user; never more hopeful than the evidence.

    Attributes:
        may_read: data may be read now.
        may_renew: the user may be asked again. A consent in question cannot be renewed.
        may_revoke: it can still be ended.
        renew_by: until when it has to be renewed to go on without a gap.
    """

    model_config = ConfigDict(frozen=True)

    headline: str
    detail: str
    final: bool
    may_read: bool
    may_renew: bool
    may_revoke: bool
    next_action: str | None
    renew_by: datetime | None


def display(view: ConsentView, now: datetime) -> ConsentDisplay:
    """What to show now. The time matters: data must not be read after the time to renew."""
    consent, row = view.consent, STATES[view.consent.state]
    may_revoke = consent.state in REVOCABLE and not view.cancel_asked
    not_readable = view.not_readable(now)
    headline, detail, next_action = row.headline, row.detail, row.next_action
    if consent.certainty is Certainty.UNKNOWN:
        headline, next_action = "We are checking", None
        detail = "We do not know yet how your bank sees the access. Nothing is read meanwhile."
    elif view.cancel_asked and not row.ends:
        headline, next_action = "Being ended", None
        detail = "We have been asked to end the access. Nothing is read any more."
    elif row.is_readable and not_readable:
        headline, detail = "Not read for now", f"Nothing is read: {not_readable}."
        next_action = "confirm the access again"
    elif consent.needs is Needs.CONFIRMATION:
        detail = "The account is not read until you confirm with us. Your bank need not be asked."
    elif consent.declined is not None:
        detail = f"{detail} You came back without a confirmation: {consent.declined}."
    return ConsentDisplay(
        headline=headline,
        detail=detail,
        final=consent.is_over,
        may_read=not not_readable,
        may_renew=row.was_granted and may_revoke and consent.certainty is not Certainty.UNKNOWN,
        may_revoke=may_revoke,
        next_action=next_action,
        renew_by=consent.usable_until if row.was_granted else None,
    )
