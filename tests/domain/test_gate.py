"""The gate: what checks say together, and what that means for a payment nothing was sent of."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.lifecycle.gate import Barred, Examined, OnHold, Passed, Verdict
from domain.lifecycle.resource import Certainty
from domain.lifecycle.sending import Answer, AttemptResult, Book, Closed
from domain.payments.gate import CheckKind
from domain.payments.kind import PaymentKind
from domain.payments.order import Direction
from domain.payments.report import PaymentState, Report, Source
from domain.payments.states import PROVEN_NOTHING_MOVED, STATES
from tests.domain.arbitrary import books, gate_words, partner_words
from tests.domain.samples import (
    ACCEPTED_BOOK,
    HOUR,
    INSTRUCTION,
    MINUTE,
    NOW,
    SECOND,
    attempt,
    book,
    folded,
    gate,
    report,
)

S = PaymentState
HELD, PASSED, BARRED = S.AWAITING_US, S.CREATED, S.REJECTED
UNSENT = (book(), book(attempt(1, AttemptResult.NOT_SENT), attempt(2, AttemptResult.NOT_SENT)))

whys = st.sampled_from(["nobody looked", "too much", "on a list"])
verdicts: st.SearchStrategy[Verdict] = st.one_of(
    st.builds(Passed, whys),
    st.builds(OnHold, whys, st.integers(1, 9).map(lambda n: NOW + n * HOUR)),
    st.builds(Barred, whys, st.sampled_from(["NARR", "RR04", "AM14"])),
)
all_verdicts = st.lists(st.tuples(st.sampled_from(CheckKind), verdicts), max_size=5)


def examined(*said: Verdict) -> Examined:
    return Examined(NOW, [(kind, each) for kind, each in zip(CheckKind, said, strict=False)])


@given(all_verdicts)
def test_whatever_the_checks_say_it_is_one_report_and_one_moment(
    said: list[tuple[CheckKind, Verdict]],
) -> None:
    together = Examined(NOW, said)
    barred = [v for _, v in said if isinstance(v, Barred)]
    held = [v for _, v in said if isinstance(v, OnHold)]
    told = together.report(INSTRUCTION, PaymentKind.gate)
    assert (told.instruction_id, told.source, told.as_of) == (INSTRUCTION, Source.GATE, NOW)
    assert told.state == (BARRED if barred else HELD if held else PASSED)
    assert together.passed == (told.state == PASSED)
    assert together.look_again_at == min((v.look_again_at for v in held), default=None)
    assert told.status_reason == (barred[0].status_reason if barred else None)
    decisive = barred or held or [v for _, v in said]
    assert told.reason == "; ".join(f"{k}: {v.why}" for k, v in said if v in decisive)
    assert (told.partner_reference, told.movements) == (None, ())
    assert (
        told.report_id == Examined(NOW, list(said)).report(INSTRUCTION, PaymentKind.gate).report_id
    )


def test_a_bar_outweighs_a_hold_and_a_hold_a_pass() -> None:
    until = NOW + HOUR
    mixed = examined(Passed("fine"), OnHold("nobody agreed yet", until), Barred("listed", "RR04"))
    told = mixed.report(INSTRUCTION, PaymentKind.gate)
    assert (told.state, told.status_reason) == (BARRED, "RR04")
    assert told.reason == "screening: listed"
    held = examined(Passed("fine"), OnHold("later", until), OnHold("soon", NOW + MINUTE))
    assert held.look_again_at == NOW + MINUTE, "whichever may change first"
    assert held.report(INSTRUCTION, PaymentKind.gate).reason == "limit: later; screening: soon"


def test_where_nothing_is_checked_it_passes() -> None:
    nothing = Examined(NOW, ())
    assert nothing.passed
    assert nothing.look_again_at is None
    assert nothing.report(INSTRUCTION, PaymentKind.gate).state == PASSED


@pytest.mark.parametrize("of", UNSENT)
def test_a_held_order_waits_for_us_and_goes_back_when_it_passes(of: Book) -> None:
    before = folded(of=of)
    held = folded(gate(HELD, reason="limit: too much"), of=of)
    assert (held.state, held.certainty) == (S.AWAITING_US, Certainty.NOT_SENT)
    assert held.reason == "limit: too much"
    assert held.state_as_of == NOW
    assert folded(gate(HELD), gate(PASSED, SECOND), of=of) == before
    assert folded(gate(PASSED), of=of) == before
    again = folded(gate(HELD), gate(PASSED, SECOND), gate(HELD, MINUTE), of=of)
    assert (again.state, again.state_as_of) == (S.AWAITING_US, NOW + MINUTE)


def test_a_barred_order_is_refused_for_good() -> None:
    closed = book(closed=Closed.REFUSED)
    told = (
        gate(HELD),
        gate(BARRED, SECOND, reason="screening: listed", status_reason="RR04"),
    )
    barred = folded(*told, of=closed)
    assert (barred.state, barred.certainty) == (S.REJECTED, Certainty.NOT_SENT)
    assert (barred.reason, barred.status_reason) == ("screening: listed", "RR04")
    assert not barred.findings
    for later in (gate(PASSED, MINUTE), gate(HELD, MINUTE)):
        assert folded(*told, later, of=closed) == barred


@pytest.mark.parametrize("said", [PASSED, HELD])
@pytest.mark.parametrize(
    "of",
    [
        ACCEPTED_BOOK,
        book(attempt()),
        book(attempt(1, AttemptResult.OPEN)),
        book(attempt(answer=Answer.REFUSED), closed=Closed.REFUSED),
        book(attempt(1, AttemptResult.NOT_SENT), attempt(2)),
    ],
    ids=["accepted", "unknown", "live", "refused", "sent again"],
)
def test_of_what_was_sent_only_the_partner_speaks(of: Book, said: PaymentState) -> None:
    assert folded(gate(said), of=of) == folded(of=of)
    assert folded(gate(HELD), gate(said, SECOND), of=of) == folded(of=of)


@pytest.mark.parametrize("closed", [Closed.CANCELLED, Closed.EXPIRED])
@pytest.mark.parametrize("of", UNSENT)
def test_what_ended_while_it_was_held_has_ended(of: Book, closed: Closed) -> None:
    ended = of.model_copy(update={"closed": closed})
    for said in ((gate(HELD),), (gate(HELD), gate(PASSED, SECOND)), (gate(BARRED),)):
        payment = folded(*said, of=ended)
        assert payment.state.value == closed.value
        assert not payment.findings


#: What a partner can say of a credit transfer.
WORDS = [word for word in PaymentState if STATES[word].only is not Direction.INCOMING]


@pytest.mark.parametrize("word", sorted(set(WORDS) - {S.CREATED, S.SUBMITTING}))
@pytest.mark.parametrize("said", [PASSED, HELD, BARRED])
def test_a_word_of_the_partner_stands_whatever_our_checks_say_later(
    word: PaymentState, said: PaymentState
) -> None:
    """They end what never was sent. Of what the partner has in hand they know nothing."""
    for of in (*UNSENT, ACCEPTED_BOOK):
        alone = folded(report(word), of=of)
        assert folded(report(word), gate(said, SECOND), of=of) == alone


@pytest.mark.parametrize("word", [S.ACCEPTED, S.PROCESSING, S.SETTLED])
def test_a_word_that_it_was_executed_after_it_was_barred_freezes(word: PaymentState) -> None:
    payment = folded(gate(BARRED), report(word, SECOND), of=book(closed=Closed.REFUSED))
    assert payment.state is S.REJECTED
    assert payment.certainty is Certainty.UNKNOWN


def test_at_one_moment_the_partner_s_word_is_heard_before_that_of_our_checks() -> None:
    """A test's clock may stand still between the checks, the send and its answer."""
    accepted = report(S.ACCEPTED, source=Source.REPLY)
    assert folded(gate(PASSED), accepted).state is S.ACCEPTED
    assert folded(gate(HELD), gate(PASSED), accepted).state is S.ACCEPTED


@given(st.lists(gate_words, max_size=5), books)
def test_our_checks_alone_never_say_that_anything_moved_or_was_in_doubt(
    told: list[Report], of: Book
) -> None:
    payment, silent = folded(*told, of=of), folded(of=of)
    assert payment.certainty is silent.certainty
    assert not payment.findings
    assert payment.state in {silent.state, HELD, BARRED}
    if of.attempts and of.attempts[0].result is not AttemptResult.NOT_SENT:
        assert payment.state is silent.state


@given(st.lists(partner_words, max_size=4), st.lists(gate_words, max_size=4))
def test_our_checks_never_end_what_the_partner_holds(
    words: list[Report], checks: list[Report]
) -> None:
    told = [w for w in words if w.state not in PROVEN_NOTHING_MOVED]
    payment = folded(*told, *checks)
    assert payment.state not in PROVEN_NOTHING_MOVED
