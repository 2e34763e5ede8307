"""Business time, which passes only during opening hours."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from regimes.calendars import Calendar, is_business_day

_DAY = timedelta(days=1)
_NOTHING = timedelta(0)


@dataclass(frozen=True)
class OpeningHours:
    """When people are at work: from one wall clock time to another, on business days.

    Raises:
        ValueError: it does not close after it opens. Night shifts are not supported.
    """

    calendar: Calendar
    zone: ZoneInfo
    opens: time
    closes: time

    def __post_init__(self) -> None:
        if not self.opens < self.closes:
            raise ValueError(f"closes at {self.closes}, not after it opens at {self.opens}")

    @property
    def day(self) -> timedelta:
        """How much business time an ordinary day has."""
        return datetime.combine(date.min, self.closes) - datetime.combine(date.min, self.opens)

    def on(self, day: date) -> tuple[datetime, datetime] | None:
        """Opening and closing moment of a day of the zone, in UTC; None: it is closed that day.

        A day on which the clocks change has its real length.
        """
        if not is_business_day(day, self.calendar):
            return None
        opens, closes = (
            datetime.combine(day, at, tzinfo=self.zone).astimezone(UTC)
            for at in (self.opens, self.closes)
        )
        return (opens, closes) if opens < closes else None

    def day_of(self, moment: datetime) -> date:
        """Which day it is in the zone."""
        return moment.astimezone(self.zone).date()


def after(start: datetime, amount: timedelta, hours: OpeningHours) -> datetime:
    """The moment, in UTC, at which `amount` of business time has passed since the start.

    It always lies in opening hours, the closing moment included: a day's work begun in the morning
    ends that evening. If the start is outside opening hours and the amount is zero, it is the next
    opening.

    Raises:
        ValueError: the start is naive, or the amount negative.
    """
    start = _utc(start)
    if amount < _NOTHING:
        raise ValueError(f"{amount} is no amount of time to wait; give zero or more")
    day = hours.day_of(start)
    while True:
        if opening := hours.on(day):
            begin = max(start, opening[0])
            if begin + amount <= opening[1]:
                return begin + amount
            amount -= max(opening[1] - begin, _NOTHING)
        day += _DAY


def between(start: datetime, end: datetime, hours: OpeningHours) -> timedelta:
    """The business time between two moments; zero if the end is not later.

    `between(start, after(start, amount, hours), hours)` is the amount.

    Raises:
        ValueError: one of them is naive.
    """
    start, end = _utc(start), _utc(end)
    total, day, last = _NOTHING, hours.day_of(start), hours.day_of(end)
    while day <= last:
        if opening := hours.on(day):
            total += max(min(end, opening[1]) - max(start, opening[0]), _NOTHING)
        day += _DAY
    return total


def _utc(moment: datetime) -> datetime:
    # Within one zone, sums and differences follow the wall clock, which can jump. UTC does not.
    if moment.tzinfo is None:
        raise ValueError("the moment is naive; give it a time zone, best UTC")
    return moment.astimezone(UTC)
