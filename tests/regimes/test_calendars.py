"""Business days and cut-offs, against lists made by somebody else."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from regimes.calendars import (
    Calendar,
    CutOff,
    UnknownCalendar,
    business_days_after,
    is_business_day,
    next_business_day,
)
from regimes.sepa import CUT_OFF


def test_closing_days_are_those_of_the_central_bank(specs: Path) -> None:
    calendar = json.loads((specs / "facts" / "target-calendar.json").read_text())
    for year, days in calendar["closing_days"].items():
        closed = {date.fromisoformat(day) for day in days}
        day = date(int(year), 1, 1)
        while day.year == int(year):
            assert is_business_day(day) == (day.weekday() < 5 and day not in closed), day
            day += timedelta(days=1)


def test_the_next_business_day_is_never_the_day_itself() -> None:
    assert next_business_day(date(2026, 11, 24)) == date(2026, 11, 25)
    assert next_business_day(date(2026, 11, 27)) == date(2026, 11, 30)
    # Thursday before Good Friday, to the Tuesday after Easter Monday.
    assert next_business_day(date(2026, 4, 2)) == date(2026, 4, 7)


@pytest.mark.parametrize(
    ("day", "name"),
    [
        (date(2025, 4, 18), "Good Friday"),
        (date(2025, 4, 21), "Easter Monday"),
        (date(2038, 4, 26), "Easter Monday at its latest"),
        (date(2026, 5, 1), "1 May"),
        (date(2025, 12, 25), "25 December"),
        (date(2025, 12, 26), "26 December"),
        (date(2027, 1, 1), "1 January"),
    ],
)
def test_target_is_closed_on_its_holidays_and_only_then(day: date, name: str) -> None:
    assert not is_business_day(day), name
    assert is_business_day(date(2025, 12, 24))
    assert is_business_day(date(2025, 12, 31))


def test_a_leap_day_is_a_day_like_others() -> None:
    assert is_business_day(date(2028, 2, 29))
    assert next_business_day(date(2028, 2, 28)) == date(2028, 2, 29)
    assert next_business_day(date(2032, 2, 28)) == date(2032, 3, 1)  # A Saturday before a Sunday.


def test_business_days_go_over_the_end_of_the_year() -> None:
    # Friday; Monday 29, Tuesday 30, Wednesday 31 December, no 1 January, Friday 2 January.
    assert business_days_after(date(2025, 12, 26), 4) == date(2026, 1, 2)
    assert business_days_after(date(2025, 12, 26), 0) == date(2025, 12, 26)


def test_each_country_has_its_own_holidays() -> None:
    assert not is_business_day(date(2026, 7, 14), Calendar("FR"))
    assert is_business_day(date(2026, 7, 14), Calendar("DE"))
    # Boxing Day is a Saturday: the banks of England are closed on the Monday.
    assert not is_business_day(date(2026, 12, 28), Calendar("GB-ENG"))
    assert is_business_day(date(2026, 12, 28), Calendar("DE"))


def test_a_part_of_a_country_may_have_more() -> None:
    day = date(2026, 1, 2)
    assert not is_business_day(day, Calendar("GB-SCT"))
    assert is_business_day(day, Calendar("GB-ENG"))


def test_a_holiday_of_next_year_may_be_observed_in_this() -> None:
    # 1 January 2022 was a Saturday.
    assert not is_business_day(date(2021, 12, 31), Calendar("US"))


def test_a_weekend_is_the_countrys() -> None:
    friday, sunday = date(2026, 6, 5), date(2026, 6, 7)
    assert not is_business_day(friday, Calendar("SA"))
    assert is_business_day(sunday, Calendar("SA"))


@pytest.mark.parametrize("code", ["ZZ", "DE-XX", "target", "Germany", "DEU", ""])
def test_an_unknown_calendar_is_refused_with_what_there_is(code: str) -> None:
    with pytest.raises(UnknownCalendar, match="give TARGET, or a country's code"):
        Calendar(code)


def test_only_weekends_are_known_of_years_too_far_away() -> None:
    assert is_business_day(date(2199, 12, 25))  # A Wednesday.
    assert not is_business_day(date(2199, 12, 28))


def test_a_cut_off_follows_the_wall_clock_of_its_zone() -> None:
    assert CUT_OFF.on(date(2026, 7, 1)) == datetime(2026, 7, 1, 13, tzinfo=UTC)
    assert CUT_OFF.on(date(2026, 12, 1)) == datetime(2026, 12, 1, 14, tzinfo=UTC)


def test_the_day_on_which_clocks_change_has_an_hour_more() -> None:
    cut_off = CutOff(at=time(15), zone=ZoneInfo("Europe/Brussels"))
    day = date(2026, 10, 25)
    assert cut_off.end_of(day) - cut_off.end_of(day - timedelta(days=1)) == timedelta(hours=25)


def test_a_day_is_the_zones_and_not_the_worlds() -> None:
    assert CUT_OFF.day_of(datetime(2026, 11, 24, 23, 30, tzinfo=UTC)) == date(2026, 11, 25)
