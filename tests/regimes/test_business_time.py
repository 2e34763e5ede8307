"""Business time against a count by the minute, and over holidays, nights and clock changes."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regimes.business_time import OpeningHours, after, between
from regimes.calendars import TARGET, Calendar

BRUSSELS: Final = ZoneInfo("Europe/Brussels")
OFFICE: Final = OpeningHours(TARGET, BRUSSELS, time(9), time(17))
#: Works on Sundays, the day on which clocks change in Europe, and through the night they do.
EARLY: Final = OpeningHours(Calendar("SA"), BRUSSELS, time(1), time(6))
FAR: Final = OpeningHours(Calendar("NZ"), ZoneInfo("Pacific/Auckland"), time(8, 30), time(16, 45))

HOUR: Final = timedelta(hours=1)
MINUTE: Final = timedelta(minutes=1)
NONE: Final = timedelta(0)

ALL_HOURS = st.sampled_from([OFFICE, EARLY, FAR])
MOMENTS = st.datetimes(
    datetime(2024, 1, 1),  # noqa: DTZ001 - the strategy adds the zone
    datetime(2029, 12, 31),  # noqa: DTZ001
    timezones=st.sampled_from([UTC, BRUSSELS, ZoneInfo("America/New_York")]),
)
#: Each around something: Easter, the two clock changes, the end of a year, a leap day.
EDGES = st.sampled_from(
    [
        datetime(2026, 4, 2, 12, tzinfo=UTC),
        datetime(2026, 3, 28, 22, tzinfo=UTC),
        datetime(2026, 10, 24, 22, tzinfo=UTC),
        datetime(2025, 12, 31, 12, tzinfo=UTC),
        datetime(2028, 2, 28, 23, tzinfo=UTC),
    ]
)
AMOUNTS = st.timedeltas(NONE, timedelta(hours=60))


def brussels(month: int, day: int, hour: int = 0, minute: int = 0, *, year: int = 2026) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=BRUSSELS)


def is_open(moment: datetime, hours: OpeningHours) -> bool:
    """Both ends included: a day's work ends at the closing moment."""
    opening = hours.on(hours.day_of(moment))
    return opening is not None and opening[0] <= moment <= opening[1]


def counted(start: datetime, end: datetime, hours: OpeningHours) -> timedelta:
    """Open minutes one by one, by the clock on the wall."""
    minutes, moment = 0, start.astimezone(UTC)
    while moment < end.astimezone(UTC):
        local = moment.astimezone(hours.zone)
        if hours.on(local.date()) and hours.opens <= local.time() < hours.closes:
            minutes += 1
        moment += MINUTE
    return minutes * MINUTE


@pytest.mark.parametrize(
    ("start", "amount", "end"),
    [
        (brussels(3, 2, 10), 4 * HOUR, brussels(3, 2, 14)),
        (brussels(3, 2, 15), 4 * HOUR, brussels(3, 3, 11)),
        # In the evening of the last day before Easter, and on its Sunday.
        (brussels(4, 2, 18), HOUR, brussels(4, 7, 10)),
        (brussels(4, 5, 12), HOUR, brussels(4, 7, 10)),
        # Over 1 May, a Friday; over Christmas, a Friday and a Saturday.
        (brussels(4, 30, 16), 2 * HOUR, brussels(5, 4, 10)),
        (brussels(12, 24, 16), 2 * HOUR, brussels(12, 28, 10)),
        # Over the end of the year.
        (brussels(12, 31, 13), 8 * HOUR, brussels(1, 4, 13, year=2027)),
        # On a leap day.
        (brussels(2, 28, 16, year=2028), 2 * HOUR, brussels(2, 29, 10, year=2028)),
        # The weekend on which clocks change takes no business time and gives none.
        (brussels(3, 27, 16), 2 * HOUR, brussels(3, 30, 10)),
        (brussels(10, 23, 16), 2 * HOUR, brussels(10, 26, 10)),
        # Five days are a week, whatever lies between.
        (brussels(3, 2, 12), 40 * HOUR, brussels(3, 9, 12)),
    ],
)
def test_business_time_passes_in_opening_hours_only(
    start: datetime, amount: timedelta, end: datetime
) -> None:
    assert after(start, amount, OFFICE) == end
    assert between(start, end, OFFICE) == amount


def test_a_days_work_ends_that_evening_and_not_the_next_morning() -> None:
    assert after(brussels(3, 2, 9), 8 * HOUR, OFFICE) == brussels(3, 2, 17)
    assert after(brussels(3, 2, 17), NONE, OFFICE) == brussels(3, 2, 17)
    assert after(brussels(3, 2, 17), MINUTE, OFFICE) == brussels(3, 3, 9, 1)


