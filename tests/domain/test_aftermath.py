"""What happens to a payment after it: captures, refunds and disputes never become its state."""

from __future__ import annotations

from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.lifecycle.next_step import Owed
from domain.lifecycle.profile import InstructionKind
from domain.lifecycle.resource import Certainty, FindingKind, Instruction
from domain.lifecycle.reversals import ReversalKind, ReversalState, SeenReversal
from domain.lifecycle.sending import Answer, Closed
from domain.payments.aftermath import left_to_claim
from domain.payments.display import Funds, display
from domain.payments.due import due
from domain.payments.fold import fold
from domain.payments.order import Order
from domain.payments.payment import Payment
from domain.payments.report import Action, ActionKind, Movement, MovementKind, PaymentState, Report
from tests.domain.samples import (
    ACCEPTED_BOOK,
    COLLECTION,
    HOUR,
    INSTRUCTION,
    MINUTE,
    NOW,
    SECOND,
    WATCH,
    attempt,
    book,
    claim,
    collected,
    euro,
    operation,
    profile,
    report,
    view,
)

S, R, K = PaymentState, ReversalState, MovementKind
CAPTURE, REFUND = InstructionKind.CAPTURE, InstructionKind.REFUND
DOUBT = book(attempt())
REFUSED = book(attempt(), closed=Closed.REFUSED)


def booked(kind: MovementKind, minor: int, reference: str | None = None) -> Movement:
    return Movement(
        movement_id=f"{kind}-{reference}", kind=kind, amount=euro(minor), reference=reference
    )


def seen(
    state: ReversalState | None, kind: ReversalKind = ReversalKind.DISPUTE, **fields: Any
) -> SeenReversal:
    given = {"reference": "dp_1", "amount": euro(4_000), **fields}
    return SeenReversal(kind=kind, state=state, **given)


HELD = booked(K.AUTHORISATION, 10_000)
TAKEN = booked(K.CAPTURE, 6_000, "ca_1")
AUTHORISED = report(S.AUTHORISED, movements=(HELD,))
CAPTURED = report(S.CAPTURED, SECOND, movements=(HELD, TAKEN))


def captured(*reversals: SeenReversal, more: tuple[Movement, ...] = (), at: int = 2) -> Report:
    return report(S.CAPTURED, at * SECOND, movements=(HELD, TAKEN, *more), reversals=reversals)


def test_held_money_is_no_money() -> None:
    payment = collected(AUTHORISED)
    amounts = payment.amounts
    assert (payment.state, amounts.authorised, amounts.captured) == (
        S.AUTHORISED, euro(10_000), euro(0))  # fmt: skip
    assert (amounts.net, display(payment).funds) == (euro(0), Funds.HOLD)
    assert left_to_claim(REFUND, payment, ()) == euro(0)


def test_what_was_captured_came_in_less_what_was_taken_back() -> None:
    back = (booked(K.REFUND, 1_000, "re_1"), booked(K.DISPUTE, 2_000, "dp_1"))
    payment = collected(captured(more=back), claims=[claim(CAPTURE, 6_000)])
    assert (payment.amounts.net, display(payment).funds) == (euro(-3_000), Funds.CREDIT)
    assert not payment.findings


@pytest.mark.parametrize(
    ("book_of_one", "left"),
    [(DOUBT, 4_000), (REFUSED, 10_000), (book(), 4_000), (book(attempt(), held=True), 4_000)],
)
def test_a_capture_counts_until_it_is_proven_undone(book_of_one: Any, left: int) -> None:
    claims = [claim(CAPTURE, 6_000, of=book_of_one)]
    payment = collected(AUTHORISED, claims=claims)
    assert left_to_claim(CAPTURE, payment, claims) == euro(left)


def test_what_others_captured_counts_too() -> None:
    payment = collected(CAPTURED)
    assert left_to_claim(CAPTURE, payment, ()) == euro(4_000)
    in_doubt = [claim(CAPTURE, 1_000, of=DOUBT)]
    assert left_to_claim(CAPTURE, payment, in_doubt) == euro(3_000)


