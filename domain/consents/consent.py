"""What we know of a consent, with the fold's findings about it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from pydantic import AwareDatetime, BaseModel, ConfigDict

from domain.consents.report import ConsentState
from domain.consents.states import ENDS, STATES
from domain.consents.terms import Renewal
from domain.lifecycle.grants import Grant
from domain.lifecycle.resource import Certainty, Folded


class Needs(StrEnum):
    """What a consent in NEEDS_REAUTH needs from its user."""

    AUTHENTICATION = "authentication"
    """At the bank."""
    CONFIRMATION = "confirmation"
    """With us. The bank still calls the consent authorised."""


class Change(BaseModel):
    """How a grant changed, by the bank's word of that moment."""

    model_config = ConfigDict(frozen=True)

    at: AwareDatetime
    text: str


class Consent(Folded):
    """What we know of a consent: a pure function of its request, instructions and reports.

    Attributes:
        grant: what the bank shows as granted. A field is None while the bank has not said.
        granted_at: when the bank first called it active; None if it never was.
        authenticated_at: when the user last authenticated or confirmed, as far as we know.
        reauth_by: until when that counts, by the regime.
        valid_until: the moment at which the bank's grant ends.
        renewal: how it is renewed.
        needs: what the user has to do in NEEDS_REAUTH.
        per_day: how many unattended reads a day are allowed for each account.
        is_renewing: the user has been asked to authenticate again, and has not done so yet.
        notices: when people are asked to renew it.
        declined: what the user came back with instead of a confirmation.
        changes: how the grant changed, the oldest first.
    """

    state: ConsentState
    grant: Grant = Grant()
    granted_at: AwareDatetime | None = None
    authenticated_at: AwareDatetime | None = None
    reauth_by: AwareDatetime | None = None
    valid_until: AwareDatetime | None = None
    renewal: Renewal
    needs: Needs | None = None
    per_day: int
    is_renewing: bool = False
    notices: tuple[AwareDatetime, ...] = ()
    declined: str | None = None
    changes: tuple[Change, ...] = ()

    @property
    def is_over(self) -> bool:
        """Whether nothing is owed any more."""
        return self.has_ended(ENDS)

    @property
    def usable_until(self) -> datetime | None:
        """The moment after which nothing may be read; None if nothing limits it."""
        ends = [at for at in (self.reauth_by, self.valid_until) if at is not None]
        return min(ends, default=None)

    def not_readable(self, now: datetime) -> str:
        """Why no data may be read now, in words; empty if data may be read.

        The clock counts here although no state follows from it: a bank that still answers does not
        make a read lawful.
        """
        until = self.usable_until
        if self.certainty is Certainty.UNKNOWN:
            return "something about the consent is in question"
        if not STATES[self.state].is_readable:
            return f"the consent is {self.state}"
        if until is not None and now >= until:
            return f"the consent had to be renewed by {until:%Y-%m-%d %H:%M} UTC"
        if self.grant.accounts == ():
            return "the consent covers no account any more"
        return ""
