"""A currency's business days and cut-off, in the country where it is settled."""

from __future__ import annotations

from datetime import time
from functools import lru_cache
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from regimes.calendars import TARGET, Calendar, CutOff, UnknownCalendar

#: ISO 4217: a currency's code begins with the ISO 3166 code of its country. These currencies belong
#: to several countries or to none. Payments in them are settled in Europe.
_OF_NO_COUNTRY: Final = frozenset({"EUR", "XAF", "XCD", "XCG", "XOF", "XPF"})

#: If holidays differ within a country: the part in which the currency's banks settle.
_PARTS: Final = {"AUD": "AU-NSW", "CHF": "CH-ZH", "GBP": "GB-ENG"}

#: The time zone of a currency's banks. Other currencies use Brussels.
_ZONES: Final = {
    "AED": "Asia/Dubai",
    "AUD": "Australia/Sydney",
    "BHD": "Asia/Bahrain",
    "CAD": "America/Toronto",
    "CHF": "Europe/Zurich",
    "CNY": "Asia/Shanghai",
    "CZK": "Europe/Prague",
    "DKK": "Europe/Copenhagen",
    "GBP": "Europe/London",
    "HKD": "Asia/Hong_Kong",
    "HUF": "Europe/Budapest",
    "IDR": "Asia/Jakarta",
    "ILS": "Asia/Jerusalem",
    "INR": "Asia/Kolkata",
    "JOD": "Asia/Amman",
    "JPY": "Asia/Tokyo",
    "KES": "Africa/Nairobi",
    "KRW": "Asia/Seoul",
    "KWD": "Asia/Kuwait",
    "MXN": "America/Mexico_City",
    "MYR": "Asia/Kuala_Lumpur",
    "NOK": "Europe/Oslo",
    "NZD": "Pacific/Auckland",
    "OMR": "Asia/Muscat",
    "PHP": "Asia/Manila",
    "PLN": "Europe/Warsaw",
    "QAR": "Asia/Qatar",
    "RON": "Europe/Bucharest",
    "SAR": "Asia/Riyadh",
    "SEK": "Europe/Stockholm",
    "SGD": "Asia/Singapore",
    "THB": "Asia/Bangkok",
    "TND": "Africa/Tunis",
    "TRY": "Europe/Istanbul",
    "TWD": "Asia/Taipei",
    "USD": "America/New_York",
    "ZAR": "Africa/Johannesburg",
}
_ELSEWHERE: Final = "Europe/Brussels"

#: Our own choice: every bank sets its own cut-off, and most stop for customers in the afternoon.
_CUT_OFF: Final = time(14, 0)
_OPENS: Final = time(8, 0)


class Home(NamedTuple):
    """The business days of a currency, and the hours of such a day."""

    calendar: Calendar
    cut_off: CutOff
    opens: time


@lru_cache(maxsize=256)
def home_of(currency: str) -> Home:
    """The calendar and hours of a currency. TARGET, if its country has no known calendar."""
    zone = ZoneInfo(_ZONES.get(currency, _ELSEWHERE))
    return Home(_calendar(currency), CutOff(_CUT_OFF, zone), _OPENS)


def _calendar(currency: str) -> Calendar:
    if currency in _OF_NO_COUNTRY:
        return TARGET
    try:
        return Calendar(_PARTS.get(currency, currency[:2]))
    except UnknownCalendar:
        return TARGET
