"""The fold: the same for every order of arrival, never raising, never more hopeful than told."""

from __future__ import annotations

import random
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.accounts import Account
from domain.lifecycle.profile import LookupKind
from domain.lifecycle.resource import FREEZING, Certainty, FindingKind
from domain.lifecycle.sending import Answer, AttemptResult, Book, Closed, LookedUp, LookupResult
from domain.payments.movements import amounts_of, ever_booked
from domain.payments.order import Direction
from domain.payments.payment import FINAL_BY_CREDITOR, FINAL_BY_WATCH, Payment
from domain.payments.report import MovementKind, Observed, PaymentState, Report, Source
from domain.payments.states import PROVEN_NOTHING_MOVED, STATES, may_follow
from tests.domain.arbitrary import books, cancel_books, reports
from tests.domain.samples import (
    CREDITOR_IBAN,
    HOUR,
    NOW,
    ORDER,
    SECOND,
    WATCH,
    absent,
    attempt,
    book,
    collected,
    euro,
    folded,
    movement,
    operation,
    report,
)

S = PaymentState
OF_TRANSFERS = [name for name, row in STATES.items() if row.only is not Direction.INCOMING]
DEBIT, FEE, RETURN = MovementKind.DEBIT, MovementKind.FEE, MovementKind.RETURN
DAY = timedelta(days=1)


def kinds(payment: Payment) -> set[FindingKind]:
    return {finding.kind for finding in payment.findings}


@given(st.lists(reports, max_size=8), books, cancel_books, st.randoms(use_true_random=False))
def test_neither_order_nor_repetition_nor_portions_of_the_reports_matter(
    told: list[Report], of: Book, cancel: Book | None, chance: random.Random
) -> None:
    whole = folded(*told, of=of, cancel=cancel)
    shuffled = [*told, *chance.choices(told, k=3)] if told else []
    chance.shuffle(shuffled)
    assert folded(*shuffled, of=of, cancel=cancel) == whole
    cut = len(told) // 2
    assert folded(*told[cut:], *told[:cut], of=of, cancel=cancel) == whole


@given(st.lists(reports, max_size=8), books, cancel_books)
def test_whatever_is_told_something_true_is_said_of_it(
    told: list[Report], of: Book, cancel: Book | None
) -> None:
    """It never raises, and the state is one that was told, booked or known from the book."""
    payment = folded(*told, of=of, cancel=cancel)
    from_books = {S.CREATED, S.SUBMITTING, S.EXPIRED, S.CANCELLED}
    from_booking = {S.SETTLED, S.FINAL, S.RETURNED}
    assert payment.state in {r.state for r in told} | from_books | from_booking
    assert payment.is_frozen == bool(kinds(payment) & FREEZING)
    if payment.state is S.FINAL:
        # People may say so of a payment that was never sent.
        known = payment.certainty is Certainty.SENT or payment.is_decided
        assert known, "nothing of it is in question"
    if payment.is_frozen or of.in_doubt or (cancel is not None and cancel.in_doubt):
        assert payment.certainty is Certainty.UNKNOWN
    amounts = payment.amounts
    if payment.certainty is not Certainty.UNKNOWN and payment.state in PROVEN_NOTHING_MOVED:
        ever = amounts_of(amounts.instructed, ever_booked(told))
        sums = f"{ever.settled} were debited and {ever.returned} returned"
        was_settled = any(sums in text for r in told for text in r.settles)
        assert ever.settled == ever.returned or was_settled
    net = amounts.settled.minor + amounts.fees.minor - amounts.returned.minor
    assert amounts.net.minor == net
    if payment.is_decided:
        assert payment.state in {r.state for r in told if r.source is Source.DECISION}


@pytest.mark.parametrize("after", OF_TRANSFERS)
@pytest.mark.parametrize("before", OF_TRANSFERS)
def test_a_pair_of_words_moves_repeats_or_contradicts(
    before: PaymentState, after: PaymentState
) -> None:
    payment = folded(report(before), report(after, SECOND))
    if not may_follow(S.SUBMITTING, before):
        return  # No partner says that; the first word contradicts already.
    settled_still = (before, after) == (S.FINAL, S.SETTLED)
    moves = may_follow(before, after)
    # Final means that nothing is in question.
    stands = S.SETTLED if before is S.FINAL and not settled_still else before
    assert payment.state is (after if moves else stands)
    contradicts = FindingKind.CONTRADICTION in kinds(payment)
    assert contradicts == (not moves and not settled_still)
    assert payment.is_frozen == contradicts
    assert (payment.certainty is Certainty.UNKNOWN) == contradicts


