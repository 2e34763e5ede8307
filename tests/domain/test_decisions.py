"""What people decided settles what it names and nothing else; who speaks later is heard."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.lifecycle.resource import Certainty, FindingKind
from domain.lifecycle.sending import Answer, Book, Closed
from domain.payments.payment import FINAL_BY_WATCH, Payment
from domain.payments.report import MovementKind, Observed, PaymentState, Report, Source
from domain.payments.states import PROVEN_NOTHING_MOVED
from tests.domain.arbitrary import SETTLED_TEXTS, books, partner_words
from tests.domain.samples import (
    HOUR,
    NOW,
    SECOND,
    WATCH,
    absent,
    attempt,
    book,
    decision,
    euro,
    folded,
    movement,
    report,
)

S = PaymentState
DEBIT, RETURN = MovementKind.DEBIT, MovementKind.RETURN
DAY = timedelta(days=1)
#: As the commands leave the book: found executed it counts as held, found not executed as closed.
FOUND = book(attempt(), held=True)
NOT_EXECUTED = book(attempt(), closed=Closed.NOT_EXECUTED)
CONTRADICTED = (report(S.REJECTED), report(S.SETTLED, SECOND))


def open_texts(payment: Payment) -> tuple[str, ...]:
    return tuple(finding.text for finding in payment.findings if finding.freezes)


def test_doubt_ends_with_the_word_of_people() -> None:
    assert folded(of=book(attempt())).certainty is Certainty.UNKNOWN
    executed = folded(decision(S.UNCONFIRMED, HOUR, reason="seen on paper"), of=FOUND)
    assert (executed.state, executed.certainty) == (S.UNCONFIRMED, Certainty.SENT)
    assert (executed.basis, executed.reason) == ("found", "seen on paper")
    assert executed.is_decided
    rejected = folded(decision(S.REJECTED, HOUR), of=NOT_EXECUTED)
    assert (rejected.state, rejected.certainty) == (S.REJECTED, Certainty.NOT_SENT)
    cancelled = folded(decision(S.CANCELLED, HOUR), of=NOT_EXECUTED)
    assert (cancelled.state, cancelled.certainty) == (S.CANCELLED, Certainty.NOT_SENT)


def test_without_the_book_a_decision_ends_no_doubt() -> None:
    """The word and the book change in one transaction; neither is believed alone."""
    alone = folded(decision(S.REJECTED, HOUR), of=book(attempt()))
    assert alone.certainty is Certainty.UNKNOWN


def test_it_settles_the_findings_it_names_and_no_other() -> None:
    other = report(S.SETTLED, 2 * SECOND, observed=Observed(beneficiary_is_ours=False))
    before = folded(*CONTRADICTED, other)
    contradiction, differs = open_texts(before)
    assert open_texts(folded(*CONTRADICTED, other, decision(None, HOUR))) == (
        contradiction,
        differs,
    )
    one = folded(*CONTRADICTED, other, decision(None, HOUR, contradiction))
    assert open_texts(one) == (differs,)
    assert one.certainty is Certainty.UNKNOWN
    both = folded(*CONTRADICTED, other, decision(None, HOUR, contradiction, differs))
    assert (both.findings, both.certainty) == ((), Certainty.SENT)
    assert both.state is S.REJECTED, "it said nothing of the state"
    assert not both.is_decided


def test_the_same_word_after_a_decision_freezes_again() -> None:
    (contradiction,) = open_texts(folded(*CONTRADICTED))
    decided = (*CONTRADICTED, decision(S.REJECTED, HOUR, contradiction))
    assert not folded(*decided).is_frozen
    again = folded(*decided, report(S.SETTLED, 2 * HOUR))
    assert open_texts(again) == (contradiction,)
    assert (again.state, again.certainty) == (S.REJECTED, Certainty.UNKNOWN)
    settled = folded(*decided, report(S.SETTLED, 2 * HOUR), decision(None, DAY, contradiction))
    assert not settled.is_frozen


@pytest.mark.parametrize(
    ("decided", "of", "word"),
    [
        (S.REJECTED, NOT_EXECUTED, S.PROCESSING),
        (S.REJECTED, NOT_EXECUTED, S.CANCELLED),
        (S.CANCELLED, NOT_EXECUTED, S.SETTLED),
        (S.SETTLED, FOUND, S.REJECTED),
        (S.SETTLED, FOUND, S.PROCESSING),
    ],
)
def test_a_new_word_against_it_freezes(decided: PaymentState, of: Book, word: PaymentState) -> None:
    payment = folded(decision(decided, HOUR), report(word, 2 * HOUR), of=of)
    assert payment.state is decided
    assert payment.certainty is Certainty.UNKNOWN
    unmapped = folded(decision(decided, HOUR), report(None, 2 * HOUR), of=of)
    assert unmapped.certainty is Certainty.UNKNOWN


def test_the_partner_s_own_word_takes_over_where_it_agrees_or_goes_on() -> None:
    same = folded(decision(S.SETTLED, HOUR), report(S.SETTLED, 2 * HOUR), of=FOUND)
    assert (same.state, same.is_decided) == (S.SETTLED, False)
    returned = folded(decision(S.SETTLED, HOUR), report(S.RETURNED, DAY), of=FOUND)
    assert (returned.state, returned.is_frozen) == (S.RETURNED, False)
    shown = folded(decision(S.UNCONFIRMED, HOUR), report(S.SETTLED, DAY), of=FOUND)
    assert (shown.state, shown.settled_at) == (S.SETTLED, NOW + DAY)


def test_the_watch_begins_with_the_decision_and_ends_with_a_read() -> None:
    found = decision(S.SETTLED, DAY)
    assert folded(found, of=FOUND).settled_at == NOW + DAY
    early = folded(found, report(S.SETTLED, WATCH), of=FOUND)
    assert early.state is S.SETTLED
    final = folded(found, report(S.SETTLED, DAY + WATCH), of=FOUND)
    assert (final.state, final.basis) == (S.FINAL, FINAL_BY_WATCH)
    alone = folded(found, decision(S.SETTLED, DAY + WATCH), of=FOUND)
    assert alone.state is S.SETTLED, "people do not end a watch"


def test_what_was_found_not_executed_never_settled() -> None:
    said = (report(S.SETTLED), report(S.REJECTED, SECOND))
    taken_back = decision(S.REJECTED, HOUR, *open_texts(folded(*said)))
    assert folded(*said, taken_back).settled_at is None
    anew = folded(*said, taken_back, decision(S.SETTLED, WATCH))
    assert anew.settled_at == NOW + WATCH, "and a later decision begins its own watch"


def test_it_is_heard_at_its_moment_whenever_other_words_arrive() -> None:
    found = decision(S.SETTLED, DAY)
    assert folded(report(S.PROCESSING), found) == folded(found, report(S.PROCESSING))
    earlier = folded(found, report(S.PROCESSING, HOUR), of=FOUND)
    assert (earlier.state, earlier.is_frozen) == (S.SETTLED, False)
    at_once = folded(decision(S.SETTLED), report(S.PROCESSING))
    assert at_once.state is S.SETTLED, "at one moment people have the last word"


def test_a_word_from_before_it_that_nobody_knew_of_freezes() -> None:
    knew = decision(S.REJECTED, DAY, decided_on=S.SUBMITTING)
    assert not folded(knew, of=NOT_EXECUTED).is_frozen
    missed = folded(report(S.SETTLED, HOUR), knew, of=NOT_EXECUTED)
    assert (missed.state, missed.certainty) == (S.SETTLED, Certainty.UNKNOWN)
    told = decision(S.REJECTED, 2 * DAY, *open_texts(missed), decided_on=S.SETTLED)
    anew = folded(report(S.SETTLED, HOUR), knew, told, of=NOT_EXECUTED)
    assert (anew.state, anew.is_frozen) == (S.REJECTED, False)


BOOKED = report(None, DAY, source=Source.STATEMENT, movements=(movement(DEBIT, 10_000, "d1"),))
BACK = report(None, 2 * DAY, source=Source.STATEMENT, movements=(movement(RETURN, 10_000, "r1"),))


def test_what_statements_show_is_settled_by_its_text_wherever_it_stands_in_time() -> None:
    """Booked entries have no place in the order of words, and so none before a decision."""
    rejected = decision(S.REJECTED, HOUR)
    debited = folded(rejected, BOOKED, of=NOT_EXECUTED)
    assert open_texts(debited) == (
        "a debit is booked after rejected",
        "rejected, but 100.00 EUR were debited and 0.00 EUR returned",
    )
    known = decision(S.REJECTED, 3 * DAY, *open_texts(debited))
    assert not folded(rejected, BOOKED, known, of=NOT_EXECUTED).is_frozen
    returned = folded(rejected, BOOKED, BACK, of=NOT_EXECUTED)
    assert "a return is booked after rejected" in open_texts(returned)
    assert folded(rejected, BOOKED, known, BACK, of=NOT_EXECUTED).is_frozen, "that is new"


def test_another_sum_than_the_one_that_was_settled_freezes_again() -> None:
    rejected = decision(S.REJECTED, HOUR)
    texts = open_texts(folded(rejected, BOOKED, of=NOT_EXECUTED))
    known = decision(S.REJECTED, 3 * DAY, *texts)
    second = report(None, DAY, source=Source.STATEMENT, movements=(movement(DEBIT, 200, "d2"),))
    more = folded(rejected, BOOKED, known, second, of=NOT_EXECUTED)
    assert open_texts(more) == (
        "102.00 EUR have left us where 100.00 EUR were ordered",
        "rejected, but 102.00 EUR were debited and 0.00 EUR returned",
    )
    assert more.amounts.settled == euro(10_200)


def test_a_third_object_is_not_settled_with_the_second() -> None:
    two = (report(S.PROCESSING), report(S.PROCESSING, SECOND, partner_reference="ref-2"))
    known = decision(None, HOUR, *open_texts(folded(*two)))
    assert not folded(*two, known).is_frozen
    third = report(S.PROCESSING, DAY, partner_reference="ref-3")
    assert open_texts(folded(*two, known, third)) == ("3 objects at the partner",)


def test_that_it_may_have_been_sent_twice_is_settled_by_people_alone() -> None:
    lookups = absent(NOW + HOUR, NOW + 2 * HOUR)
    accepted_late = attempt(answer=Answer.ACCEPTED)
    again = attempt(2, opened_at=NOW + 3 * HOUR)
    of = book(accepted_late, again, lookups=lookups)
    (text,) = open_texts(folded(of=of))
    assert open_texts(folded(report(S.SETTLED, DAY), report(S.SETTLED, 2 * DAY), of=of)) == (text,)
    assert not folded(report(S.SETTLED, DAY), decision(None, 2 * DAY, text), of=of).is_frozen


@given(st.lists(partner_words, max_size=5), books, st.sampled_from([None, *PaymentState]))
def test_all_that_is_open_can_be_settled_at_once_and_nothing_else_is_touched(
    told: list[Report], of: Book, says: PaymentState | None
) -> None:
    before = folded(*told, of=of)
    last = decision(None, 30 * DAY, *open_texts(before), try_number=9)
    after = folded(*told, last, of=of)
    assert not after.is_frozen
    if after.state is not before.state:
        # Only what was in question kept it from being final, and people have answered that.
        assert (before.state, after.state) == (S.SETTLED, S.FINAL)
        assert open_texts(before)
    assert after.amounts == before.amounts
    assert [f for f in before.findings if not f.freezes] == list(after.findings)
    said = folded(*told, last.model_copy(update={"state": says}), of=of)
    if says not in (None, S.SETTLED, before.state) and not any(
        r.source is Source.STATEMENT and r.movements for r in told
    ):
        if says is S.FINAL and said.certainty is Certainty.UNKNOWN:
            # The send itself is in doubt, or that money came back is a question of its own.
            assert said.state is S.SETTLED
        else:
            assert said.state is says
            assert said.is_decided


@given(
    st.lists(partner_words, max_size=5),
    books,
    st.lists(st.sampled_from(SETTLED_TEXTS), max_size=4),
)
def test_a_decision_opens_nothing_and_settles_only_what_it_names(
    told: list[Report], of: Book, texts: list[str]
) -> None:
    before = folded(*told, of=of)
    after = folded(*told, decision(None, 30 * DAY, *texts, try_number=9), of=of)
    assert open_texts(after) == tuple(t for t in open_texts(before) if t not in texts)


@pytest.mark.parametrize("end", sorted(PROVEN_NOTHING_MOVED))
def test_one_decision_may_overrule_another(end: PaymentState) -> None:
    assert folded(decision(end, HOUR), decision(S.SETTLED, DAY), of=FOUND).state is S.SETTLED
    back = folded(decision(S.SETTLED, HOUR), decision(end, DAY), of=NOT_EXECUTED)
    assert (back.state, back.is_frozen) == (end, False)
    assert FindingKind.CONTRADICTION not in {f.kind for f in back.findings}


def test_what_people_or_a_later_word_settled_is_named_as_over() -> None:
    (contradiction,) = open_texts(folded(*CONTRADICTED))
    decided = folded(*CONTRADICTED, decision(None, HOUR, contradiction))
    assert decided.findings == ()
    (over,) = decided.closed_findings
    assert (over.kind, over.text, over.closed_by) == (
        FindingKind.CONTRADICTION, contradiction, "people decided",
    )  # fmt: skip
    lagging = (report(S.SETTLED), report(S.PROCESSING, SECOND), report(S.SETTLED, 2 * SECOND))
    assert open_texts(folded(*lagging[:2]))
    assert folded(*lagging[:2]).closed_findings == ()
    answered = folded(*lagging)
    assert not answered.is_frozen
    assert [one.closed_by for one in answered.closed_findings] == ["a later word of the partner"]
    unmapped = folded(report(None), report(S.SETTLED, SECOND))
    assert [one.kind for one in unmapped.closed_findings] == [FindingKind.UNMAPPED]


def test_what_is_open_again_is_not_named_as_over() -> None:
    (contradiction,) = open_texts(folded(*CONTRADICTED))
    again = report(S.SETTLED, 2 * HOUR)
    payment = folded(*CONTRADICTED, decision(None, HOUR, contradiction), again)
    assert contradiction in open_texts(payment)
    assert payment.closed_findings == ()


def test_a_booking_that_people_answered_is_named_as_over() -> None:
    booked = report(None, SECOND, source=Source.STATEMENT, movements=(movement(DEBIT, 999_999),))
    (text,) = [text for text in open_texts(folded(report(S.SETTLED), booked)) if "left us" in text]
    payment = folded(report(S.SETTLED), booked, decision(None, HOUR, text))
    assert text not in open_texts(payment)
    assert text in {one.text for one in payment.closed_findings}
