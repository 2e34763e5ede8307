"""A payment is final by what was booked, not by words alone; and each booking counts once."""

from __future__ import annotations

from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest

from domain.lifecycle.resource import Certainty, FindingKind
from domain.money import Money
from domain.payments.display import Funds, display
from domain.payments.movements import movements_of
from domain.payments.payment import FINAL_BY_CREDITOR, FINAL_BY_WATCH, Payment
from domain.payments.report import Movement, MovementKind, Observed, PaymentState, Report, Source
from tests.domain.samples import SECOND, WATCH, decision, folded, movement, report

S = PaymentState
DEBIT, RETURN, FEE = MovementKind.DEBIT, MovementKind.RETURN, MovementKind.FEE
DAY = timedelta(days=1)


def settled(at: timedelta, *movements: Movement) -> Report:
    return report(S.SETTLED, at, movements=movements)


def seen(*reports: Report, shows_bookings: bool = True) -> Payment:
    return folded(*reports, shows_bookings=shows_bookings)


def dollars(minor: int, kind: MovementKind = DEBIT) -> Movement:
    return Movement(movement_id="usd", kind=kind, amount=Money(minor=minor, currency="USD"))


def differs(payment: Payment) -> list[str]:
    return [f.text for f in payment.findings if f.kind is FindingKind.DIFFERS]


def test_with_its_debit_booked_a_payment_is_final_after_the_watch() -> None:
    booked = movement(DEBIT, 10_000)
    payment = seen(settled(SECOND, booked), settled(WATCH + DAY, booked))
    assert (payment.state, payment.basis) == (S.FINAL, FINAL_BY_WATCH)
    assert payment.certainty is Certainty.SENT


@pytest.mark.parametrize(
    "booked",
    [(), (movement(DEBIT, 9_999),), (movement(FEE, 10_000),), (dollars(10_000),)],
    ids=["nothing", "less", "only a fee", "another currency"],
)
@pytest.mark.parametrize("word", [S.SETTLED, S.FINAL])
def test_without_its_whole_debit_it_is_not_final_and_people_are_asked(
    booked: tuple[Movement, ...], word: PaymentState
) -> None:
    payment = seen(settled(SECOND, *booked), report(word, WATCH + DAY, movements=booked))
    assert payment.state is S.SETTLED
    assert payment.basis is None
    assert payment.certainty is Certainty.UNKNOWN
    assert any("were ordered" in text for text in differs(payment))
    shown = display(payment)
    assert (shown.headline, shown.final) == ("We are checking", False)
    assert shown.funds is Funds.KEEP_HOLDING


def test_a_booking_may_lag_behind_the_word_until_the_watch_is_over() -> None:
    payment = seen(settled(SECOND), settled(WATCH - DAY))
    assert (payment.state, payment.certainty) == (S.SETTLED, Certainty.SENT)
    assert differs(payment) == []


def test_a_booking_that_comes_late_answers_the_question() -> None:
    late = settled(WATCH + 2 * DAY, movement(DEBIT, 10_000))
    payment = seen(settled(SECOND), settled(WATCH + DAY), late)
    assert (payment.state, payment.basis, payment.certainty) == (
        *(S.FINAL, FINAL_BY_WATCH, Certainty.SENT),
    )
    assert differs(payment) == []


@pytest.mark.parametrize(
    "wrong",
    [dollars(1), dollars(1, RETURN), movement(DEBIT, 10_001)],
    ids=["debit", "return", "more"],
)
def test_another_currency_and_more_than_was_ordered_are_said_at_once(wrong: Movement) -> None:
    payment = seen(settled(SECOND, wrong), shows_bookings=False)
    assert payment.certainty is Certainty.UNKNOWN
    assert differs(payment)


def test_a_fee_may_be_charged_in_any_currency() -> None:
    booked = (movement(DEBIT, 10_000), dollars(25, FEE))
    payment = seen(settled(SECOND, *booked), settled(WATCH + DAY, *booked))
    assert payment.state is S.FINAL
    assert differs(payment) == []


def test_a_confirmation_of_the_creditor_s_bank_needs_the_debit_too() -> None:
    assert seen(report(S.FINAL, SECOND)).state is S.SETTLED
    payment = seen(report(S.FINAL, SECOND, movements=(movement(DEBIT, 10_000),)))
    assert (payment.state, payment.basis) == (S.FINAL, FINAL_BY_CREDITOR)


@pytest.mark.parametrize("back_minor", [1, 10_000], ids=["a part", "all"])
@pytest.mark.parametrize("word", [S.SETTLED, S.FINAL])
@pytest.mark.parametrize("shows_bookings", [True, False])
def test_money_that_came_back_is_not_final_whatever_the_partner_calls_it(
    word: S, back_minor: int, shows_bookings: bool
) -> None:
    out, back = movement(DEBIT, 10_000, "out"), movement(RETURN, back_minor, "back")
    last = report(word, WATCH + DAY, movements=(out, back))
    payment = seen(settled(SECOND, out), last, shows_bookings=shows_bookings)
    assert (payment.state, payment.certainty) == (S.SETTLED, Certainty.UNKNOWN)
    assert "have come back" in differs(payment)[0]


def test_where_bookings_are_never_shown_the_partner_s_word_makes_it_final() -> None:
    payment = seen(settled(SECOND), settled(WATCH + DAY), shows_bookings=False)
    assert (payment.state, payment.certainty) == (S.FINAL, Certainty.SENT)