REACHED = {
    S.CREATED: folded(of=book()),
    S.SUBMITTING: folded(of=book(attempt())),
    S.EXPIRED: folded(of=book(closed=Closed.EXPIRED)),
    S.CANCELLED: folded(of=book(closed=Closed.CANCELLED)),
    S.FINAL: folded(report(S.SETTLED), report(S.SETTLED, WATCH)),
    S.REJECTED: folded(
        report(S.REJECTED, source=Source.REPLY, partner_reference=None),
        of=book(attempt(answer=Answer.REFUSED), closed=Closed.REFUSED),
    ),
    **{
        state: folded(report(state))
        for state in (
            *(S.AWAITING_US, S.AWAITING_USER, S.AWAITING_PARTNER, S.ACCEPTED, S.AUTHORISED),
            *(S.PROCESSING, S.SETTLED, S.UNCONFIRMED, S.RETURNED),
        )
    },
    **{state: collected(report(state)) for state in (S.PARTLY_CAPTURED, S.CAPTURED)},
}


def test_every_state_is_reached_in_an_ordinary_way() -> None:
    assert set(REACHED) == set(PaymentState)
    for state, payment in REACHED.items():
        assert payment.state is state
        assert not payment.is_frozen


def test_an_unmapped_word_keeps_the_state_and_freezes() -> None:
    payment = folded(report(S.ACCEPTED), report(None, SECOND))
    assert payment.state is S.ACCEPTED
    assert kinds(payment) == {FindingKind.UNMAPPED}
    assert payment.certainty is Certainty.UNKNOWN


def test_a_known_word_that_comes_later_thaws_it() -> None:
    payment = folded(report(S.ACCEPTED), report(None, SECOND), report(S.PROCESSING, 2 * SECOND))
    assert payment.state is S.PROCESSING
    assert not payment.findings
    assert payment.certainty is Certainty.SENT


def test_a_known_word_from_before_does_not() -> None:
    assert folded(report(None, SECOND), report(S.PROCESSING)).is_frozen


def test_a_lagging_answer_is_forgiven_when_the_partner_stands_where_it_stood() -> None:
    lagging = (report(S.SETTLED), report(S.PROCESSING, SECOND))
    assert folded(*lagging).is_frozen
    assert not folded(*lagging, report(S.SETTLED, 2 * SECOND)).is_frozen


@pytest.mark.parametrize("end", sorted(PROVEN_NOTHING_MOVED))
@pytest.mark.parametrize("positive", [S.ACCEPTED, S.PROCESSING, S.SETTLED, S.FINAL])
def test_a_good_word_after_a_bad_end_contradicts(end: PaymentState, positive: PaymentState) -> None:
    payment = folded(report(end), report(positive, SECOND))
    assert payment.state is end
    assert payment.certainty is Certainty.UNKNOWN


def test_the_refusal_of_a_repeat_says_nothing_of_the_first_send() -> None:
    refusal = report(S.REJECTED, source=Source.REPLY, partner_reference=None, attempt=2)
    doubted = book(attempt(), attempt(2, answer=Answer.REFUSED))
    payment = folded(refusal, of=doubted)
    assert payment.state is S.SUBMITTING
    assert kinds(payment) == {FindingKind.REPEAT_REFUSED}
    assert payment.certainty is Certainty.UNKNOWN
    accepted = book(attempt(answer=Answer.ACCEPTED), attempt(2, answer=Answer.REFUSED))
    assert folded(refusal, report(S.PROCESSING, SECOND), of=accepted).state is S.PROCESSING


@pytest.mark.parametrize("closed", [Closed.EXPIRED, Closed.CANCELLED])
def test_nor_does_it_contradict_the_end_that_was_proven_later(closed: Closed) -> None:
    refusal = report(S.REJECTED, source=Source.REPLY, partner_reference=None, attempt=2)
    ended = book(
        attempt(),
        attempt(2, answer=Answer.REFUSED),
        lookups=absent(NOW + HOUR, NOW + 2 * HOUR),
        closed=closed,
    )
    payment = folded(refusal, of=ended)
    assert payment.state.value == closed.value
    assert payment.certainty is Certainty.NOT_SENT