def test_a_released_hold_can_be_captured_no_more() -> None:
    released = report(S.AUTHORISED, movements=(HELD, booked(K.RELEASE, 7_000)))
    assert left_to_claim(CAPTURE, collected(released), ()) == euro(3_000)


def refunded(state: ReversalState, *more: Movement) -> tuple[Payment, list[Instruction]]:
    """A refund of ours, which the partner shows."""
    claims = [claim(CAPTURE, 6_000), claim(REFUND, 2_500)]
    shown = seen(state, ReversalKind.REFUND, reference="re_1", amount=euro(2_500))
    own = report(None, instruction_id="pay_1/refund/1", partner_reference="re_1")
    return collected(captured(shown, more=more), own, claims=claims), claims


OUT, BACK = booked(K.REFUND, 2_500, "re_1"), booked(K.REFUND_FAILED, 2_500, "re_1")


@pytest.mark.parametrize(
    ("state", "more", "left"),
    [
        (R.PENDING, (), 3_500),
        (R.DONE, (OUT,), 3_500),
        (R.FAILED, (OUT,), 3_500),  # Its word says failed, and the money is not back.
        (R.FAILED, (OUT, BACK), 6_000),
        (R.FAILED, (), 6_000),
    ],
)
def test_a_refund_counts_until_word_and_bookings_say_that_it_failed(
    state: ReversalState, more: tuple[Movement, ...], left: int
) -> None:
    payment, claims = refunded(state, *more)
    assert left_to_claim(REFUND, payment, claims) == euro(left)
    (reversal,) = payment.reversals
    assert (reversal.instruction_id, reversal.reference) == ("pay_1/refund/1", "re_1")
    assert (payment.state, payment.is_frozen) == (S.CAPTURED, False)
    assert payment.is_followed == (state is R.PENDING or (more == (OUT,) and state is R.FAILED))


@pytest.mark.parametrize(("more", "is_followed"), [((), True), ((OUT,), False)])
def test_a_refund_is_followed_until_its_booking_is_shown(
    more: tuple[Movement, ...], is_followed: bool
) -> None:
    """Otherwise money that has left stays hidden until the end of the watch, and after it."""
    shown = seen(R.DONE, ReversalKind.REFUND, reference="re_1", amount=euro(2_500))
    own = report(None, instruction_id="pay_1/refund/1", partner_reference="re_1")
    watched = report(S.CAPTURED, WATCH + MINUTE, movements=(HELD, TAKEN, *more), reversals=(shown,))
    claims = [claim(CAPTURE, 6_000, of=ACCEPTED_BOOK), claim(REFUND, 2_500, of=ACCEPTED_BOOK)]
    payment = collected(CAPTURED, watched, own, claims=claims, shows_bookings=True)
    assert payment.is_followed is is_followed
    assert payment.is_over is not is_followed


def test_a_refunds_own_id_is_no_second_payment() -> None:
    payment, _ = refunded(R.DONE, OUT)
    assert payment.partner_reference == "ref-1"
    assert payment.amounts.refunded == euro(2_500)


def test_a_disputed_amount_cannot_be_refunded_as_well() -> None:
    claims = [claim(CAPTURE, 6_000)]
    lost = captured(seen(R.LOST), more=(booked(K.DISPUTE, 4_000, "dp_1"),))
    for told in (captured(seen(R.NEEDS_EVIDENCE)), captured(seen(R.PENDING)), lost):
        assert left_to_claim(REFUND, collected(told, claims=claims), claims) == euro(2_000)
    won = collected(captured(seen(R.WON)), claims=claims)
    assert left_to_claim(REFUND, won, claims) == euro(6_000)


def test_a_refund_in_doubt_leaves_the_payment_what_it_is() -> None:
    watched = report(S.CAPTURED, WATCH + MINUTE, movements=(HELD, TAKEN))
    claims = [claim(CAPTURE, 6_000), claim(REFUND, 2_500, of=DOUBT)]
    payment = collected(CAPTURED, watched, claims=claims, shows_bookings=True)
    assert (payment.state, payment.certainty) == (S.FINAL, Certainty.SENT)
    assert [each.state for each in payment.reversals] == [R.REQUESTED]
    assert payment.is_followed
    assert not payment.is_over
    assert not display(payment).final


