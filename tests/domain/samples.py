"""One order, one partner and what can be told of them: the material of the domain's tests."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from domain.accounts import Account
from domain.lifecycle.profile import (
    Idempotency,
    IdempotencyKind,
    InstructionKind,
    Lookup,
    LookupKind,
    Operation,
    Profile,
)
from domain.lifecycle.resource import Instruction
from domain.lifecycle.sending import (
    Answer,
    Attempt,
    AttemptResult,
    Book,
    LookedUp,
    LookupResult,
)
from domain.money import Money
from domain.party import Party
from domain.payments.fold import fold
from domain.payments.order import Captured, Collection, Direction, Order, Rail, Times
from domain.payments.payment import Payment
from domain.payments.report import Movement, MovementKind, PaymentState, Report, Source
from domain.payments.view import PaymentView

NOW: Final = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOUR: Final = timedelta(hours=1)
MINUTE: Final = timedelta(minutes=1)
SECOND: Final = timedelta(seconds=1)
WATCH: Final = timedelta(days=10)
INSTRUCTION: Final = "pay_1/pay/1"
CANCEL: Final = "pay_1/cancel/1"
CREDITOR_IBAN: Final = "DE89370400440532013000"


def euro(minor: int) -> Money:
    return Money(minor=minor, currency="EUR")


ORDER: Final = Order(
    tenant="shop",
    partner="bank",
    partner_account="main",
    instructed_amount=euro(10_000),
    debtor=Party(name="Debtor"),
    debtor_account=Account(iban="GB82WEST12345698765432"),
    creditor=Party(name="Creditor"),
    creditor_account=Account(iban=CREDITOR_IBAN),
    times=Times(submit_before=NOW + HOUR, requested_execution_date=date(2026, 3, 3)),
)


#: Money that is pulled from the payer, and captured later.
COLLECTION: Final = Order(
    **{
        **dict(ORDER),
        "direction": Direction.INCOMING,
        "collection": Collection(payment_method="pm_1", captured=Captured.LATER),
    }
)


def operation(
    idempotency: IdempotencyKind = IdempotencyKind.NONE,
    lookup: LookupKind = LookupKind.NONE,
    **idempotency_fields: Any,
) -> Operation:
    return Operation(
        idempotency=Idempotency(kind=idempotency, **idempotency_fields), lookup=Lookup(kind=lookup)
    )


#: Taking back as most partners offer it: the payment itself is the key and shows what became of it.
CANCEL_TOLD: Final = operation(IdempotencyKind.NATURAL_KEY, LookupKind.PARENT)
#: And as one would that tells nothing of it.
CANCEL_BARE: Final = operation()


def profile(
    pay: Operation | None = None,
    take_back: Operation = CANCEL_TOLD,
    *,
    shows_bookings: bool = False,
) -> Profile:
    """Its word alone makes a payment final, unless the test is about bookings."""
    return Profile(
        shows_bookings=shows_bookings,
        partner="bank",
        spec_version="1",
        operations={InstructionKind.PAY: pay or operation(), InstructionKind.CANCEL: take_back},
        watch={Rail.SEPA_CREDIT_TRANSFER: WATCH},
    )


def attempt(
    number: int = 1,
    result: AttemptResult = AttemptResult.UNKNOWN,
    *,
    opened_at: datetime = NOW,
    answer: Answer | None = None,
    **fields: Any,
) -> Attempt:
    """An attempt of 10 s to write and 30 s to be answered; if it ended, closed at its end."""
    if answer is not None and result is AttemptResult.UNKNOWN:
        result = AttemptResult.ANSWERED
    ends_by = opened_at + 40 * SECOND
    return Attempt(
        number=number,
        opened_at=opened_at,
        write_before=opened_at + 10 * SECOND,
        ends_by=ends_by,
        result=result,
        answer=answer,
        **{"closed_at": None if result is AttemptResult.OPEN else ends_by, **fields},
    )


def absent(*asked_at: datetime) -> tuple[LookedUp, ...]:
    return tuple(LookedUp(asked_at=at, result=LookupResult.ABSENT) for at in asked_at)


def book(*attempts: Attempt, submit_before: datetime = NOW + HOUR, **fields: Any) -> Book:
    return Book(submit_before=submit_before, attempts=attempts, **fields)


#: A book whose one attempt the partner accepted.
ACCEPTED_BOOK: Final = book(attempt(answer=Answer.ACCEPTED))


def report(
    state: PaymentState | None,
    at: timedelta = timedelta(0),
    *,
    source: Source = Source.READ,
    partner_reference: str | None = "ref-1",
    instruction_id: str = INSTRUCTION,
    **fields: Any,
) -> Report:
    """One report, `at` after NOW."""
    fields.setdefault("partner_status", state.value if state else "surprise")
    return Report(
        instruction_id=instruction_id,
        source=source,
        as_of=NOW + at,
        state=state,
        partner_reference=partner_reference,
        **fields,
    )


def gate(
    state: PaymentState, at: timedelta = timedelta(0), *, reason: str = "", status_reason: str = ""
) -> Report:
    """What our own checks said: CREATED they passed, AWAITING_US they hold, REJECTED they bar."""
    return report(
        state,
        at,
        source=Source.GATE,
        partner_reference=None,
        reason=reason or None,
        status_reason=status_reason or None,
    )


def decision(
    state: PaymentState | None, at: timedelta = timedelta(0), *settles: str, **fields: Any
) -> Report:
    """What people found out; `settles` are the findings that answers."""
    fields = {"partner_reference": None, "partner_status": "found", "settles": settles, **fields}
    return report(state, at, source=Source.DECISION, **fields)


def movement(kind: MovementKind, minor: int, movement_id: str = "") -> Movement:
    return Movement(movement_id=movement_id or kind.value, kind=kind, amount=euro(minor))


def instructions(of: Book, also: Iterable[Book], cancel: Book | None) -> tuple[Instruction, ...]:
    """As the store has them: by id, so that what takes a payment back comes first."""
    taking_back = [
        Instruction(instruction_id=CANCEL, kind=InstructionKind.CANCEL, book=each)
        for each in (cancel,)
        if each is not None
    ]
    paying = (
        Instruction(instruction_id=f"pay_1/pay/{number}", book=each)
        for number, each in enumerate((of, *also), start=1)
    )
    return (*taking_back, *paying)


def folded(
    *reports: Report,
    of: Book = ACCEPTED_BOOK,
    also: Iterable[Book] = (),
    cancel: Book | None = None,
    order: Order = ORDER,
    pay: Operation | None = None,
    shows_bookings: bool = False,
) -> Payment:
    """What the reports say of the sample order, whose instruction has the given book."""
    as_of = profile(pay, shows_bookings=shows_bookings)
    return fold(order, as_of, instructions(of, also, cancel), reports)


def claim(
    kind: InstructionKind, minor: int, number: int = 1, of: Book = ACCEPTED_BOOK
) -> Instruction:
    """A capture or refund."""
    return Instruction(
        instruction_id=f"pay_1/{kind}/{number}", kind=kind, book=of, amount=euro(minor)
    )


def collected(
    *reports: Report, claims: Iterable[Instruction] = (), shows_bookings: bool = False
) -> Payment:
    """What the reports say of the sample collection, which the partner has."""
    as_of = profile(shows_bookings=shows_bookings)
    paying = Instruction(instruction_id=INSTRUCTION, book=ACCEPTED_BOOK)
    return fold(COLLECTION, as_of, (paying, *claims), reports)


def view(
    *reports: Report,
    of: Book = ACCEPTED_BOOK,
    pay: Operation | None = None,
    cancel: Book | None = None,
    take_back: Operation = CANCEL_TOLD,
    **fields: Any,
) -> PaymentView:
    """The workflow's view of the sample payment."""
    return PaymentView(
        tenant=ORDER.tenant,
        resource_id="pay_1",
        partner=ORDER.partner,
        rail=ORDER.rail,
        submit_before=of.submit_before,
        profile=profile(pay, take_back),
        instructions=instructions(of, (), cancel),
        payment=folded(*reports, of=of, cancel=cancel, pay=pay),
        **fields,
    )