def test_nothing_is_uncertain_of_what_was_turned_away_and_then_found() -> None:
    """The first lookup could not tell; the second found what the partner said it turned away."""
    turned_away = attempt(result=AttemptResult.TURNED_AWAY)
    in_vain = LookedUp(asked_at=NOW + HOUR, result=LookupResult.CANNOT_TELL)
    found = LookedUp(asked_at=NOW + 2 * HOUR, result=LookupResult.FOUND)
    shown = report(S.PROCESSING, 2 * HOUR)
    complete = operation(lookup=LookupKind.STRONG)
    asked_once = folded(of=book(turned_away, lookups=(in_vain,)), pay=complete)
    assert asked_once.certainty is Certainty.UNKNOWN
    asked_twice = folded(shown, of=book(turned_away, lookups=(in_vain, found)), pay=complete)
    assert (asked_twice.state, asked_twice.certainty) == (S.PROCESSING, Certainty.SENT)
    told_by_a_feed = folded(
        shown, of=book(turned_away, lookups=(in_vain,), held=True), pay=complete
    )
    assert told_by_a_feed.certainty is Certainty.SENT


def test_the_refusal_of_a_first_send_rejects() -> None:
    assert REACHED[S.REJECTED].certainty is Certainty.NOT_SENT


def test_one_expired_instruction_beside_a_live_one_is_no_end() -> None:
    assert folded(of=book(closed=Closed.EXPIRED), also=[book(attempt())]).state is S.SUBMITTING
    assert folded(of=book(closed=Closed.EXPIRED), also=[book()]).state is S.CREATED


def test_final_needs_a_read_that_was_asked_after_the_watch() -> None:
    too_early = folded(report(S.SETTLED), report(S.SETTLED, WATCH - SECOND))
    assert (too_early.state, too_early.basis) == (S.SETTLED, None)
    in_time = folded(report(S.SETTLED), report(S.SETTLED, WATCH))
    assert (in_time.state, in_time.basis) == (S.FINAL, FINAL_BY_WATCH)
    no_read = folded(report(S.SETTLED), report(S.SETTLED, WATCH, source=Source.REPLY))
    assert no_read.state is S.SETTLED


def test_a_settled_word_after_the_watch_alone_starts_a_watch() -> None:
    assert folded(report(S.PROCESSING), report(S.SETTLED, WATCH * 2)).state is S.SETTLED


def test_the_creditor_s_bank_makes_it_final_at_once() -> None:
    payment = folded(report(S.FINAL))
    assert (payment.state, payment.basis) == (S.FINAL, FINAL_BY_CREDITOR)


@pytest.mark.parametrize("first", [report(S.FINAL), report(S.SETTLED)])
def test_settled_said_once_more_does_not_shake_final(first: Report) -> None:
    payment = folded(first, report(S.SETTLED, WATCH), report(S.SETTLED, WATCH + DAY))
    assert payment.state is S.FINAL
    assert not payment.is_frozen


def test_final_is_not_reached_over_an_open_difference() -> None:
    other = report(S.SETTLED, SECOND, observed=Observed(amount=euro(9_999)))
    assert folded(report(S.SETTLED), other, report(S.SETTLED, WATCH)).state is S.SETTLED


@pytest.mark.parametrize("by", [S.SETTLED, S.FINAL])
def test_failed_weeks_after_it_was_completed_is_returned_less_a_fee(by: PaymentState) -> None:
    completed = report(by, movements=(movement(DEBIT, 10_000),))
    failed = report(S.RETURNED, 21 * DAY, movements=(movement(RETURN, 9_800),))
    payment = folded(completed, failed)
    assert payment.state is S.RETURNED
    assert payment.amounts.returned.minor < payment.amounts.settled.minor
    assert payment.amounts.net == euro(200)
    assert payment.funds_back
    assert FindingKind.LATE in kinds(payment)
    assert not payment.is_frozen


def test_a_fee_with_its_own_booking_is_what_it_cost() -> None:
    fee = (movement(RETURN, 10_000), movement(FEE, 200))
    payment = folded(
        report(S.SETTLED, movements=(movement(DEBIT, 10_000),)),
        report(S.RETURNED, DAY, movements=fee),
    )
    assert payment.amounts.net == payment.amounts.fees == euro(200)


def test_funds_are_back_only_when_the_credit_is_seen() -> None:
    assert not folded(report(S.SETTLED), report(S.RETURNED, DAY)).funds_back


