"""The days on which banks work, and the cut-off by which a day's payments must be in."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from holidays import HolidayBase

_TARGET: Final = "TARGET"
_NATIONAL: Final = re.compile(r"([A-Z]{2})(?:-(.+))?", re.ASCII)


class UnknownCalendar(ValueError):
    """There is no calendar with that name; the text says which names are possible."""


@dataclass(frozen=True)
class Calendar:
    """Whose bank holidays count: TARGET's, or a country's.

    Args:
        code: "TARGET", or an ISO 3166 country such as "FR", with one of its parts if its parts
            differ, such as "GB-SCT" or "DE-BY".

    Raises:
        UnknownCalendar: there is no such country, or it has no such part.
    """

    code: str

    def __post_init__(self) -> None:
        if self.code != _TARGET:  # TARGET surely exists, so it is loaded only when it is used.
            _holidays(self.code, date.today().year)  # noqa: DTZ011 - any year shows that it exists


#: ECB, long-term calendar of TARGET closing days of 14 December 2000: 1 January, Good Friday,
#: Easter Monday, 1 May, 25 and 26 December, beside Saturdays and Sundays.
TARGET: Final = Calendar(_TARGET)


def is_business_day(day: date, calendar: Calendar = TARGET) -> bool:
    """Whether banks work on a day.

    A country's weekend is its own, and a weekend day that is worked instead of another day is a
    business day. For years too far away only weekends are known: for TARGET, before 1999 and after
    2100.
    """
    return day in _business_days(calendar.code, day.year)


def next_business_day(day: date, calendar: Calendar = TARGET) -> date:
    """The first business day after this one."""
    day += timedelta(days=1)
    while not is_business_day(day, calendar):
        day += timedelta(days=1)
    return day


def business_days_after(day: date, count: int, calendar: Calendar = TARGET) -> date:
    """The `count`-th business day after a day; the day itself is not counted."""
    for _ in range(count):
        day = next_business_day(day, calendar)
    return day


@dataclass(frozen=True)
class CutOff:
    """Until when, on the wall clock of a zone, a day's payments are taken."""

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


@lru_cache(maxsize=512)
def _business_days(code: str, year: int) -> frozenset[date]:
    book = _holidays(code, year)
    first = date(year, 1, 1)
    days = [first + timedelta(days=n) for n in range((date(year, 12, 31) - first).days + 1)]
    return frozenset(day for day in days if book.is_working_day(day))


def _holidays(code: str, year: int) -> HolidayBase:
    """The holidays of a year, as a new list for each call.

    The library's lists grow while they are read, so threads must not share one.
    """
    # Importing it takes as long as most of our other libraries together, and not every process
    # needs it.
    import holidays

    if code == _TARGET:
        return holidays.financial_holidays("XECB", years=year)
    if (named := _NATIONAL.fullmatch(code)) is None:
        raise _unknown(code)
    country, part = named.groups()
    try:
        public = holidays.country_holidays(country, subdiv=part, years=year)
    except NotImplementedError:  # The library has no such country or part.
        raise _unknown(code) from None
    if "bank" not in public.supported_categories:
        return public
    banks = ("public", "bank")
    return holidays.country_holidays(country, subdiv=part, years=year, categories=banks)


def _unknown(code: str) -> UnknownCalendar:
    return UnknownCalendar(
        f"there is no calendar {code!r}; give TARGET, or a country's code of ISO 3166, as FR, "
        "with a part where its parts differ, as GB-SCT"
    )
