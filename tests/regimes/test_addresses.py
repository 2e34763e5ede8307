"""An address needs town and country in their own elements, since a day in November 2026."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from domain.party import PostalAddress
from regimes.addresses import TOWN_AND_COUNTRY_SINCE, Scheme, address_problem

STRUCTURED = PostalAddress(street_name="Street", town_name="Berlin", country="DE")
HYBRID = PostalAddress(town_name="Berlin", country="DE", address_lines=("Street 1", "c/o one"))
LINES = PostalAddress(address_lines=("Street 1", "10115 Berlin"))
DAY = timedelta(days=1)


def test_the_days_are_those_of_the_rulebooks() -> None:
    assert TOWN_AND_COUNTRY_SINCE[Scheme.EPC] == date(2026, 11, 15)
    assert TOWN_AND_COUNTRY_SINCE[Scheme.CROSS_BORDER] == date(2026, 11, 14)


@pytest.mark.parametrize("scheme", Scheme)
@pytest.mark.parametrize(
    "address", [LINES, PostalAddress(country="DE"), PostalAddress(town_name="Berlin")]
)
def test_without_town_or_country_it_is_refused_from_the_day_on(
    scheme: Scheme, address: PostalAddress
) -> None:
    since = TOWN_AND_COUNTRY_SINCE[scheme]
    assert address_problem(address, on=since - DAY, scheme=scheme) is None
    problem = address_problem(address, on=since, scheme=scheme)
    assert problem is not None
    assert "town and country" in problem


@pytest.mark.parametrize("address", [STRUCTURED, HYBRID])
@pytest.mark.parametrize("day", [date(2026, 1, 1), date(2027, 1, 1)])
def test_structured_and_hybrid_addresses_stay(address: PostalAddress, day: date) -> None:
    assert address_problem(address, on=day) is None


@pytest.mark.parametrize(
    ("address", "said"),
    [
        (HYBRID.model_copy(update={"address_lines": ("a", "b", "c")}), "3 address lines"),
        (HYBRID.model_copy(update={"address_lines": ("x" * 71,)}), "70"),
        (STRUCTURED.model_copy(update={"country": "Germany"}), "ISO 3166"),
        (STRUCTURED.model_copy(update={"country": "de"}), "ISO 3166"),
    ],
)
def test_what_no_day_allows_is_refused(address: PostalAddress, said: str) -> None:
    problem = address_problem(address, on=date(2026, 1, 1))
    assert problem is not None
    assert said in problem
