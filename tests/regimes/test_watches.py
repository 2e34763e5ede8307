"""How long returns are normal, in business days and at the very most."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import Final

import pytest

from domain.payments.order import Direction, Rail
from regimes.sepa import CUT_OFF
from regimes.watches import WATCHES, watch_ends

SCT: Final = Rail.SEPA_CREDIT_TRANSFER


def ends(month: int, day: int, hour: int = 12, year: int = 2026) -> datetime:
    return watch_ends(SCT, Direction.OUTGOING, datetime(year, month, day, hour, tzinfo=UTC))


def test_it_ends_with_the_last_of_its_business_days() -> None:
    # Monday to the midnight, in Brussels, after the next Monday.
    assert ends(3, 2) == datetime(2026, 3, 9, 23, tzinfo=UTC)


def test_holidays_and_weekends_do_not_count() -> None:
    # Thursday before Easter: Tuesday to Friday, and Monday. Summer time has begun.
    assert ends(4, 2) == datetime(2026, 4, 13, 22, tzinfo=UTC)
    # Christmas and New Year: 28 to 31 December, 4 January.
    assert ends(12, 24) == datetime(2027, 1, 4, 23, tzinfo=UTC)


def test_a_day_is_the_rails_and_not_the_worlds() -> None:
    assert ends(3, 2, 22) == datetime(2026, 3, 9, 23, tzinfo=UTC)
    assert ends(3, 2, 23) == datetime(2026, 3, 10, 23, tzinfo=UTC)


def test_what_settles_on_a_weekend_counts_from_monday() -> None:
    assert ends(3, 7) == ends(3, 8) == datetime(2026, 3, 13, 23, tzinfo=UTC)


def test_an_incoming_transfer_may_be_recalled_for_longer() -> None:
    settled = datetime(2026, 3, 2, 12, tzinfo=UTC)
    assert watch_ends(SCT, Direction.INCOMING, settled) == datetime(2026, 3, 16, 23, tzinfo=UTC)


@pytest.mark.parametrize(("rail", "direction"), WATCHES)
def test_the_longest_is_long_enough_for_every_day_and_reached(
    rail: Rail, direction: Direction
) -> None:
    longest = timedelta(0)
    day = datetime(2025, 1, 1, tzinfo=UTC).date()
    while day.year < 2060:
        settled = CUT_OFF.end_of(day - timedelta(days=1))
        longest = max(longest, watch_ends(rail, direction, settled) - settled)
        day += timedelta(days=1)
    assert longest <= WATCHES[rail, direction].at_most < longest + timedelta(days=1)


def test_every_rail_has_a_watch_in_both_directions() -> None:
    assert set(WATCHES) == set(itertools.product(Rail, Direction))