@pytest.mark.parametrize(
    "observed",
    [
        Observed(amount=euro(9_999)),
        Observed(amount=euro(10_000).model_copy(update={"currency": "USD"})),
        Observed(creditor_account_ends="0001"),
        Observed(beneficiary_is_ours=False),
        Observed(requested_execution_date=date(2026, 3, 2)),
    ],
    ids=["amount", "currency", "creditor", "beneficiary", "date"],
)
def test_a_difference_from_the_order_freezes(observed: Observed) -> None:
    payment = folded(report(S.PROCESSING, observed=observed))
    assert kinds(payment) == {FindingKind.DIFFERS}
    assert payment.certainty is Certainty.UNKNOWN
    assert CREDITOR_IBAN not in payment.model_dump_json()


def test_what_equals_the_order_or_is_not_said_is_no_difference() -> None:
    same = Observed(
        amount=euro(10_000),
        creditor_account_ends=CREDITOR_IBAN[-4:],
        beneficiary_is_ours=True,
        requested_execution_date=date(2026, 3, 4),
    )
    assert not folded(report(S.PROCESSING, observed=same)).findings
    other = ORDER.model_copy(update={"creditor_account": Account(other="12345678")})
    assert not folded(report(S.PROCESSING), order=other).findings


def test_a_booked_debit_outranks_every_word_wherever_it_stands_in_time() -> None:
    booked = report(S.CREATED, -DAY, source=Source.STATEMENT, movements=(movement(DEBIT, 10_000),))
    payment = folded(booked, report(S.AWAITING_PARTNER))
    assert (payment.state, payment.settled_at) == (S.SETTLED, booked.as_of)
    assert folded(booked, report(S.REJECTED)).certainty is Certainty.UNKNOWN


def test_a_booked_return_outranks_every_word() -> None:
    debit = report(None, source=Source.STATEMENT, movements=(movement(DEBIT, 10_000),))
    back = report(None, DAY, source=Source.STATEMENT, movements=(movement(RETURN, 10_000),))
    assert folded(report(S.FINAL, 2 * DAY), debit, back).state is S.RETURNED
    returned_first = folded(report(S.PROCESSING), debit, back)
    assert (returned_first.state, returned_first.state_as_of) == (S.RETURNED, back.as_of)
    assert folded(report(S.REJECTED), back).is_frozen


def test_of_two_bookings_the_debit_is_what_settled_it() -> None:
    fee = report(None, -DAY, source=Source.STATEMENT, movements=(movement(FEE, 10),))
    debit = report(None, DAY, source=Source.STATEMENT, movements=(movement(DEBIT, 10_000),))
    assert folded(fee, debit).settled_at == debit.as_of


def test_two_objects_at_the_partner_contradict() -> None:
    payment = folded(report(S.PROCESSING), report(S.PROCESSING, DAY, partner_reference="ref-2"))
    assert payment.certainty is Certainty.UNKNOWN


def test_movements_count_once_and_as_the_statement_has_them() -> None:
    told = report(S.SETTLED, DAY, movements=(movement(DEBIT, 9_000, "m1"),))
    again = report(S.SETTLED, 2 * DAY, movements=(movement(DEBIT, 9_000, "m1"),))
    assert folded(told, again).amounts.settled == euro(9_000)
    booked = report(None, source=Source.STATEMENT, movements=(movement(DEBIT, 10_000, "m1"),))
    assert folded(told, again, booked).amounts.settled == euro(10_000)


def test_more_booked_than_was_ordered_freezes() -> None:
    twice = (movement(DEBIT, 10_000, "m1"), movement(DEBIT, 10_000, "m2"))
    payment = folded(report(S.SETTLED, movements=twice))
    assert kinds(payment) == {FindingKind.DIFFERS}
    assert payment.certainty is Certainty.UNKNOWN


def test_nothing_moved_is_not_believed_while_a_debit_stands() -> None:
    released = report(S.PROCESSING, movements=(movement(DEBIT, 10_000),))
    failed = report(S.REJECTED, DAY)
    assert folded(released, failed).certainty is Certainty.UNKNOWN
    undone = report(S.REJECTED, 2 * DAY, movements=(movement(RETURN, 10_000),))
    assert folded(released, failed, undone).certainty is Certainty.SENT


@settings(max_examples=50)
@given(st.permutations([S.AWAITING_PARTNER, S.ACCEPTED, S.PROCESSING, S.SETTLED]))
def test_words_of_one_moment_are_heard_in_the_order_of_their_ranks(
    states: list[PaymentState],
) -> None:
    """A partner's clock may stand still for a second, and ours in a test."""
    payment = folded(*(report(state) for state in states))
    assert payment.state is S.SETTLED
    assert not payment.findings
