"""How a payment at the partner differs from what was ordered, in its words and its bookings.

The last safety net: each difference opens a question to people, and stops what could move money.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence

from domain.lifecycle.profile import InstructionKind
from domain.lifecycle.report import Observed
from domain.lifecycle.resource import Finding, FindingKind, Instruction
from domain.money import Money
from domain.payments.movements import in_another_currency
from domain.payments.order import Captured, Direction, Order
from domain.payments.payment import Amounts
from domain.payments.report import Movement, PaymentState, Report
from domain.payments.states import PROVEN_NOTHING_MOVED


def in_words(order: Order, may_hold: Collection[Money], seen: Observed) -> Iterator[Finding]:
    """How a reply or a read shows another payment than the one that was ordered.

    Args:
        may_hold: the amounts that it may show, because increments raise the ordered one.
    """
    if seen.amount is not None and seen.amount not in may_hold:
        # People answer a finding by its text. So the text names the order, which never changes.
        yield _differs(f"amount {seen.amount} instead of {order.instructed_amount}")
    ends = seen.creditor_account_ends
    if ends is not None and not order.creditor_account.number.endswith(ends):
        yield _differs(f"creditor account ending {ends}")
    if seen.beneficiary_is_ours is False:
        yield _differs("another beneficiary than the one we named")
    day, asked = seen.requested_execution_date, order.times.requested_execution_date
    if day is not None and asked is not None and day < asked:
        yield _differs(f"execution on {day}, before the ordered {asked}")


def in_currency(order: Order, movements: Iterable[Movement]) -> Iterator[Finding]:
    """Money that is booked in another currency than the order's, which no sum includes."""
    for movement in in_another_currency(order.instructed_amount, movements):
        yield _differs(
            f"a {movement.kind} of {movement.amount} is booked where "
            f"{order.instructed_amount} were ordered"
        )


def in_sums(
    order: Order,
    state: PaymentState,
    instructions: Iterable[Instruction],
    amounts: Amounts,
    ever: Amounts,
    *,
    is_final: bool,
) -> Iterator[Finding]:
    """How the sums of the bookings do not fit the order or the state.

    Args:
        ever: the sums with bookings that were undone. A debit that is only missing from a later
            list does not prove that nothing moved.
        is_final: nothing more is expected. Before that, a missing booking may only be late.
    """
    if amounts.settled.minor > amounts.instructed.minor:
        yield _differs(_have_left(amounts))
    if order.collection is not None:
        yield from _in_captures(order, instructions, amounts, is_final=is_final)
    if state not in PROVEN_NOTHING_MOVED:
        return
    if ever.settled != ever.returned:
        yield contradiction(
            f"{state}, but {ever.settled} were debited and {ever.returned} returned"
        )
    if ever.captured.minor != ever.refunded.minor + ever.disputed.minor:
        yield contradiction(
            f"{state}, but {ever.captured} were captured and not all of it given back"
        )


def in_the_final_debit(
    order: Order, amounts: Amounts, *, shows_bookings: bool
) -> Iterator[Finding]:
    """How a final payment lacks a booked debit that equals the order and stays.

    A booking may lag behind the partner's word. So a missing debit is a finding only when the
    payment would end.

    Args:
        shows_bookings: the partner lists what it booked.
    """
    if order.direction is Direction.INCOMING:
        return
    if shows_bookings and amounts.settled != amounts.instructed:
        yield _differs(_have_left(amounts))
    elif amounts.returned.minor:
        yield _differs(
            f"{amounts.returned} have come back of a payment that the partner calls settled"
        )


def in_objects(reports: Sequence[Report], claims: Collection[str]) -> Iterator[Finding]:
    """More than one object at the partner for one instruction.

    Args:
        claims: ids of captures and refunds. Each may have an object of its own, which is no second
            payment, and may also show the payment's own object.
    """
    own = {r.partner_reference for r in reports if r.instruction_id not in claims} - {None}
    if len(own) > 1:
        yield contradiction(f"{len(own)} objects at the partner")
    for claim in sorted(claims):
        made = {r.partner_reference for r in reports if r.instruction_id == claim}
        if len(made - own - {None}) > 1:
            yield contradiction(f"several objects at the partner for {claim}")


def contradiction(text: str) -> Finding:
    """A finding that two things cannot both be true."""
    return Finding(kind=FindingKind.CONTRADICTION, text=text)


def _in_captures(
    order: Order, instructions: Iterable[Instruction], amounts: Amounts, *, is_final: bool
) -> Iterator[Finding]:
    """How the bookings of a collection differ from the order and its captures."""
    assert order.collection is not None
    asked = order.instructed_amount
    if order.collection.captured is Captured.LATER:
        captures = [
            one.amount.minor
            for one in instructions
            if one.kind == InstructionKind.CAPTURE and not one.is_undone and one.amount
        ]
        asked = Money(minor=sum(captures), currency=asked.currency)
    if amounts.captured.minor > asked.minor or (is_final and amounts.captured != asked):
        yield _differs(f"{amounts.captured} were captured, and {asked} were asked for")
    if amounts.refunded.minor + amounts.disputed.minor > amounts.captured.minor:
        taken = f"{amounts.refunded} were refunded and {amounts.disputed} disputed"
        yield _differs(f"{taken}, and only {amounts.captured} were captured")


def _have_left(amounts: Amounts) -> str:
    return f"{amounts.settled} have left us where {amounts.instructed} were ordered"


def _differs(text: str) -> Finding:
    return Finding(kind=FindingKind.DIFFERS, text=text)