def test_a_capture_in_doubt_makes_the_payment_uncertain() -> None:
    payment = collected(AUTHORISED, claims=[claim(CAPTURE, 6_000, of=DOUBT)])
    assert (payment.state, payment.certainty) == (S.AUTHORISED, Certainty.UNKNOWN)


def test_the_word_about_a_refund_is_not_the_payments() -> None:
    refusal = report(S.REJECTED, MINUTE, instruction_id="pay_1/refund/1", partner_reference=None)
    claims = [claim(CAPTURE, 6_000), claim(REFUND, 2_500, of=REFUSED)]
    payment = collected(CAPTURED, refusal, claims=claims)
    assert payment.state is S.CAPTURED
    assert [each.state for each in payment.reversals] == [R.FAILED]


def test_a_collection_is_never_returned_and_a_transfer_never_captured() -> None:
    payment = collected(CAPTURED, report(S.RETURNED, MINUTE), claims=[claim(CAPTURE, 6_000)])
    assert payment.state is S.CAPTURED
    assert {finding.kind for finding in payment.findings} == {FindingKind.CONTRADICTION}


def test_more_captured_than_asked_is_found() -> None:
    payment = collected(captured(more=(booked(K.CAPTURE, 3_000, "ca_2"),)),
                        claims=[claim(CAPTURE, 6_000)])  # fmt: skip
    assert {finding.kind for finding in payment.findings} == {FindingKind.DIFFERS}


WORDS = [captured(seen(state), at=at) for at, state in enumerate(
    (R.NEEDS_EVIDENCE, R.PENDING, R.WON, R.REINSTATED), start=2)]  # fmt: skip


def test_a_disputes_states_do_not_depend_on_the_order_of_arrival() -> None:
    for told in permutations(WORDS):
        (dispute,) = collected(CAPTURED, *told, claims=[claim(CAPTURE, 6_000)]).reversals
        assert dispute.state is R.REINSTATED


def test_a_word_that_goes_back_keeps_the_state_and_asks_people() -> None:
    claims = [claim(CAPTURE, 6_000)]
    told = [captured(seen(R.LOST), at=2), captured(seen(R.PENDING), at=3)]
    payment = collected(*told, claims=claims)
    assert (payment.reversals[0].state, payment.is_frozen) == (R.LOST, True)
    again = collected(*told, captured(seen(R.LOST), at=4), claims=claims)
    assert not again.is_frozen
    unknown = collected(captured(seen(None)), claims=claims)
    assert (unknown.reversals[0].state, unknown.is_frozen) == (R.PENDING, True)


states = st.sampled_from([None, *ReversalState])
told = st.lists(st.tuples(st.integers(2, 9), states), max_size=5)


@given(told, st.randoms(use_true_random=False))
def test_any_words_about_reversals_in_any_order_fold_to_one_payment(
    words: list[tuple[int, ReversalState | None]], chance: Any
) -> None:
    reports = [CAPTURED, *(captured(seen(state), at=at) for at, state in words)]
    whole = collected(*reports)
    chance.shuffle(reports)
    assert collected(*reports, *reports[:1]) == whole
    assert whole.state is S.CAPTURED


ACTION = Action(kind=ActionKind.REDIRECT, url="https://x/secret", expires_at=NOW + HOUR)


def test_the_payers_deadline_is_read_and_then_asks_for_a_cancel() -> None:
    waits = report(S.AWAITING_USER, action=ACTION)
    seen_now = view(waits, last_asked_at=NOW + 59 * MINUTE, reads=20)
    assert seen_now.payment.action == ACTION
    owed = due(seen_now, NOW + 59 * MINUTE)
    assert (owed.owed, owed.until) == (Owed.WAIT, NOW + HOUR)
    assert due(seen_now, NOW + HOUR).owed is Owed.READ
    asked_after = seen_now.model_copy(update={"last_asked_at": NOW + HOUR})
    assert due(asked_after, NOW + HOUR).owed is Owed.GIVE_UP
    went_on = collected(waits, report(S.AUTHORISED, SECOND))
    assert went_on.action is None


