"""The held amount: what was ordered, and what increments have added, are adding or never added."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.lifecycle.book import Answer, Closed
from domain.lifecycle.kinds import KINDS, kind_of
from domain.lifecycle.profile import InstructionKind
from domain.lifecycle.resource import Certainty, FindingKind, Instruction
from domain.money import Money
from domain.payments.aftermath import left_to_claim
from domain.payments.display import Funds, display
from domain.payments.holds import amounts_held, possible_hold, proven_hold
from domain.payments.report import Movement, MovementKind, Observed, PaymentState, Report
from tests.domain.samples import (
    ACCEPTED_BOOK,
    MINUTE,
    NOW,
    SECOND,
    attempt,
    book,
    claim,
    collected,
    euro,
    report,
)

S = PaymentState
CAPTURE, INCREMENT = InstructionKind.CAPTURE, InstructionKind.INCREMENT
DOUBT, UNSENT = book(attempt()), book()
REFUSED = book(attempt(answer=Answer.REFUSED), closed=Closed.REFUSED)
ORDERED = euro(10_000)


def raised(minor: int, number: int = 1, of: Any = ACCEPTED_BOOK) -> Instruction:
    return claim(INCREMENT, minor, number, of)


def sent(minute: int, **fields: Any) -> Any:
    """A book whose first attempt was opened then."""
    return book(attempt(opened_at=NOW + minute * MINUTE, **fields))


def holds(minor: int, at: int = 0, state: PaymentState = S.AUTHORISED) -> Report:
    """A read that shows so much held."""
    hold = Movement(movement_id="hold", kind=MovementKind.AUTHORISATION, amount=euro(minor))
    return report(
        state, at * SECOND, movements=(hold,), observed=Observed(amount=euro(minor)),
        lists_all_movements=True,
    )  # fmt: skip


def test_a_hold_that_was_raised_is_no_difference() -> None:
    payment = collected(holds(10_000), holds(12_000, 5), claims=[raised(2_000)])
    assert (payment.state, payment.certainty, payment.findings) == (
        S.AUTHORISED, Certainty.SENT, ())  # fmt: skip
    assert (payment.amounts.instructed, payment.amounts.authorised) == (ORDERED, euro(12_000))
    assert (payment.amounts.net, display(payment).funds) == (euro(0), Funds.HOLD)


@pytest.mark.parametrize("of", [REFUSED, None], ids=["declined", "nobody asked"])
def test_a_hold_that_nobody_of_ours_raised_is_in_question(of: Any) -> None:
    claims = [] if of is None else [raised(2_000, of=of)]
    payment = collected(holds(12_000), claims=claims)
    assert {finding.kind for finding in payment.findings} == {FindingKind.DIFFERS}
    assert [each.text for each in payment.findings] == ["amount 120.00 EUR instead of 100.00 EUR"]


def test_only_whole_increments_in_their_order_explain_an_amount() -> None:
    claims = [raised(2_000, 2, sent(1, answer=Answer.ACCEPTED)),
              raised(3_000, 1, sent(2, answer=Answer.ACCEPTED))]  # fmt: skip
    for minor in (10_000, 12_000, 15_000):
        assert not collected(holds(minor), claims=claims).findings, minor
    for minor in (9_999, 11_000, 13_000, 15_001):
        assert collected(holds(minor), claims=claims).is_frozen, minor


@pytest.mark.parametrize(
    ("of", "shown", "left"),
    [
        (UNSENT, 10_000, 10_000),
        (DOUBT, 10_000, 10_000),
        (DOUBT, 12_000, 10_000),  # The partner shows it. Its lookup proves it soon.
        (ACCEPTED_BOOK, 10_000, 10_000),  # The read that shows it is still to come.
        (ACCEPTED_BOOK, 12_000, 12_000),
        (REFUSED, 10_000, 10_000),
    ],
    ids=["unsent", "in doubt", "in doubt and shown", "not shown yet", "proven", "declined"],
)
def test_an_increment_can_be_captured_once_it_is_proven_and_shown(
    of: Any, shown: int, left: int
) -> None:
    claims = [raised(2_000, of=of)]
    payment = collected(holds(shown), claims=claims)
    assert not payment.findings
    assert left_to_claim(CAPTURE, payment, claims) == euro(left)


def test_captures_share_the_raised_hold() -> None:
    claims = [raised(2_000), claim(CAPTURE, 10_500, of=DOUBT)]
    payment = collected(holds(12_000), claims=claims)
    assert left_to_claim(CAPTURE, payment, claims) == euro(1_500)


def test_more_than_was_ordered_is_captured_without_a_question() -> None:
    hold = Movement(movement_id="h", kind=MovementKind.AUTHORISATION, amount=euro(12_000))
    taken = Movement(movement_id="t", kind=MovementKind.CAPTURE, amount=euro(12_000))
    claims = [raised(2_000), claim(CAPTURE, 12_000)]
    payment = collected(report(S.CAPTURED, movements=(hold, taken)), claims=claims)
    assert (payment.findings, payment.amounts.captured) == ((), euro(12_000))


def test_no_amount_of_ours_limits_an_increment() -> None:
    assert left_to_claim(INCREMENT, collected(holds(10_000)), ()) is None


@pytest.mark.parametrize("of", [UNSENT, DOUBT])
def test_an_increment_in_doubt_leaves_the_payment_what_it_is(of: Any) -> None:
    payment = collected(holds(10_000), claims=[raised(2_000, of=of)])
    assert (payment.state, payment.certainty) == (S.AUTHORISED, Certainty.SENT)
    assert payment.is_followed


def test_the_word_about_an_increment_is_not_the_payments() -> None:
    told = report(S.REJECTED, MINUTE, instruction_id="pay_1/increment/1", partner_reference=None)
    payment = collected(holds(10_000), told, claims=[raised(2_000, of=REFUSED)])
    assert (payment.state, payment.findings) == (S.AUTHORISED, ())


def test_it_moves_no_money_and_is_no_reversal() -> None:
    row = kind_of(INCREMENT)
    assert (row.makes, row.is_aside, row.is_stopped_by_cancel) == (True, True, True)
    assert not row.reverses
    assert [name for name, each in KINDS.items() if each.raises] == [INCREMENT]


BOOKS = [UNSENT, DOUBT, REFUSED, sent(1), sent(2, answer=Answer.ACCEPTED), ACCEPTED_BOOK,
         book(attempt(), closed=Closed.EXPIRED)]  # fmt: skip
increments = st.lists(st.tuples(st.integers(1, 5_000), st.sampled_from(BOOKS)), max_size=6)


@given(increments)
def test_what_is_proven_is_possible_and_both_may_be_shown(asked: list[tuple[int, Any]]) -> None:
    claims = [raised(minor, number, of) for number, (minor, of) in enumerate(asked)]
    proven, possible = proven_hold(ORDERED, claims), possible_hold(ORDERED, claims)
    shown = amounts_held(ORDERED, claims)
    assert ORDERED.minor <= proven.minor <= possible.minor
    assert {ORDERED, possible} <= shown
    assert all(ORDERED.minor <= each.minor <= possible.minor for each in shown)


@given(increments, st.integers(9_000, 30_000))
def test_a_capture_takes_only_what_is_proven_and_shown(
    asked: list[tuple[int, Any]], shown: int
) -> None:
    claims = [raised(minor, number, of) for number, (minor, of) in enumerate(asked)]
    left = left_to_claim(CAPTURE, collected(holds(shown), claims=claims), claims)
    assert left is not None
    assert left.minor == min(shown, proven_hold(ORDERED, claims).minor)


@given(increments)
def test_the_order_of_instructions_and_reports_changes_nothing(
    asked: list[tuple[int, Any]],
) -> None:
    claims = [raised(minor, number, of) for number, (minor, of) in enumerate(asked)]
    reports = [holds(each.minor, at) for at, each in
               enumerate(sorted(amounts_held(ORDERED, claims), key=_minor))]  # fmt: skip
    whole = collected(*reports, claims=claims)
    assert not whole.findings
    assert collected(*reversed(reports), claims=claims[::-1]) == whole
    assert collected(*reports, *reports[:1], claims=claims) == whole


def test_a_late_read_from_before_an_increment_is_no_difference() -> None:
    reads = [holds(10_000), holds(12_000, 5), holds(15_000, 9)]
    claims = [raised(2_000, 1, sent(1, answer=Answer.ACCEPTED)),
              raised(3_000, 2, sent(2, answer=Answer.ACCEPTED))]  # fmt: skip
    for told in permutations(reads):
        payment = collected(*told, claims=claims)
        assert (payment.findings, payment.amounts.authorised) == ((), euro(15_000))


def _minor(amount: Money) -> int:
    return amount.minor
