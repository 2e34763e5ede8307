"""The bank's consents and errors as reports: what was granted, in our words."""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from domain.consents.answers import ConsentSubject
from domain.consents.instructions import ConsentInstruction as Kind
from domain.consents.report import ActionKind, ConsentState, Report, Source
from domain.consents.request import ConsentRequest, Permission
from domain.lifecycle.grants import Grant, GrantedAccount
from domain.lifecycle.report import Action
from partners.berlin_group import consent_requests, errors, wire, words
from partners.berlin_group.sca import Turn, WaitsFor
from transport.redaction import redact_text

_TEXT_MAX: Final = 200
_HASH_LENGTH: Final = 16


def report(
    subject: ConsentSubject,
    word: str,
    consent_id: str,
    source: Source,
    as_of: datetime,
    *,
    turn: Turn | None = None,
    shown: wire.Consent | None = None,
    drift: tuple[str, ...] = (),
) -> Report:
    """What the bank says of a consent.

    Args:
        turn: whose turn it is by the authorisations, if they were read.
        shown: the consent, if it was read: what was granted.
    """
    turn = turn or Turn()
    state = words.consent_state(word)
    unknown = () if state else (f"consentStatus: unknown {word[:40]!r}",)
    grant = grant_of(subject, shown) if shown and state is ConsentState.ACTIVE else None
    return Report(
        instruction_id=subject.instruction_id,
        source=source,
        as_of=as_of,
        state=state,
        partner_status=word[:80],
        reason=redact_text(turn.reason)[:_TEXT_MAX] if turn.reason else None,
        partner_reference=consent_id if subject.kind is Kind.ASK else None,
        action=_action(turn, as_of) if state in words.BEFORE_CONSENT else None,
        grant=grant,
        drift=(*(shown.drift if shown else ()), *turn.drift, *unknown, *drift),
    )


def _action(turn: Turn, as_of: datetime) -> Action | None:
    """What the user has to do. If it cannot go on as the bank wants it, the user's time is over."""
    if turn.waits_for is WaitsFor.US:
        return Action(kind=ActionKind.CONFIRM, expires_at=as_of)
    return turn.action


def grant_of(subject: ConsentSubject, shown: wire.Consent) -> Grant:
    """What was granted, as a read shows it. A valid consent names the accounts that it covers."""
    access, request = shown.access, subject.request
    listed = [each for each in access.lists if each is not None]
    references = [account for each in listed for account in each]
    # Empty lists name no account. Only of a consent for named accounts do they mean that none is
    # left: otherwise the bank does not say which accounts the user chose.
    says = bool(references) or (bool(listed) and bool(request.accounts))
    return Grant(
        permissions=_permissions(access, request) or None,
        accounts=_accounts(subject, references) if says else None,
        valid_until=_end(shown.last_day, request),
        per_day=shown.frequency_per_day,
    )


def _permissions(access: wire.Access, request: ConsentRequest) -> tuple[str, ...]:
    if access.all_psd2 is not None:
        return tuple(request.permissions)
    named = {
        permission
        for permission, listed in zip(
            (Permission.ACCOUNTS, Permission.BALANCES, Permission.TRANSACTIONS),
            access.lists,
            strict=True,
        )
        if listed is not None
    }
    # The list of accounts comes with every other permission (OpenAPI file, `accountAccess`).
    if named:
        named -= {Permission.ACCOUNTS}
        named |= {Permission.ACCOUNTS} & set(request.permissions)
    return tuple(each.value for each in named)


def _accounts(
    subject: ConsentSubject, references: list[wire.AccountReference]
) -> tuple[GrantedAccount, ...] | None:
    """The accounts, each by a hash of its number that is keyed with a secret of this consent."""
    if subject.callback is None:
        return None
    key = subject.callback.state.encode()
    found = []
    for each in references:
        number, currency = each.number, each.currency
        content = f"{number}/{currency or ''}".encode()
        hashed = hmac.new(key, content, hashlib.sha256).hexdigest()[:_HASH_LENGTH]
        found.append(GrantedAccount(reference=hashed, ends=number[-4:], currency=currency))
    return tuple(found)


def _end(last_day: date | None, request: ConsentRequest) -> datetime | None:
    """The moment at which the grant ends: the end of its last day, and never after the app's wish.

    The bank names no time zone, so UTC counts.
    """
    if last_day is None or last_day >= consent_requests.NO_END:
        return request.valid_until
    end = datetime.combine(last_day + timedelta(days=1), time(0), UTC)
    return end if request.valid_until is None else min(end, request.valid_until)


def refused(
    subject: ConsentSubject, status: int, told: tuple[wire.TppMessage, ...], as_of: datetime
) -> Report:
    """A refusal. Only that of an ASK says anything about the consent."""
    text = "; ".join(each.text or each.code for each in told)
    return Report(
        instruction_id=subject.instruction_id,
        source=Source.REPLY,
        as_of=as_of,
        state=ConsentState.REJECTED if subject.kind is Kind.ASK else None,
        partner_status=f"{status} {' '.join(each.code for each in told)}"[:80],
        reason=redact_text(text)[:_TEXT_MAX],
    )


def unknown_there(subject: ConsentSubject, source: Source, as_of: datetime) -> Report:
    """A consent that we have ended and that the bank knows no longer."""
    return Report(
        instruction_id=subject.instruction_id,
        source=source,
        as_of=as_of,
        state=ConsentState.REVOKED_BY_US,
        partner_status="known no longer after its end",
    )


def expired(subject: ConsentSubject, as_of: datetime) -> Report:
    """A consent whose read is answered with `CONSENT_EXPIRED`."""
    return Report(
        instruction_id=subject.instruction_id,
        source=Source.READ,
        as_of=as_of,
        state=ConsentState.EXPIRED,
        partner_status=errors.EXPIRED,
        partner_reference=subject.partner_reference,
    )


def unfit_report(instruction_id: str, why: str, as_of: datetime) -> Report:
    """The report of a request that no bank can take."""
    return Report(
        instruction_id=instruction_id,
        source=Source.REPLY,
        as_of=as_of,
        state=ConsentState.REJECTED,
        partner_status="not possible there",
        reason=why,
    )