def test_people_may_answer_that_the_difference_is_right() -> None:
    words = (settled(SECOND), settled(WATCH + DAY))
    answered = decision(S.SETTLED, WATCH + 2 * DAY, *differs(seen(*words)), decided_on=S.FINAL)
    payment = seen(*words, answered, settled(WATCH + 3 * DAY))
    assert differs(payment) == []
    assert payment.state is S.FINAL


OUT = movement(DEBIT, 10_000, "out")
AFTER = settled(WATCH + DAY, OUT)
#: What a read brings with the whole debit, or after it, that has to be answered first.
QUESTIONS: dict[str, tuple[Report, ...]] = {
    "a second debit in another currency": (settled(SECOND, OUT, dollars(10_000)), AFTER),
    "two objects at the partner": (
        settled(SECOND, OUT),
        settled(WATCH, OUT).model_copy(update={"partner_reference": "ref-2"}),
        AFTER,
    ),
    "another amount, before the debit is booked": (
        settled(SECOND),
        settled(WATCH + SECOND),
        settled(WATCH + 2 * SECOND).model_copy(
            update={"observed": Observed(amount=Money(minor=100, currency="EUR"))}
        ),
        AFTER,
    ),
    "another creditor, before the debit is booked": (
        settled(SECOND),
        settled(WATCH + SECOND),
        settled(WATCH + 2 * SECOND).model_copy(
            update={"observed": Observed(beneficiary_is_ours=False)}
        ),
        AFTER,
    ),
    "a word that contradicts it": (
        settled(SECOND, OUT),
        AFTER,
        report(S.PROCESSING, WATCH + 2 * DAY),
    ),
}


@pytest.mark.parametrize("words", QUESTIONS.values(), ids=QUESTIONS)
def test_nothing_is_final_while_something_is_in_question_and_it_is_once_that_is_answered(
    words: tuple[Report, ...],
) -> None:
    payment = seen(*words)
    assert (payment.state, payment.basis) == (S.SETTLED, None)
    assert payment.certainty is Certainty.UNKNOWN
    texts = tuple(finding.text for finding in payment.findings if finding.freezes)
    answered = (*words, decision(None, WATCH + 3 * DAY, *texts))
    later = seen(*answered, settled(WATCH + 4 * DAY, OUT))
    assert (later.state, later.basis, later.certainty) == (
        *(S.FINAL, FINAL_BY_WATCH, Certainty.SENT),
    )


def complete(at: timedelta, *movements: Movement, state: S = S.SETTLED) -> Report:
    """A report whose list of bookings is complete."""
    return report(state, at, movements=movements, lists_all_movements=True)


def test_a_debit_that_the_newest_complete_list_lacks_makes_nothing_final() -> None:
    """The partner called the money back: it shows neither the debit nor what undid it."""
    booked = movement(DEBIT, 10_000)
    undone = (complete(SECOND, booked), complete(WATCH + DAY))
    payment = seen(*undone)
    assert (payment.state, payment.certainty) == (S.SETTLED, Certainty.UNKNOWN)
    assert differs(payment) == ["0.00 EUR have left us where 100.00 EUR were ordered"]
    for given in permutations((*undone, complete(WATCH + 2 * DAY, booked))):
        assert seen(*given).state is S.FINAL, "the newest list has it again"


def test_a_list_that_is_not_complete_takes_no_booking_back() -> None:
    payment = seen(settled(SECOND, movement(DEBIT, 10_000)), settled(WATCH + DAY))
    assert payment.state is S.FINAL


def test_a_debit_that_was_undone_and_booked_anew_counts_once() -> None:
    first, second = movement(DEBIT, 10_000, "d1"), movement(DEBIT, 10_000, "d2")
    payment = seen(complete(SECOND, first), complete(WATCH + DAY, second))
    assert (payment.state, payment.amounts.settled.minor) == (S.FINAL, 10_000)
    assert differs(payment) == []


def test_a_complete_list_takes_back_nothing_that_a_statement_or_another_object_booked() -> None:
    booked = movement(DEBIT, 10_000)
    for given in (
        report(S.SETTLED, SECOND, source=Source.STATEMENT, movements=(booked,)),
        report(S.SETTLED, SECOND, partner_reference="another", movements=(booked,)),
    ):
        assert movements_of([given, complete(DAY)]) == (booked,)


def test_that_a_debit_is_missing_does_not_prove_that_nothing_moved() -> None:
    payment = folded(
        complete(SECOND, movement(DEBIT, 10_000), state=S.PROCESSING),
        complete(DAY, state=S.REJECTED),
        shows_bookings=True,
    )
    assert payment.certainty is Certainty.UNKNOWN
    assert any("were debited" in finding.text for finding in payment.findings)


def at(source: Source, days: int, minor: int, **fields: Any) -> Report:
    return report(
        S.SETTLED, days * DAY, source=source, movements=(movement(DEBIT, minor, "m1"),), **fields
    )


@pytest.mark.parametrize(
    ("weaker", "stronger"),
    [
        (at(Source.READ, 1, 1), at(Source.READ, 2, 2)),
        (at(Source.READ, 1, 1), at(Source.REPLY, 2, 2)),
        (at(Source.READ, 2, 1), at(Source.STATEMENT, 1, 2)),
        (at(Source.STATEMENT, 1, 1), at(Source.STATEMENT, 2, 2)),
        (at(Source.READ, 2, 1), at(Source.READ, 1, 2, try_number=2)),
    ],
    ids=["later", "a later reply", "a statement", "a later statement", "a later try"],
)
def test_of_two_words_about_one_booking_one_rule_says_which_stands(
    weaker: Report, stronger: Report
) -> None:
    for given in permutations((weaker, stronger)):
        assert [m.amount.minor for m in movements_of(given)] == [2]
        assert seen(*given).amounts.settled.minor == 2
