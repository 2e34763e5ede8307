"""Each currency is paid on the working days of its own country."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from domain.currencies import DIGITS
from domain.payments.order import Rail
from regimes.calendars import TARGET, is_business_day
from regimes.currency_days import home_of
from regimes.domestic import CLEARINGS
from regimes.execution import RULES, rules_of


@pytest.mark.parametrize("currency", sorted(DIGITS))
def test_every_currency_has_days_and_hours(currency: str) -> None:
    home = home_of(currency)
    assert home.opens < home.cut_off.at
    assert any(is_business_day(date(2026, 11, day), home.calendar) for day in range(23, 30))


@pytest.mark.parametrize(
    ("currency", "closed"),
    [
        ("USD", date(2026, 11, 26)),  # Thanksgiving
        ("GBP", date(2026, 8, 31)),  # Summer bank holiday
        ("JPY", date(2026, 11, 23)),  # Labour Thanksgiving
        ("AUD", date(2026, 1, 26)),  # Australia Day
        ("XOF", date(2026, 5, 1)),  # Of no one country: TARGET's
    ],
)
def test_a_holiday_at_home_is_no_day_of_it(currency: str, closed: date) -> None:
    assert not is_business_day(closed, home_of(currency).calendar)


def test_a_currency_of_no_country_keeps_the_days_of_target() -> None:
    assert home_of("EUR").calendar == home_of("XAF").calendar == TARGET


@pytest.mark.parametrize("currency", CLEARINGS)
def test_a_local_clearing_has_the_clock_of_its_country(currency: str) -> None:
    assert home_of(currency).calendar.code[:2] == CLEARINGS[currency].country
    if currency not in ("CHF", "CZK", "DKK", "HUF", "NOK", "PLN", "SEK"):
        assert home_of(currency).cut_off.zone.key != "Europe/Brussels"


def test_a_cut_off_is_on_the_clock_of_the_currencys_home() -> None:
    tokyo, new_york = (home_of(code).cut_off.on(date(2026, 11, 25)) for code in ("JPY", "USD"))
    assert tokyo == datetime(2026, 11, 25, 5, tzinfo=UTC)
    assert new_york == datetime(2026, 11, 25, 19, tzinfo=UTC)


def test_rules_are_sepas_own_and_elsewhere_those_of_the_currency() -> None:
    sepa = Rail.SEPA_CREDIT_TRANSFER
    assert rules_of(sepa, "EUR") == RULES[sepa]
    assert rules_of(Rail.CROSS_BORDER, "EUR").calendar == TARGET
    assert rules_of(Rail.DOMESTIC, "USD").calendar.code == "US"
