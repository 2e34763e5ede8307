"""What people are shown is never more hopeful than the evidence."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.lifecycle.resource import Certainty
from domain.lifecycle.sending import Book, Closed
from domain.payments.display import NO_RETRY_REASONS, Display, Funds, display
from domain.payments.order import Direction
from domain.payments.payment import Payment
from domain.payments.report import MovementKind, PaymentState, Report
from domain.payments.states import PROVEN_NOTHING_MOVED
from domain.payments.view import PaymentView
from tests.domain.arbitrary import books, cancel_books, gate_words, reports, views
from tests.domain.samples import SECOND, attempt, book, decision, folded, gate, movement, report
from tests.domain.test_payment import REACHED

S = PaymentState
HOPEFUL = re.compile(
    r"\b(success\w*|complete[d]?|paid|done|settled|final|arrived|delivered|executed|was sent)\b"
    r"|^(sent)\b",
    re.IGNORECASE,
)
#: The states in which money has left us, as far as we know.
LEFT = {S.SETTLED, S.FINAL, S.UNCONFIRMED, S.RETURNED, S.PARTLY_CAPTURED, S.CAPTURED}


def keeps_the_rules(payment: Payment, shown: Display) -> None:
    if payment.certainty is Certainty.UNKNOWN:
        assert shown.headline == "We are checking"
        assert (shown.final, shown.may_retry, shown.may_cancel) == (False, False, False)
        assert shown.next_action is None
        assert shown.funds is Funds.KEEP_HOLDING
        return
    if payment.state not in LEFT | PROVEN_NOTHING_MOVED:
        assert not HOPEFUL.search(shown.headline), shown
        assert not HOPEFUL.search(shown.detail), shown
        assert shown.funds is Funds.HOLD
        assert not shown.final
    if shown.may_retry:
        assert payment.state in PROVEN_NOTHING_MOVED
    if shown.may_cancel:
        assert payment.state not in LEFT | PROVEN_NOTHING_MOVED
    if shown.funds is Funds.RELEASE:
        assert payment.state in PROVEN_NOTHING_MOVED or payment.funds_back


@given(st.lists(reports, max_size=5), books, cancel_books)
def test_in_doubt_it_offers_nothing_and_before_settled_it_promises_nothing(
    told: list[Report], of: Book, cancel: Book | None
) -> None:
    payment = folded(*told, of=of, cancel=cancel)
    keeps_the_rules(payment, display(payment))
    if of.in_doubt or (cancel is not None and cancel.in_doubt):
        assert display(payment).headline == "We are checking"


@settings(max_examples=60)
@given(views)
def test_nor_does_it_for_any_history_that_a_book_can_have(seen: PaymentView) -> None:
    shown = display(seen.payment)
    keeps_the_rules(seen.payment, shown)
    if any(i.book.in_doubt for i in seen.instructions):
        assert shown.funds is Funds.KEEP_HOLDING
        assert not shown.may_retry


@given(st.lists(gate_words, max_size=4), books)
def test_what_our_checks_hold_or_bar_is_shown_as_ours_and_moves_nothing(
    told: list[Report], of: Book
) -> None:
    payment = folded(*told, of=of)
    shown = display(payment)
    keeps_the_rules(payment, shown)
    if payment.certainty is not Certainty.UNKNOWN and payment.state is S.AWAITING_US:
        assert (shown.headline, shown.funds) == ("On hold with us", Funds.HOLD)
        assert shown.may_cancel


def test_a_decision_is_shown_like_the_state_it_says_and_only_once_the_doubt_is_over() -> None:
    doubted, known = book(attempt()), book(attempt(), held=True)
    closed = book(attempt(), closed=Closed.NOT_EXECUTED)
    assert display(folded(decision(S.SETTLED), of=doubted)).headline == "We are checking"
    assert display(folded(decision(S.SETTLED), of=known)).funds is Funds.DEBIT
    released = display(folded(decision(S.REJECTED), of=closed))
    assert (released.funds, released.may_retry) == (Funds.RELEASE, True)
    against = folded(decision(S.REJECTED), report(S.SETTLED, SECOND), of=closed)
    keeps_the_rules(against, display(against))
    assert display(against).headline == "We are checking"


@pytest.mark.parametrize("state", PaymentState)
def test_every_state_in_doubt_reads_as_we_are_checking(state: PaymentState) -> None:
    doubtful = REACHED[state].model_copy(update={"certainty": Certainty.UNKNOWN})
    keeps_the_rules(doubtful, display(doubtful))


FUNDS = {
    **dict.fromkeys(PaymentState, Funds.HOLD),
    **dict.fromkeys((S.SETTLED, S.FINAL, S.UNCONFIRMED), Funds.DEBIT),
    **dict.fromkeys((S.REJECTED, S.CANCELLED, S.EXPIRED), Funds.RELEASE),
    S.RETURNED: Funds.KEEP_HOLDING,
    **dict.fromkeys((S.PARTLY_CAPTURED, S.CAPTURED), Funds.CREDIT),
}
FINAL = {S.FINAL, S.RETURNED, S.REJECTED, S.CANCELLED, S.EXPIRED}
#: A cancel is taken in exactly these.
MAY_CANCEL = {
    S.CREATED, S.SUBMITTING, S.AWAITING_US, S.AWAITING_USER, S.AWAITING_PARTNER, S.ACCEPTED,
    S.AUTHORISED,
}  # fmt: skip


@pytest.mark.parametrize("state", PaymentState)
def test_every_state_has_its_words_and_its_funds(state: PaymentState) -> None:
    certain = REACHED[state].model_copy(update={"certainty": Certainty.SENT})
    shown = display(certain)
    keeps_the_rules(certain, shown)
    assert shown.headline
    assert shown.detail
    assert shown.funds is FUNDS[state]
    assert shown.final == (state in FINAL)
    assert shown.may_cancel == (state in MAY_CANCEL)
    assert shown.may_retry == (state in PROVEN_NOTHING_MOVED)


@pytest.mark.parametrize("state", PaymentState)
def test_no_text_speaks_to_the_payer_because_operators_read_it_too(state: PaymentState) -> None:
    for certainty in Certainty:
        shown = display(REACHED[state].model_copy(update={"certainty": certainty}))
        texts = f"{shown.headline} {shown.detail} {shown.next_action}"
        assert not re.search(r"\b(you|your|please)\b", texts, re.IGNORECASE), texts


def test_what_people_found_out_reads_as_sent_or_taken_by_its_direction() -> None:
    sent = folded(decision(S.SETTLED), of=book(attempt(), held=True))
    taken = sent.model_copy(update={"state": S.CAPTURED, "direction": Direction.INCOMING})
    assert display(sent).headline == "Sent, according to our check"
    assert display(taken).headline == "Taken, according to our check"


def test_every_state_has_a_headline_of_its_own() -> None:
    certain = (p.model_copy(update={"certainty": Certainty.SENT}) for p in REACHED.values())
    assert len({display(payment).headline for payment in certain}) == len(PaymentState)


@pytest.mark.parametrize("reason", sorted(NO_RETRY_REASONS))
def test_what_cannot_succeed_or_is_not_allowed_is_not_offered_again(reason: str) -> None:
    assert not display(folded(report(S.REJECTED, status_reason=reason))).may_retry
    assert display(folded(report(S.REJECTED, status_reason="AM04"))).may_retry


def test_a_return_is_released_when_the_credit_is_seen_and_says_how_much() -> None:
    back = report(S.RETURNED, SECOND, movements=(movement(MovementKind.RETURN, 9_800),))
    shown = display(folded(report(S.SETTLED), back))
    assert shown.funds is Funds.RELEASE
    assert "98.00 EUR" in shown.detail


def test_a_refusal_says_why() -> None:
    assert "closed account" in display(folded(report(S.REJECTED, reason="closed account"))).detail


@pytest.mark.parametrize(
    "told",
    [
        gate(S.REJECTED, reason="screening: listed"),
        decision(S.REJECTED, reason="the bank's clerk told me so"),
    ],
)
def test_what_we_wrote_for_ourselves_is_not_shown(told: Report) -> None:
    payment = folded(told, of=book(closed=Closed.REFUSED))
    assert payment.reason == told.reason
    assert display(payment).detail == "The payment was refused; no money was moved."
