"""How long after settlement unasked returns are normal."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from domain.order import Direction, Rail
from regimes.calendars import business_days_after
from regimes.sepa import CUT_OFF


class Watch(NamedTuple):
    """So many TARGET days after the day of settlement, to the end of the last.

    Of other rails too: whoever returns something to us does so through a bank in Europe.

    `at_most` is the longest that can be, with Easter or Christmas and the weekends beside: for
    whoever has to say it before the day of settlement is known.
    """

    business_days: int
    at_most: timedelta


WATCHES: Final[Mapping[tuple[Rail, Direction], Watch]] = {
    # EPC125-05: a return is made within 3 banking business days of settlement. Before it lies the
    # day a partner's word may be ahead of settlement (maximum execution time: one day), behind it
    # the day in which the partner books what came back; these two are ours.
    (Rail.SEPA_CREDIT_TRANSFER, Direction.OUTGOING): Watch(5, at_most=timedelta(days=13)),
    # EPC125-05: the debtor's bank recalls within 10 banking business days what was sent twice or
    # by a technical fault. For fraud it has 13 months: too long to call a payment open.
    (Rail.SEPA_CREDIT_TRANSFER, Direction.INCOMING): Watch(10, at_most=timedelta(days=20)),
    # Nacha Operating Rules: most returns of a credit come within two banking days, as they do in
    # other clearings; ours is as wide as SEPA's, since a partner tells them when it hears of them.
    (Rail.DOMESTIC, Direction.OUTGOING): Watch(5, at_most=timedelta(days=13)),
    (Rail.DOMESTIC, Direction.INCOMING): Watch(10, at_most=timedelta(days=20)),
    # Ours: no rule binds a chain of banks, and what one of them cannot book comes back by the
    # same way, after questions that take weeks.
    (Rail.CROSS_BORDER, Direction.OUTGOING): Watch(20, at_most=timedelta(days=34)),
    (Rail.CROSS_BORDER, Direction.INCOMING): Watch(20, at_most=timedelta(days=34)),
}


def watch_ends(rail: Rail, direction: Direction, settled_at: datetime) -> datetime:
    """When returns have stopped being normal, in UTC.

    Args:
        settled_at: when the partner said that it settled, aware.
    """
    settled_on = CUT_OFF.day_of(settled_at)
    days = WATCHES[rail, direction].business_days
    return CUT_OFF.end_of(business_days_after(settled_on, days))
