"""Bugs: what happens to a payment after it."""

from __future__ import annotations

import itertools
from typing import Any

import domain.ids
import domain.lifecycle.reversals as reversals
import domain.lifecycle.sending as sending
import domain.payments.aftermath as aftermath
import domain.payments.fold as folding
import domain.payments.holds as holds
import domain.payments.movements as movements
from domain.lifecycle.profile import InstructionKind
from domain.lifecycle.reversals import ReversalKind, ReversalState
from domain.lifecycle.sending import Move
from domain.payments.report import PaymentState
from tests.proof.planted.bug import everywhere, planted


@planted("a refund that is asked for again under its key is admitted again", partner="cards")
def a_refund_is_admitted_twice() -> None:
    original, numbers = domain.ids.claim_id, itertools.count(1)

    def counted(payment_id: str, kind: str, key: str) -> Any:
        if kind != InstructionKind.REFUND:
            return original(payment_id, kind, key)
        return domain.ids.instruction_id(payment_id, kind, next(numbers))

    everywhere(original, counted)


@planted("a refund in doubt is sent again under a second key", partner="cards")
def a_second_key_for_a_refund() -> None:
    original = sending.next_move

    def renews(op: Any, book: Any, now: Any, **options: Any) -> Any:
        step = original(op, book, now, **options)
        # Only what opens the payment is gated, and a cancel has no second effect.
        if step.move is Move.SEND and book.in_doubt and not book.is_gated:
            return step._replace(generation=len(book.attempts) + 1)
        return step

    everywhere(original, renews)


@planted("an authorisation is counted as money", partner="cards")
def an_authorisation_counts_as_money() -> None:
    original = movements.amounts_of

    def counts(instructed: Any, booked: Any) -> Any:
        sums = original(instructed, booked)
        held = max(sums.captured, sums.authorised, key=lambda money: money.minor)
        return sums.model_copy(update={"captured": held})

    everywhere(original, counts)


@planted("captures are admitted up to the ordered amount each, not together", partner="cards")
def a_capture_over_the_bound() -> None:
    original = aftermath.left_to_claim

    def each(kind: Any, payment: Any, instructions: Any) -> Any:
        if kind is InstructionKind.CAPTURE:
            return payment.amounts.instructed
        return original(kind, payment, instructions)

    everywhere(original, each)


@planted("an increment counts as held before it is proven", partner="cards")
def an_unproven_increment_is_held() -> None:
    original = aftermath.left_to_claim

    def hopes(kind: Any, payment: Any, instructions: Any) -> Any:
        left = original(kind, payment, instructions)
        if kind is not InstructionKind.CAPTURE or left is None:
            return left
        instructed, authorised = payment.amounts.instructed, payment.amounts.authorised
        proven = min(holds.proven_hold(instructed, instructions).minor, authorised.minor)
        more = holds.possible_hold(instructed, instructions).minor - proven
        return left.model_copy(update={"minor": left.minor + more})

    everywhere(original, hopes)


@planted("a claim counts only once the partner has it", partner="cards")
def a_claim_in_doubt_is_free() -> None:
    original = aftermath.left_to_claim

    def forgets(kind: Any, payment: Any, instructions: Any) -> Any:
        known = [one for one in instructions if one.book.answered]
        return original(kind, payment, known)

    everywhere(original, forgets)


@planted("a refund that is done makes the payment returned", partner="cards")
def a_reversal_becomes_the_state() -> None:
    hear = folding._Folding.hear

    def returns(self: Any, report: Any) -> None:
        hear(self, report)
        if any(one.state is ReversalState.DONE for one in report.reversals):
            self.state = PaymentState.RETURNED

    folding._Folding.hear = returns  # type: ignore[method-assign]


@planted("a dispute that nobody of ours asked for is not heard", partner="cards")
def a_dispute_is_ignored() -> None:
    original = reversals.standing

    def deaf(seen: Any) -> Any:
        return original(one for one in seen if one.kind is not ReversalKind.DISPUTE)

    everywhere(original, deaf)


@planted("a refund that was done cannot fail any more", partner="cards")
def a_late_failure_of_a_refund_is_not_heard() -> None:
    original = reversals.standing

    def settled(seen: Any) -> Any:
        done: set[str] = set()
        kept = []
        for one in seen:
            if one.reference not in done:
                kept.append(one)
            if one.state is ReversalState.DONE:
                done.add(one.reference)
        return original(kept)

    everywhere(original, settled)
