"""What the fold hears through an instruction that takes a payment back."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.lifecycle.resource import Certainty, FindingKind
from domain.lifecycle.sending import Answer, AttemptResult, Book, Closed
from domain.payments.report import Observed, PaymentState, Report, Source
from domain.payments.states import CANCELLABLE, may_follow
from tests.domain.arbitrary import partner_words
from tests.domain.samples import (
    ACCEPTED_BOOK,
    CANCEL,
    HOUR,
    MINUTE,
    NOW,
    absent,
    attempt,
    book,
    euro,
    folded,
    report,
)

S = PaymentState
REFUSED = book(attempt(answer=Answer.REFUSED), closed=Closed.REFUSED)
DOUBTED = book(attempt())
MOOT = book(attempt(), closed=Closed.MOOT)


def through_cancel(
    state: PaymentState | None,
    at: timedelta = MINUTE,
    *,
    source: Source = Source.REPLY,
    partner_reference: str | None = "ref-1",
    observed: Observed | None = None,
) -> Report:
    """What was heard where we asked to take it back."""
    return report(
        state,
        at,
        source=source,
        partner_reference=partner_reference,
        instruction_id=CANCEL,
        attempt=1,
        observed=observed or Observed(),
    )


#: How partners refuse: by a word of their own, or by one that sounds like the payment's end.
REFUSALS = [None, S.REJECTED, S.AWAITING_US]


@pytest.mark.parametrize("reference", [None, "ref-1"])
@pytest.mark.parametrize("word", REFUSALS)
@pytest.mark.parametrize("stands", sorted(set(PaymentState) - {S.CREATED, S.SUBMITTING}))
def test_a_refused_cancel_says_nothing_of_the_payment(
    stands: PaymentState, word: PaymentState | None, reference: str | None
) -> None:
    alone = folded(report(stands), cancel=REFUSED)
    refusal = through_cancel(word, partner_reference=reference)
    assert folded(report(stands), refusal, cancel=REFUSED) == alone


def test_nor_does_one_whose_sends_are_still_in_doubt() -> None:
    refusal = through_cancel(S.REJECTED, partner_reference=None)
    doubted = book(attempt(), attempt(2, answer=Answer.REFUSED))
    payment = folded(report(S.ACCEPTED), refusal, cancel=doubted)
    assert (payment.state, payment.certainty) == (S.ACCEPTED, Certainty.UNKNOWN)


@pytest.mark.parametrize("stands", sorted(CANCELLABLE - {S.CREATED, S.SUBMITTING}))
def test_an_accepted_cancel_cancels(stands: PaymentState) -> None:
    payment = folded(report(stands), through_cancel(S.CANCELLED), cancel=ACCEPTED_BOOK)
    assert (payment.state, payment.certainty) == (S.CANCELLED, Certainty.SENT)
    assert not payment.findings
    found = through_cancel(S.CANCELLED, source=Source.READ)
    looked_up = book(attempt(), held=True)
    assert folded(report(stands), found, cancel=looked_up).state is S.CANCELLED


@pytest.mark.parametrize("stands", [S.SETTLED, S.FINAL, S.RETURNED])
def test_a_cancel_accepted_of_what_is_settled_contradicts(stands: PaymentState) -> None:
    payment = folded(report(stands), through_cancel(S.CANCELLED), cancel=ACCEPTED_BOOK)
    assert payment.state is (S.SETTLED if stands is S.FINAL else stands)
    assert payment.certainty is Certainty.UNKNOWN


def test_a_good_word_after_the_cancel_was_accepted_contradicts() -> None:
    told = (report(S.ACCEPTED), through_cancel(S.CANCELLED), report(S.PROCESSING, HOUR))
    payment = folded(*told, cancel=ACCEPTED_BOOK)
    assert payment.state is S.CANCELLED
    assert {f.kind for f in payment.findings} == {FindingKind.CONTRADICTION}


def test_what_looking_it_up_shows_is_the_partner_s_word_for_the_payment() -> None:
    """There the payment itself is shown, not what became of our asking."""
    for word in (S.REJECTED, S.PROCESSING):
        shown = through_cancel(word, source=Source.READ)
        assert folded(report(S.ACCEPTED), shown, cancel=MOOT).state is word
    unknown = folded(report(S.ACCEPTED), through_cancel(None, source=Source.READ), cancel=MOOT)
    assert {f.kind for f in unknown.findings} == {FindingKind.UNMAPPED}


def test_what_its_reply_shows_is_compared_with_the_order() -> None:
    other = through_cancel(S.CANCELLED, observed=Observed(amount=euro(1)))
    assert folded(report(S.ACCEPTED), other, cancel=ACCEPTED_BOOK).is_frozen
    another = through_cancel(S.CANCELLED, partner_reference="ref-2")
    assert folded(report(S.ACCEPTED), another, cancel=ACCEPTED_BOOK).is_frozen


@pytest.mark.parametrize(
    "cancel",
    [
        DOUBTED,
        book(attempt(1, AttemptResult.OPEN)),
        book(attempt(answer=Answer.DUPLICATE)),
        book(attempt(), lookups=absent(NOW + HOUR, NOW + 2 * HOUR)),
    ],
    ids=["unknown", "live", "duplicate", "absent, and not acted on"],
)
def test_one_in_doubt_makes_the_payment_uncertain(cancel: Book) -> None:
    for state in (S.ACCEPTED, S.SETTLED, S.REJECTED):
        assert folded(report(state), cancel=cancel).certainty is Certainty.UNKNOWN


@pytest.mark.parametrize("why", Closed)
def test_a_closed_one_does_not(why: Closed) -> None:
    closed = DOUBTED.model_copy(update={"closed": why})
    for state in (S.ACCEPTED, S.SETTLED, S.REJECTED):
        payment = folded(report(state), cancel=closed)
        assert (payment.state, payment.certainty) == (state, Certainty.SENT)


@pytest.mark.parametrize("why", [Closed.CANCELLED, Closed.EXPIRED])
def test_its_own_end_is_not_that_of_the_payment(why: Closed) -> None:
    for of, state in ((book(), S.CREATED), (book(attempt()), S.SUBMITTING)):
        assert folded(of=of, cancel=book(closed=why)).state is state
    sent = book(attempt(answer=Answer.ACCEPTED))
    assert folded(of=book(closed=why), cancel=sent).state.value == why.value


def test_that_a_cancel_was_sent_twice_is_no_payment_made_twice() -> None:
    twice = book(attempt(answer=Answer.ACCEPTED), attempt(2))
    assert not folded(report(S.ACCEPTED), cancel=twice).is_frozen
    assert folded(report(S.ACCEPTED), of=twice).is_frozen


@given(st.lists(partner_words, max_size=5), st.sampled_from(REFUSALS), st.integers(0, 20))
def test_whenever_it_is_refused_the_payment_stands_as_if_nobody_had_asked(
    told: list[Report], word: PaymentState | None, day: int
) -> None:
    heard = [w for w in told if w.instruction_id != CANCEL]
    refusal = through_cancel(word, day * timedelta(days=1), partner_reference=None)
    assert folded(*heard, refusal, cancel=REFUSED) == folded(*heard, cancel=REFUSED)


@given(st.sampled_from(PaymentState), st.sampled_from([None, DOUBTED, REFUSED, MOOT]))
def test_cancelled_is_the_partner_s_word_or_that_of_our_own_book(
    stands: PaymentState, cancel: Book | None
) -> None:
    payment = folded(report(stands), cancel=cancel)
    is_said = stands is S.CANCELLED and may_follow(S.SUBMITTING, stands)
    assert (payment.state is S.CANCELLED) == is_said
