"""On which day an order is executed, and between which moments it may be sent."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.payments.order import Rail, Times
from regimes.calendars import CutOff, is_business_day
from regimes.dated import Dated
from regimes.execution import (
    RULES,
    OnClosedDay,
    Settled,
    execution_day,
    hold_from,
    settle,
    settle_judged,
)
from regimes.sepa import CUT_OFF

SEPA: Final = RULES[Rail.SEPA_CREDIT_TRANSFER]
#: A Monday, ten in the morning in Brussels.
NOW: Final = datetime(2026, 3, 2, 9, tzinfo=UTC)
TODAY: Final = NOW.date()
MINUTE: Final = timedelta(minutes=1)
SECOND: Final = timedelta(seconds=1)


def settled(times: Times, *, now: datetime = NOW, partner_holds: bool = False) -> Settled:
    return settle(times, SEPA, now, partner_holds=partner_holds)


def on(day: date, **times: Any) -> Times:
    return Times(requested_execution_date=day, **times)


def refused(times: Times, **options: Any) -> list[tuple[str, str]]:
    result = settled(times, **options)
    assert result.times == times
    assert all(refusal.text for refusal in result.refusals)
    return [(refusal.code, refusal.field) for refusal in result.refusals]


def test_an_order_without_a_day_is_sent_within_a_quarter_of_an_hour() -> None:
    result = settled(Times())
    assert result == Settled(Times(submit_before=NOW + 15 * MINUTE))


def test_the_payers_own_deadline_stands() -> None:
    times = Times(submit_before=NOW + 40 * MINUTE, execute_by=NOW + 60 * MINUTE)
    assert settled(times).times == times


def test_what_has_to_be_executed_sooner_has_to_be_sent_sooner() -> None:
    soon = NOW + 5 * MINUTE
    assert settled(Times(execute_by=soon)).times == Times(submit_before=soon, execute_by=soon)


def test_a_payer_may_have_it_held_to_a_moment() -> None:
    evening = NOW + timedelta(hours=9)
    assert settled(Times(submit_from=evening)).times == Times(
        submit_from=evening, submit_before=evening + 15 * MINUTE
    )


def test_a_day_ahead_that_we_hold_begins_in_its_morning_and_ends_with_its_cut_off() -> None:
    day = date(2026, 3, 5)
    assert settled(on(day)).times == on(
        day,
        submit_from=datetime(2026, 3, 5, 7, tzinfo=UTC),
        submit_before=datetime(2026, 3, 5, 14, tzinfo=UTC),
    )


@pytest.mark.parametrize(("hour", "begins"), [(6, 7), (9, 9)])
def test_a_moment_of_that_day_may_be_later_than_its_morning(hour: int, begins: int) -> None:
    day = date(2026, 3, 5)
    wanted = datetime(2026, 3, 5, hour, tzinfo=UTC)
    times = settled(on(day, submit_from=wanted)).times
    assert times.submit_from == datetime(2026, 3, 5, begins, tzinfo=UTC)


def test_a_day_ahead_that_the_partner_holds_is_sent_at_once() -> None:
    day = date(2026, 3, 5)
    result = settled(on(day), partner_holds=True)
    assert result.times == on(day, submit_before=datetime(2026, 3, 5, 14, tzinfo=UTC))


def test_today_is_sent_at_once_whoever_holds_dates() -> None:
    for partner_holds in (True, False):
        result = settled(on(TODAY), partner_holds=partner_holds)
        assert result.times == on(TODAY, submit_before=CUT_OFF.on(TODAY))


def test_the_clocks_of_the_rail_change_in_between() -> None:
    # The last Sunday of March lies between; seven hours are eight in Brussels, then nine.
    times = settled(on(date(2026, 3, 30))).times
    assert times.submit_from == datetime(2026, 3, 30, 6, tzinfo=UTC)
    assert times.submit_before == datetime(2026, 3, 30, 13, tzinfo=UTC)
    autumn = settled(on(date(2026, 10, 26)), now=datetime(2026, 10, 23, 9, tzinfo=UTC)).times
    assert autumn.submit_from == datetime(2026, 10, 26, 7, tzinfo=UTC)
    assert autumn.submit_before == datetime(2026, 10, 26, 14, tzinfo=UTC)


@pytest.mark.parametrize(
    ("wished", "day"),
    [
        (date(2026, 4, 3), date(2026, 4, 7)),  # Good Friday, to the Tuesday after Easter.
        (date(2026, 5, 1), date(2026, 5, 4)),
        (date(2026, 12, 25), date(2026, 12, 28)),
        (date(2027, 1, 1), date(2027, 1, 4)),
        (date(2026, 3, 7), date(2026, 3, 9)),
    ],
)
def test_a_day_without_settlement_becomes_the_next_with_it(wished: date, day: date) -> None:
    result = settled(on(wished))
    assert result.times.requested_execution_date == day
    assert result.times.wished_execution_date == wished
    assert result.times.submit_before == CUT_OFF.on(day)
    assert result.moved == f"{wished} is not a business day of TARGET; executed on {day} instead"


def test_a_business_day_stays_and_nothing_is_said_of_it() -> None:
    leap_day = date(2028, 2, 29)
    result = settled(on(leap_day), now=datetime(2028, 2, 28, 12, tzinfo=UTC))
    assert result.times.requested_execution_date == leap_day
    assert result.times.wished_execution_date is None
    assert result.moved == ""


def test_at_the_cut_off_the_day_is_over_and_not_a_second_before() -> None:
    cut_off = CUT_OFF.on(TODAY)
    assert execution_day(TODAY, SEPA, cut_off - SECOND) == (TODAY, "")
    day, why = execution_day(TODAY, SEPA, cut_off)
    assert (day, why) == (date(2026, 3, 3), "was over at the cut-off, 15:00 in Europe/Brussels")


def test_an_order_after_the_cut_off_is_held_until_the_next_morning() -> None:
    result = settled(on(TODAY), now=CUT_OFF.on(TODAY))
    assert result.times.submit_from == datetime(2026, 3, 3, 7, tzinfo=UTC)
    assert result.times.wished_execution_date == TODAY


def test_a_rule_may_refuse_what_another_moves() -> None:
    strict = replace(SEPA, on_closed_day=OnClosedDay.REFUSE)
    (refusal,) = settle(on(date(2026, 4, 3)), strict, NOW, partner_holds=True).refusals
    assert refusal.code == "DT01"
    assert "give 2026-04-07 or a later business day" in refusal.text


def test_a_cut_off_changes_from_its_day_on_and_older_days_keep_theirs() -> None:
    later = CutOff(at=time(16, 30), zone=ZoneInfo("Europe/Brussels"))
    since = date(2026, 3, 4)
    rules = replace(SEPA, cut_offs=Dated({since: later, date.min: CUT_OFF}))
    for day, cut_off in ((date(2026, 3, 3), CUT_OFF), (since, later), (date(2026, 3, 5), later)):
        times = settle(on(day), rules, NOW, partner_holds=True).times
        assert times.submit_before == cut_off.on(day)


def test_before_the_first_value_nothing_is_known() -> None:
    with pytest.raises(LookupError, match="no value is known for 2025-12-31"):
        Dated({date(2026, 1, 1): 1}).on(date(2025, 12, 31))


@pytest.mark.parametrize(
    ("times", "refusal"),
    [
        (Times(submit_before=NOW), ("TM01", "times.submit_before")),
        (Times(execute_by=NOW), ("TM01", "times.execute_by")),
        (on(TODAY - timedelta(days=1)), ("DT01", "times.requested_execution_date")),
        (on(date.min), ("DT01", "times.requested_execution_date")),
        (on(TODAY + timedelta(days=367)), ("CH03", "times.requested_execution_date")),
        (on(date.max), ("CH03", "times.requested_execution_date")),
        (Times(submit_from=NOW + timedelta(days=367)), ("CH03", "times.submit_from")),
        # It would have to be executed before its day's payments are even taken.
        (on(TODAY, execute_by=CUT_OFF.on(TODAY) - SECOND), ("TM01", "times.execute_by")),
        # Over before the day on which we could first send it.
        (on(date(2026, 3, 5), submit_before=NOW + MINUTE), ("TM01", "times.submit_before")),
        (on(TODAY, submit_from=CUT_OFF.on(TODAY)), ("TM01", "times.submit_from")),
        (
            Times(submit_from=NOW + 2 * MINUTE, execute_by=NOW + MINUTE),
            ("TM01", "times.execute_by"),
        ),
    ],
)
def test_what_cannot_be_in_time_is_refused_by_field(times: Times, refusal: tuple[str, str]) -> None:
    assert refused(times) == [refusal]


def test_both_deadlines_that_are_over_are_named() -> None:
    over = Times(submit_before=NOW - MINUTE, execute_by=NOW)
    assert refused(over) == [("TM01", "times.submit_before"), ("TM01", "times.execute_by")]


def test_a_year_ahead_is_still_taken() -> None:
    year = timedelta(days=366)
    assert settled(on(TODAY + year)).refusals == ()
    assert settled(Times(submit_from=NOW + year)).refusals == ()


def test_it_may_have_to_be_executed_by_the_very_cut_off() -> None:
    cut_off = CUT_OFF.on(TODAY)
    assert settled(on(TODAY, execute_by=cut_off)).times.submit_before == cut_off


def test_who_must_be_executed_today_is_not_moved_to_tomorrow() -> None:
    tonight = datetime(2026, 3, 2, 22, tzinfo=UTC)
    assert refused(on(TODAY, execute_by=tonight), now=CUT_OFF.on(TODAY)) == [
        ("TM01", "times.execute_by")
    ]
    assert settled(on(TODAY, execute_by=tonight)).refusals == ()


def test_what_we_hold_for_an_early_deadline_is_sent_in_the_night_of_its_day() -> None:
    early = datetime(2026, 3, 5, 6, tzinfo=UTC)  # An hour before anybody is there.
    times = settled(on(date(2026, 3, 5), submit_before=early)).times
    assert times.submit_from == datetime(2026, 3, 4, 23, tzinfo=UTC)
    assert times.submit_before == early


def test_the_morning_is_the_later_of_the_rails_and_ours() -> None:
    day = date(2026, 3, 5)
    for opens, release in ((time(9), time(8)), (time(8), time(9))):
        rules = replace(SEPA, opens=opens, release=release)
        assert hold_from(day, CUT_OFF.on(day), rules) == datetime(2026, 3, 5, 8, tzinfo=UTC)


def test_times_that_were_judged_before_keep_their_day() -> None:
    sunday = datetime(2026, 3, 1, 9, tzinfo=UTC)
    given_ = on(sunday.date(), submit_before=sunday + MINUTE, execute_by=sunday + 2 * MINUTE)
    assert settle_judged(given_, SEPA, sunday, partner_holds=False) == Settled(given_)


def test_times_that_were_judged_before_are_still_held_until_their_day() -> None:
    day = date(2026, 3, 8)  # A Sunday.
    given_ = on(day, submit_before=CUT_OFF.on(day))
    assert settle_judged(given_, SEPA, NOW, partner_holds=True) == Settled(given_)
    held = settle_judged(given_, SEPA, NOW, partner_holds=False).times
    assert held.submit_from == datetime(2026, 3, 8, 7, tzinfo=UTC)


def test_times_that_were_judged_before_may_be_over_all_the_same() -> None:
    late = on(TODAY, submit_before=NOW)
    (refusal,) = settle_judged(late, SEPA, NOW, partner_holds=True).refusals
    assert refusal.field == "times.submit_before"


@given(
    now=st.datetimes(datetime(2025, 1, 1), datetime(2029, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    ahead=st.none() | st.integers(-2, 400),
    submit_in=st.none() | st.integers(-10, 600_000),
    execute_in=st.none() | st.integers(-10, 600_000),
    partner_holds=st.booleans(),
)
def test_whatever_is_asked_it_can_be_sent_in_time_or_is_refused(
    now: datetime,
    ahead: int | None,
    submit_in: int | None,
    execute_in: int | None,
    partner_holds: bool,
) -> None:
    if submit_in is not None and execute_in is not None:
        execute_in = max(submit_in, execute_in)
    asked = Times(
        requested_execution_date=None if ahead is None else now.date() + timedelta(days=ahead),
        submit_before=None if submit_in is None else now + submit_in * MINUTE,
        execute_by=None if execute_in is None else now + execute_in * MINUTE,
    )
    result = settle(asked, SEPA, now, partner_holds=partner_holds)
    if result.refusals:
        assert result.times == asked
        return
    times = Times.model_validate(result.times.model_dump())  # Its own rules hold as well.
    assert times.submit_before is not None
    assert max(now, times.submit_from or now) < times.submit_before
    assert asked.submit_before is None or times.submit_before <= asked.submit_before
    assert times.execute_by == asked.execute_by
    day = times.requested_execution_date
    assert (day is None) == (asked.requested_execution_date is None)
    if day is not None:
        assert is_business_day(day)
        assert times.submit_before <= CUT_OFF.on(day)
        assert times.execute_by is None or times.execute_by >= CUT_OFF.on(day)
        if times.submit_from is not None:
            assert CUT_OFF.day_of(times.submit_from) == day
            assert not partner_holds
    else:
        assert times.submit_from is None
    # Settled once, it stays: asking again at the same moment changes nothing.
    again = settle(times, SEPA, now, partner_holds=partner_holds).times
    assert again.model_copy(update={"wished_execution_date": times.wished_execution_date}) == times


def test_our_cut_off_leaves_the_rail_time(specs: Path) -> None:
    hours = json.loads((specs / "facts" / "target-calendar.json").read_text())
    target = hours["day_trade_phase_TARGET2_2019"]
    assert time.fromisoformat(target["open"]) == SEPA.opens
    assert time.fromisoformat(target["customer_payment_cut_off"]) > CUT_OFF.at
    assert hours["timezone"].startswith(CUT_OFF.zone.key)
