"""TARGET days and cut-offs, against a list made by somebody else."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from regimes.calendars import CutOff, is_business_day, next_business_day
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


def test_a_cut_off_follows_the_wall_clock_of_its_zone() -> None:
    assert CUT_OFF.on(date(2026, 7, 1)) == datetime(2026, 7, 1, 13, tzinfo=UTC)
    assert CUT_OFF.on(date(2026, 12, 1)) == datetime(2026, 12, 1, 14, tzinfo=UTC)


def test_the_day_on_which_clocks_change_has_an_hour_more() -> None:
    cut_off = CutOff(at=time(15), zone=ZoneInfo("Europe/Brussels"))
    day = date(2026, 10, 25)
    assert cut_off.end_of(day) - cut_off.end_of(day - timedelta(days=1)) == timedelta(hours=25)


def test_a_day_is_the_zones_and_not_the_worlds() -> None:
    assert CUT_OFF.day_of(datetime(2026, 11, 24, 23, 30, tzinfo=UTC)) == date(2026, 11, 25)
