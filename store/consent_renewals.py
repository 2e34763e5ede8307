"""Renewals of a consent: its user confirms with us, or is asked at the bank again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from domain.consents.fold import CONFIRMED
from domain.consents.instructions import ConsentInstruction
from domain.consents.renewing import Route, route_of
from domain.consents.states import STATES
from domain.consents.view import ConsentView
from domain.ids import claim_id
from domain.lifecycle.command import CommandKind, Outcome
from domain.lifecycle.profile import Profile
from domain.lifecycle.statement import digest
from store.books import profile_of
from store.callbacks import new_callback
from store.commands import CommandReused
from store.consent_changes import Taken, instruct, note
from store.consent_kind import consent_view
from store.folding import Folding
from store.tables.lifecycles import CommandRow, LifecycleRow


class CannotRenew(ValueError):
    """The consent cannot be renewed as it now stands. Nothing was recorded."""


@dataclass(frozen=True)
class RenewCommand:
    """A command to renew a consent: its id, who gave it, and the browser that comes back."""

    command_id: str
    by: str
    browser_session: str
    issuer: str | None


def renewed(
    session: Session, folding: Folding, row: LifecycleRow, renewal: RenewCommand, at: datetime
) -> Taken:
    """Record a renewal once, and do what can be done without the bank.

    Raises:
        CommandReused: the command id stands for another command.
        CannotRenew: as it stands it cannot be renewed, or only by a new consent.
    """
    print_of = digest("\x1f".join((CommandKind.RENEW, renewal.by)).encode())[:32]
    if known := session.get(CommandRow, (row.resource_id, renewal.command_id)):
        if known.fingerprint != print_of:
            raise CommandReused(
                f"command id {renewal.command_id!r} of {row.resource_id} belongs to an earlier "
                "command; use a new id for a new command"
            )
        return Taken(consent_view(session, row), is_new=False)
    route = _require_renewable(consent_view(session, row), profile_of(row))
    about = ""
    if route is Route.CONFIRM:
        note(session, row, CONFIRMED, None, at)
    else:
        about = claim_id(row.resource_id, ConsentInstruction.RENEW, renewal.command_id)
        asking = instruct(session, row, about, ConsentInstruction.RENEW, at)
        session.add(
            new_callback(
                folding.keyring,
                asking,
                browser_session=renewal.browser_session,
                issuer=renewal.issuer,
                now=at,
            )
        )
    session.add(
        CommandRow(
            resource_id=row.resource_id,
            command_id=renewal.command_id,
            kind=CommandKind.RENEW,
            fingerprint=print_of,
            by=renewal.by,
            about=about,
            asked_at=at,
            outcome=Outcome.DONE,
            outcome_at=at,
        )
    )
    return Taken(folding.refold(session, row, at), is_new=True, asked_at=at)


def _require_renewable(view: ConsentView, profile: Profile) -> Route:
    consent = view.consent
    if consent.is_frozen:
        raise CannotRenew(
            "a question about the consent is open: `finality tasks` shows it. Renew the consent "
            "once the question is answered"
        )
    if not (view.cancel_asked or STATES[consent.state].was_granted or STATES[consent.state].ends):
        raise CannotRenew(
            "the user has not authorised the consent yet; have the user finish that (`show` has "
            "the page)"
        )
    if view.cancel_asked or STATES[consent.state].ends:
        why = "is being ended" if view.cancel_asked else f"is {consent.state}"
        raise CannotRenew(f"the consent {why}; ask for a new one instead")
    route = route_of(consent, profile)
    if route is Route.NEW:
        raise CannotRenew("the consent is renewed by a new one, which names it in `renews`")
    return route
