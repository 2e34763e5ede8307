"""The days on which euro payments settle, and the moment a day's payments must be in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

_SATURDAY: Final = 5


@lru_cache(maxsize=128)
def _closing_days(year: int) -> frozenset[date]:
    # Loading it takes as long as most of our other libraries together; only files ask.
    import holidays

    # ECB, long-term calendar of TARGET closing days of 14 December 2000: 1 January, Good Friday,
    # Easter Monday, 1 May, 25 and 26 December, beside Saturdays and Sundays.
    return frozenset(holidays.financial_holidays("XECB", years=year))


def is_business_day(day: date) -> bool:
    """Whether TARGET is open."""
    return day.weekday() < _SATURDAY and day not in _closing_days(day.year)


def next_business_day(day: date) -> date:
    """The first TARGET day after this one."""
    day += timedelta(days=1)
    while not is_business_day(day):
        day += timedelta(days=1)
    return day


@dataclass(frozen=True)
class CutOff:
    """Until when, on the wall clock of a zone, a payment of that day is taken."""

    at: time
    zone: ZoneInfo

    def on(self, day: date) -> datetime:
        """The moment of a day's cut-off, in UTC."""
        return self.moment(day, self.at)

    def end_of(self, day: date) -> datetime:
        """The moment at which the day is over in the zone, in UTC."""
        return self.moment(day + timedelta(days=1), time(0))

    def moment(self, day: date, at: time) -> datetime:
        """A wall clock time of the zone, in UTC."""
        return datetime.combine(day, at, tzinfo=self.zone).astimezone(UTC)

    def day_of(self, moment: datetime) -> date:
        """Which day it is in the zone."""
        return moment.astimezone(self.zone).date()
