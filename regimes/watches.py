"""How long after settlement unasked returns are normal: the watch."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from domain.payments.order import Direction, Rail
from regimes.calendars import business_days_after
from regimes.sepa import CUT_OFF


class Watch(NamedTuple):
    """A watch lasts to the end of the last of `business_days` TARGET days after settlement.

    Other rails use TARGET days too, because a return reaches us through a bank in Europe.

    `at_most` is the longest possible watch, over Easter or Christmas with the weekends beside. It
    is used before the day of settlement is known.
    """

    business_days: int
    at_most: timedelta


WATCHES: Final[Mapping[tuple[Rail, Direction], Watch]] = {
    # EPC125-05: a return is made within 3 banking business days of settlement. We add two days: a
    # partner may report settlement a day before it (maximum execution time: one day), and may take
    # a day to book the return.
    (Rail.SEPA_CREDIT_TRANSFER, Direction.OUTGOING): Watch(5, at_most=timedelta(days=13)),
    # EPC125-05: the debtor's bank may recall, within 10 banking business days, a payment that was
    # sent twice or by a technical fault. For fraud it has 13 months, which is too long to keep a
    # payment open.
    (Rail.SEPA_CREDIT_TRANSFER, Direction.INCOMING): Watch(10, at_most=timedelta(days=20)),
    # Nacha Operating Rules: most returns of a credit come within two banking days, as they do in
    # other clearings. Our watch is as long as SEPA's, since a partner reports a return only when
    # it learns of it.
    (Rail.DOMESTIC, Direction.OUTGOING): Watch(5, at_most=timedelta(days=13)),
    (Rail.DOMESTIC, Direction.INCOMING): Watch(10, at_most=timedelta(days=20)),
    # Our own choice: no rule binds a chain of banks. If one of them cannot book a payment, it comes
    # back the same way, after enquiries that take weeks.
    (Rail.CROSS_BORDER, Direction.OUTGOING): Watch(20, at_most=timedelta(days=34)),
    (Rail.CROSS_BORDER, Direction.INCOMING): Watch(20, at_most=timedelta(days=34)),
    # Our own choice: by the rules of Visa and Mastercard a cardholder may dispute for 120 days, too
    # long to keep a payment open. A dispute that comes later is heard all the same.
    (Rail.CARD, Direction.INCOMING): Watch(10, at_most=timedelta(days=20)),
    (Rail.CARD, Direction.OUTGOING): Watch(10, at_most=timedelta(days=20)),
    # EPC016-06, 4.3.4: the payer may have an authorised debit refunded within eight weeks, without
    # a reason. For an unauthorised one it is 13 months, too long to keep a payment open.
    **dict.fromkeys(
        ((Rail.SEPA_DIRECT_DEBIT, each) for each in Direction),
        Watch(41, at_most=timedelta(days=63)),
    ),
    # Nacha Operating Rules, 2.12.4: a consumer's bank returns an unauthorised debit within 60 days
    # of its settlement. Most other returns come within two banking days.
    **dict.fromkeys(
        ((Rail.ACH_DEBIT, each) for each in Direction), Watch(44, at_most=timedelta(days=69))
    ),
}


def watch_ends(rail: Rail, direction: Direction, settled_at: datetime) -> datetime:
    """The end of the watch, in UTC: after it, returns are no longer normal.

    Args:
        rail: the payment's rail.
        direction: the payment's direction.
        settled_at: when the partner reported settlement, aware.
    """
    settled_on = CUT_OFF.day_of(settled_at)
    days = WATCHES[rail, direction].business_days
    return CUT_OFF.end_of(business_days_after(settled_on, days))