def test_nothing_after_a_night_is_the_next_opening() -> None:
    assert after(brussels(3, 2, 17, 1), NONE, OFFICE) == brussels(3, 3, 9)
    assert after(brussels(3, 2, 8, 59), NONE, OFFICE) == brussels(3, 2, 9)


def test_a_night_on_which_clocks_change_is_as_long_as_it_is() -> None:
    for month, day, length in ((3, 29, 4), (10, 25, 6), (6, 7, 5)):
        opening = EARLY.on(brussels(month, day).date())
        assert opening is not None
        assert opening[1] - opening[0] == length * HOUR
        assert after(brussels(month, day), length * HOUR, EARLY) == brussels(month, day, 6)


def test_the_result_is_in_utc_whatever_zone_was_asked_in() -> None:
    assert after(brussels(3, 2, 10), HOUR, OFFICE).tzinfo is UTC


def test_an_ordinary_day_has_as_much_as_lies_between_opening_and_closing() -> None:
    assert OFFICE.day == 8 * HOUR
    assert FAR.day == timedelta(hours=8, minutes=15)


def test_it_closes_after_it_opens() -> None:
    with pytest.raises(ValueError, match="not after it opens"):
        OpeningHours(TARGET, BRUSSELS, time(22), time(6))


def test_hours_that_a_clock_change_swallows_are_a_day_off() -> None:
    hours = OpeningHours(Calendar("SA"), BRUSSELS, time(2, 30), time(3, 15))
    assert hours.on(brussels(3, 29).date()) is None
    assert after(brussels(3, 29), MINUTE, hours) == brussels(3, 30, 2, 31)


def test_a_naive_moment_and_a_negative_amount_are_refused() -> None:
    naive = datetime(2026, 3, 2, 12)  # noqa: DTZ001 - what is refused
    with pytest.raises(ValueError, match="time zone"):
        after(naive, HOUR, OFFICE)
    with pytest.raises(ValueError, match="time zone"):
        between(brussels(3, 2), naive, OFFICE)
    with pytest.raises(ValueError, match="zero or more"):
        after(brussels(3, 2), -HOUR, OFFICE)


@given(start=MOMENTS | EDGES, one=AMOUNTS, other=AMOUNTS, hours=ALL_HOURS)
def test_waiting_twice_is_waiting_once_for_both(
    start: datetime, one: timedelta, other: timedelta, hours: OpeningHours
) -> None:
    assert after(after(start, one, hours), other, hours) == after(start, one + other, hours)


@given(start=MOMENTS | EDGES, later=AMOUNTS, one=AMOUNTS, other=AMOUNTS, hours=ALL_HOURS)
def test_later_and_longer_never_ends_earlier(
    start: datetime, later: timedelta, one: timedelta, other: timedelta, hours: OpeningHours
) -> None:
    from_now, from_then = start.astimezone(UTC), start.astimezone(UTC) + later
    assert after(from_now, one, hours) <= after(from_then, one, hours)
    assert after(from_now, min(one, other), hours) <= after(from_now, max(one, other), hours)


@given(start=MOMENTS | EDGES, amount=AMOUNTS, hours=ALL_HOURS)
def test_it_never_ends_outside_opening_hours_or_before_it_began(
    start: datetime, amount: timedelta, hours: OpeningHours
) -> None:
    end = after(start, amount, hours)
    assert is_open(end, hours)
    assert end - start.astimezone(UTC) >= amount


@given(start=MOMENTS | EDGES, amount=AMOUNTS, hours=ALL_HOURS)
def test_between_is_the_inverse_of_after(
    start: datetime, amount: timedelta, hours: OpeningHours
) -> None:
    assert between(start, after(start, amount, hours), hours) == amount


@given(start=MOMENTS, one=AMOUNTS, other=AMOUNTS, hours=ALL_HOURS)
def test_business_time_of_two_stretches_adds_up(
    start: datetime, one: timedelta, other: timedelta, hours: OpeningHours
) -> None:
    first = start.astimezone(UTC)
    middle, last = first + one, first + one + other
    whole = between(first, last, hours)
    assert between(first, middle, hours) + between(middle, last, hours) == whole
    assert between(last, first, hours) == NONE


@given(
    start=EDGES,
    offset=st.integers(-2000, 2000),
    minutes=st.integers(0, 6000),
    hours=ALL_HOURS,
)
def test_it_agrees_with_a_count_by_the_minute(
    start: datetime, offset: int, minutes: int, hours: OpeningHours
) -> None:
    start += offset * MINUTE
    end = start + minutes * MINUTE
    assert between(start, end, hours) == counted(start, end, hours)
