"""Captures, refunds and disputes: a payment's reversals, and what may still be claimed.

The store compares a claim with its bound in the transaction that admits it. An adapter cannot do
that, because two of them may be asked at once, and a partner may execute whatever it is asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from domain.lifecycle.kinds import Bound, kind_of
from domain.lifecycle.profile import InstructionKind
from domain.lifecycle.resource import Instruction
from domain.lifecycle.reversals import Reversal, ReversalKind, ReversalState, Standing
from domain.money import Money
from domain.payments.holds import proven_hold
from domain.payments.movements import taken_by
from domain.payments.order import Order
from domain.payments.payment import Payment
from domain.payments.report import Movement, Report


def reversals_of(
    order: Order,
    instructions: Sequence[Instruction],
    reports: Sequence[Report],
    movements: Sequence[Movement],
    stands: Mapping[str, Standing],
) -> tuple[Reversal, ...]:
    """All reversals that the partner shows, and those of our refunds that it does not show yet.

    Args:
        stands: each reversal by the partner's words, under the partner's id.
    """
    currency = order.instructed_amount.currency
    ours = {i.instruction_id: i for i in instructions if kind_of(i.kind).reverses}
    # A partner may answer a refund with the id of the payment. That is no id of the refund.
    others = {r.partner_reference for r in reports if r.instruction_id not in ours}
    ids = {r.instruction_id: r.partner_reference for r in reports
           if r.partner_reference and r.partner_reference not in others}  # fmt: skip
    refunds = {ids.get(name, name): each for name, each in ours.items()}
    found = []
    for name in sorted({*stands, *refunds}):
        refund, shown = refunds.get(name), stands.get(name)
        reference = name if shown or refund is None or name != refund.instruction_id else None
        if shown is not None:
            state, amount = shown.state, shown.word.amount
        else:
            assert refund is not None
            state = _unseen(refund)
            amount = refund.amount or Money(minor=0, currency=currency)
        found.append(
            Reversal(
                kind=shown.word.kind if shown else ReversalKind.REFUND,
                state=state,
                amount=amount,
                taken=taken_by(movements, reference, currency),
                reason=shown.word.reason if shown else None,
                deadline=shown.word.deadline if shown else None,
                reference=reference,
                instruction_id=refund.instruction_id if refund else None,
            )
        )
    return tuple(found)


def _unseen(refund: Instruction) -> ReversalState:
    """The state of a refund that the partner has not shown yet."""
    if refund.is_undone:
        return ReversalState.FAILED
    return ReversalState.PENDING if refund.book.answered else ReversalState.REQUESTED


def is_followed(
    reversals: Iterable[Reversal], instructions: Iterable[Instruction], *, shows_bookings: bool
) -> bool:
    """Whether a claim or a dispute is under way, so that the payment is not over.

    Args:
        shows_bookings: the partner lists what it booked. Then a refund of ours that is done by the
            partner's word is under way until its booking is seen.
    """
    lacks_booking = shows_bookings and any(
        one.instruction_id is not None
        and one.state is ReversalState.DONE
        and one.taken.minor < one.amount.minor
        for one in reversals
    )
    is_asked = any(one.is_open for one in instructions if kind_of(one.kind).claims)
    return lacks_booking or is_asked or any(one.is_open for one in reversals)


def left_to_claim(
    kind: InstructionKind, payment: Payment, instructions: Sequence[Instruction]
) -> Money | None:
    """How much another instruction of this kind may claim now. Never below zero.

    None: no amount that we know limits it.

    Every amount claimed before counts, unless it is proven undone: closed without an effect, or
    failed by the partner's word and its bookings alike. What others took, at the partner or by a
    dispute, counts as well.

    Raises:
        ValueError: the kind claims nothing.
    """
    amounts, currency = payment.amounts, payment.amounts.instructed.currency
    ours = [i for i in instructions if i.kind == kind]
    bound = claimed = 0
    match kind_of(kind).claims:
        case Bound.INSTRUCTED:
            # The partner's object takes the money once, however often it is confirmed.
            bound = amounts.instructed.minor
            claimed = _sum(i.amount for i in ours if i.is_open)
        case Bound.AUTHORISED:
            # An increment counts once it is proven, and once the partner shows the larger hold.
            hold = proven_hold(amounts.instructed, instructions)
            bound = min(amounts.authorised.minor, hold.minor)
            claimed = _sum(i.amount for i in ours if not i.is_undone)
            # A capture in doubt may be booked already. Then it counts twice here, to be careful.
            known = _sum(i.amount for i in ours if i.book.answered)
            claimed += max(amounts.captured.minor - known, 0)
        case Bound.CAPTURED:
            bound = amounts.captured.minor
            undone = {r.instruction_id for r in payment.reversals if r.is_undone}
            claimed = _sum(i.amount for i in ours if i.instruction_id not in undone)
            claimed += sum(
                max(r.amount.minor, r.taken.minor)
                for r in payment.reversals
                if r.instruction_id is None and not r.is_undone
            )
            # Bookings may name no reversal, or come before the partner shows one.
            claimed = max(claimed, amounts.refunded.minor + amounts.disputed.minor)
        case Bound.PAYERS_BANK:
            return None
        case None:
            raise ValueError(f"a {kind} instruction claims no amount")
    return Money(minor=max(bound - claimed, 0), currency=currency)


def evidence_wanted(payment: Payment) -> Iterator[Reversal]:
    """The reversals about which somebody has to give evidence, or decide not to."""
    for reversal in payment.reversals:
        if reversal.state is ReversalState.NEEDS_EVIDENCE:
            yield reversal


def _sum(amounts: Iterable[Money | None]) -> int:
    return sum(amount.minor for amount in amounts if amount is not None)