def test_the_address_of_an_action_is_in_no_id_and_no_text() -> None:
    told_once = report(S.AWAITING_USER, action=ACTION)
    other = ACTION.model_copy(update={"url": None})
    assert told_once.report_id == report(S.AWAITING_USER, action=other).report_id
    assert "secret" not in repr(told_once)


def test_direction_and_collection_of_an_order_fit() -> None:
    with pytest.raises(ValueError, match="direction is outgoing, and a collection is incoming"):
        Order(**{**dict(COLLECTION), "direction": "outgoing"})


def test_while_a_refund_is_under_way_it_is_read_before_the_end_of_the_watch() -> None:
    payment, claims = refunded(R.PENDING)
    base = view(CAPTURED, last_asked_at=NOW + SECOND)
    instructions = (*claims, *base.instructions)
    followed = base.model_copy(update={"payment": payment, "instructions": instructions})
    operation = base.profile.operations[InstructionKind.PAY]
    offered = {**base.profile.operations, CAPTURE: operation, REFUND: operation}
    able = base.profile.model_copy(update={"operations": offered})
    owed = due(followed.model_copy(update={"profile": able}), NOW + timedelta(hours=2))
    assert owed.owed is Owed.READ


def test_two_refunds_that_were_answered_with_the_payments_id_stay_two() -> None:
    claims = [claim(REFUND, 1_000), claim(REFUND, 2_000, number=2)]
    told = [
        report(None, 3 * SECOND, instruction_id=each.instruction_id, partner_reference="ref-1")
        for each in claims
    ]
    payment = collected(CAPTURED, *told, claims=claims)
    assert [(each.amount, each.reference) for each in payment.reversals] == [
        (euro(1_000), None), (euro(2_000), None)]  # fmt: skip


def test_a_booked_refund_that_names_no_reversal_counts() -> None:
    payment = collected(captured(more=(booked(K.REFUND, 5_000),)))
    assert left_to_claim(REFUND, payment, ()) == euro(1_000)


@pytest.mark.parametrize("state", [S.CANCELLED, S.REJECTED])
def test_captured_money_contradicts_a_state_in_which_nothing_moved(state: PaymentState) -> None:
    claims = [claim(CAPTURE, 6_000)]
    ended = report(state, SECOND, movements=(HELD, TAKEN))
    payment = collected(AUTHORISED, ended, claims=claims)
    assert (payment.is_frozen, payment.certainty) == (True, Certainty.UNKNOWN)
    back = (HELD, TAKEN, booked(K.REFUND, 6_000, "re_1"))
    assert not collected(AUTHORISED, report(state, SECOND, movements=back), claims=claims).is_frozen


def test_a_refund_that_may_have_been_executed_twice_is_in_question() -> None:
    accepted = attempt(answer=Answer.ACCEPTED)
    refund = claim(REFUND, 1_000, of=book(accepted, attempt(2)))
    of = profile()
    offered = of.model_copy(update={"operations": {**of.operations, REFUND: operation()}})
    others = (Instruction(instruction_id=INSTRUCTION, book=ACCEPTED_BOOK), claim(CAPTURE, 6_000))
    assert fold(COLLECTION, offered, (*others, refund), [CAPTURED]).is_frozen


def test_two_objects_of_one_refund_are_in_question() -> None:
    refund = claim(REFUND, 1_000)
    claims = [claim(CAPTURE, 6_000), refund]
    told = [
        report(None, 3 * SECOND, instruction_id=refund.instruction_id, partner_reference=name)
        for name in ("ref-1", "re_1", "re_2")
    ]
    assert not collected(CAPTURED, *told[:2], claims=claims).is_frozen
    assert collected(CAPTURED, *told, claims=claims).is_frozen
