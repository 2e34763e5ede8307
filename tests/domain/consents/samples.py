"""Sample requests, reports and views of consents."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from domain.consents.consent import Consent
from domain.consents.fold import fold
from domain.consents.instructions import ConsentInstruction
from domain.consents.report import ConsentState, Report, Source
from domain.consents.request import ConsentRequest, Permission, User
from domain.consents.terms import ConsentTerms, Renewal
from domain.consents.view import ConsentView
from domain.lifecycle.grants import Grant, GrantedAccount
from domain.lifecycle.profile import (
    Idempotency,
    IdempotencyKind,
    Lookup,
    LookupKind,
    Operation,
    Profile,
)
from domain.lifecycle.resource import Instruction
from domain.lifecycle.sending import Answer, Attempt, AttemptResult, Book

NOW: Final = datetime(2026, 3, 2, 9, tzinfo=UTC)
SECOND: Final = timedelta(seconds=1)
HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)
CONSENT_ID: Final = "con_1"
ASK: Final = f"{CONSENT_ID}/ask/1"
RENEW: Final = f"{CONSENT_ID}/renew/1"
ANSWER: Final = f"{CONSENT_ID}/answer/1"
REVOKE: Final = f"{CONSENT_ID}/revoke/1"

TERMS: Final = ConsentTerms(
    regime="psd2",
    reauthenticate_after=180 * DAY,
    renewal=Renewal.SAME,
    unattended_per_day=4,
    notices=(14 * DAY, 3 * DAY),
)
WITH_US: Final = TERMS.model_copy(
    update={"regime": "uk", "renewal": Renewal.AT_TPP, "reauthenticate_after": 90 * DAY}
)
REQUEST: Final = ConsentRequest(
    tenant="shop",
    partner="bank",
    partner_account="main",
    user=User(user_id="u-1"),
    permissions=(Permission.BALANCES, Permission.TRANSACTIONS),
    return_url="https://shop.example/back",
    submit_before=NOW + HOUR,
    authorise_by=NOW + 2 * HOUR,
    regime="psd2",
    terms=TERMS,
)
#: A bank with neither keys nor lookups, as many are.
BARE: Final = Operation(
    idempotency=Idempotency(kind=IdempotencyKind.NONE), lookup=Lookup(kind=LookupKind.NONE)
)
PROFILE: Final = Profile(
    partner="bank",
    spec_version="test",
    operations=dict.fromkeys(ConsentInstruction, BARE),
    watch={},
    read_pause=timedelta(minutes=1),
    read_pause_max=DAY,
)


def attempt(
    number: int = 1,
    result: AttemptResult = AttemptResult.UNKNOWN,
    *,
    answer: Answer | None = None,
    opened_at: datetime = NOW,
    **fields: Any,
) -> Attempt:
    """An attempt of ten seconds; in doubt unless an answer is given."""
    return Attempt(
        number=number,
        opened_at=opened_at,
        write_before=opened_at + 5 * SECOND,
        ends_by=opened_at + 10 * SECOND,
        result=AttemptResult.ANSWERED if answer else result,
        answer=answer,
        closed_at=opened_at + 10 * SECOND,
        **fields,
    )


def book(*attempts: Attempt, **fields: Any) -> Book:
    """The book of a harmless instruction."""
    return Book(
        **{"submit_before": NOW + HOUR, "attempts": attempts, "is_harmless": True, **fields}
    )


TAKEN: Final = book(attempt(answer=Answer.ACCEPTED))


def instruction(instruction_id: str = ASK, of: Book = TAKEN) -> Instruction:
    """The instruction with that id; its kind is in its id."""
    return Instruction(instruction_id=instruction_id, kind=instruction_id.split("/")[1], book=of)


def report(
    state: ConsentState | None,
    after: timedelta = timedelta(0),
    *,
    source: Source = Source.READ,
    instruction_id: str = ASK,
    **fields: Any,
) -> Report:
    """What the bank says so long after the beginning."""
    return Report(
        **{
            "instruction_id": instruction_id,
            "source": source,
            "as_of": NOW + after,
            "state": state,
            "partner_status": str(state),
            "partner_reference": "c-1",
            **fields,
        }
    )


def grant(*accounts: str, **fields: Any) -> Grant:
    """A grant to those accounts; to none that are known if none is named."""
    named = tuple(GrantedAccount(reference=each) for each in accounts) or None
    return Grant(accounts=named, **fields)


def folded(
    *reports: Report,
    of: Book = TAKEN,
    beside: tuple[Instruction, ...] = (),
    terms: ConsentTerms = TERMS,
    **request: Any,
) -> Consent:
    """The consent after these reports."""
    asked = REQUEST.model_copy(update={"terms": terms, **request})
    return fold(asked, PROFILE, (instruction(of=of), *beside), reports)


def view(
    *reports: Report,
    of: Book = TAKEN,
    beside: tuple[Instruction, ...] = (),
    terms: ConsentTerms = TERMS,
    request: dict[str, Any] | None = None,
    **fields: Any,
) -> ConsentView:
    """The consent as the store shows it after these reports."""
    consent = folded(*reports, of=of, beside=beside, terms=terms, **(request or {}))
    return ConsentView(
        **{
            "tenant": "shop",
            "resource_id": CONSENT_ID,
            "partner": "bank",
            "submit_before": NOW + HOUR,
            "execute_by": NOW + 2 * HOUR,
            "profile": PROFILE,
            "instructions": (instruction(of=of), *beside),
            "consent": consent,
            **fields,
        }
    )
