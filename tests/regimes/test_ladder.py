"""Who is asked about a payment that stands still, and at which moment."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.lifecycle.escalation import Ladder, Rung
from domain.payments.escalation import Escalate
from domain.payments.order import Rail
from domain.payments.report import PaymentState
from regimes.business_time import OpeningHours
from regimes.calendars import Calendar
from regimes.ladder import LADDERS, OFFICE_HOURS, escalate

SCT: Final = Rail.SEPA_CREDIT_TRANSFER
#: Monday, two in the afternoon in Brussels.
SINCE: Final = datetime(2026, 3, 2, 13, tzinfo=UTC)


def test_a_review_is_asked_about_the_same_day_and_reaches_the_head_after_a_week() -> None:
    rungs = escalate(PaymentState.AWAITING_PARTNER, SCT, SINCE)
    assert [(rung.at, rung.owner) for rung in rungs] == [
        (datetime(2026, 3, 3, 9, tzinfo=UTC), "payments-operations"),
        (datetime(2026, 3, 3, 13, tzinfo=UTC), "payments-operations"),
        (datetime(2026, 3, 5, 13, tzinfo=UTC), "compliance"),
        (datetime(2026, 3, 9, 13, tzinfo=UTC), "head-of-payments"),
    ]


def test_nobody_is_asked_on_a_holiday_or_at_night() -> None:
    # Thursday evening before Easter; Tuesday is the next day anybody is there. Summer time.
    rungs = escalate(PaymentState.AWAITING_PARTNER, SCT, datetime(2026, 4, 2, 16, tzinfo=UTC))
    assert rungs[0].at == datetime(2026, 4, 7, 11, tzinfo=UTC)


def test_each_has_until_the_next_is_asked_and_the_last_a_day() -> None:
    for state, rail in LADDERS:
        rungs = escalate(state, rail, SINCE)
        assert [one.answer_by for one in rungs[:-1]] == [one.at for one in rungs[1:]]
        assert rungs[-1].answer_by > rungs[-1].at


@given(
    since=st.datetimes(datetime(2026, 1, 1), datetime(2028, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    ladder=st.sampled_from(sorted(LADDERS)),
)
def test_whenever_it_began_the_rungs_follow_each_other_in_office_hours(
    since: datetime, ladder: tuple[PaymentState, Rail]
) -> None:
    rungs = escalate(*ladder, since)
    assert rungs
    moments = [since, *(rung.at for rung in rungs)]
    assert moments == sorted(moments)
    assert len({rung.at for rung in rungs}) == len(rungs)
    for rung in rungs:
        opening = OFFICE_HOURS.on(OFFICE_HOURS.day_of(rung.at))
        assert opening is not None
        assert opening[0] <= rung.at <= opening[1]


def test_every_question_of_a_payment_is_told_apart() -> None:
    for rail in Rail:
        rungs = [rung for state in PaymentState for rung in escalate(state, rail, SINCE)]
        assert len({rung.kind for rung in rungs}) == len(rungs)
        assert len({rung.question for rung in rungs}) == len(rungs)
        assert all(rung.owner and rung.question for rung in rungs)


def test_every_rail_has_a_ladder_for_every_state_that_one_rail_has_one_for() -> None:
    states = {state for state, _ in LADDERS}
    assert states
    assert set(LADDERS) == {(state, rail) for state in states for rail in Rail}


@pytest.mark.parametrize("state", sorted(set(PaymentState) - {state for state, _ in LADDERS}))
def test_states_that_wait_for_nobody_have_no_ladder(state: PaymentState) -> None:
    assert escalate(state, SCT, SINCE) == ()


def test_all_of_it_are_values_that_can_be_others() -> None:
    hours = OpeningHours(Calendar("NZ"), ZoneInfo("Pacific/Auckland"), time(8), time(12))
    ladder = Ladder((Rung(timedelta(hours=1), "kea", "why?"),), answer_within=timedelta(hours=4))
    (rung,) = escalate(
        PaymentState.AWAITING_USER,
        SCT,
        datetime(2026, 3, 2, 0, tzinfo=UTC),  # One in the afternoon there.
        ladders={(PaymentState.AWAITING_USER, SCT): ladder},
        hours=hours,
    )
    assert (rung.kind, rung.owner, rung.question) == ("awaiting_user_1", "kea", "why?")
    assert rung.at == datetime(2026, 3, 2, 20, tzinfo=UTC)
    assert rung.answer_by == datetime(2026, 3, 3, 20, tzinfo=UTC)


def test_it_is_what_the_store_is_given() -> None:
    given_to_the_store: Escalate = escalate
    assert given_to_the_store(PaymentState.PROCESSING, SCT, SINCE)[0].at == datetime(
        2026, 3, 4, 13, tzinfo=UTC
    )
