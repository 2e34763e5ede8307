"""Totals by day and account: whatever payments there are, the four outcomes add up."""

from __future__ import annotations

from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from domain.lifecycle.resource import Certainty
from domain.payments.report import PaymentState
from domain.payments.totals import Group, Outcome, Standing, outcome_of, totals

_GROUPS = st.builds(
    Group,
    day=st.dates(date(2026, 1, 1), date(2026, 1, 3)),
    partner=st.sampled_from(["one", "two"]),
    partner_account=st.just("main"),
    rail=st.sampled_from(["sepa", "card"]),
    currency=st.sampled_from(["EUR", "JPY"]),
)
_STANDINGS = st.builds(
    Standing,
    group=_GROUPS,
    state=st.sampled_from(PaymentState),
    certainty=st.sampled_from(Certainty),
    payments=st.integers(1, 9),
    amount_minor=st.integers(0, 10**9),
)


@given(st.lists(_STANDINGS))
def test_the_four_outcomes_add_up_to_what_was_recorded(standings: list[Standing]) -> None:
    lines = totals(standings)
    for line in lines:
        of_group = [each for each in standings if each.group == line.group]
        assert line.recorded.count == sum(each.payments for each in of_group)
        assert line.recorded.minor == sum(each.amount_minor for each in of_group)
        assert sum(each.count for each in line.outcomes.values()) == line.recorded.count
        assert sum(each.minor for each in line.outcomes.values()) == line.recorded.minor
        assert line.in_doubt.count <= line.outcomes[Outcome.OPEN].count
    assert [line.group for line in lines] == sorted({each.group for each in standings})


def test_a_payment_in_doubt_is_open_whatever_its_state() -> None:
    for state in PaymentState:
        assert outcome_of(state, Certainty.UNKNOWN) is Outcome.OPEN


def test_a_payment_that_ended_has_the_outcome_of_its_end() -> None:
    ends = {
        PaymentState.FINAL: Outcome.EXECUTED,
        PaymentState.UNCONFIRMED: Outcome.EXECUTED,
        PaymentState.RETURNED: Outcome.RETURNED,
        PaymentState.REJECTED: Outcome.NOT_EXECUTED,
        PaymentState.CANCELLED: Outcome.NOT_EXECUTED,
        PaymentState.EXPIRED: Outcome.NOT_EXECUTED,
    }
    assert {state: outcome_of(state, Certainty.SENT) for state in ends} == ends
