"""Whether our balance there covers a payment that they would send otherwise."""

from __future__ import annotations

from datetime import datetime

from domain.answers import Exchange, Subject
from partners.currencycloud import mapping, wire
from partners.currencycloud.calls import Calls, NoReply
from partners.currencycloud.searches import acting


async def is_short(
    calls: Calls, subject: Subject, payment: wire.Payment, now: datetime
) -> tuple[bool, Exchange | None]:
    """True where they say that we have less than this payment alone needs.

    They take a payment without funds, leave it `ready_to_send`, and try again on each working
    day; no field of it says so. What is not theirs to send yet is not asked about: a later day,
    a review under way. A conversion pays for its own payment. Where the balance cannot be read,
    nothing is claimed.
    """
    waits_only_for_money = (
        payment.status == mapping.READY
        and not mapping.REVIEW.get(payment.review_status or "passed")
        and not payment.conversion_id
        and (payment.day is None or payment.day <= now.date())
    )
    if not waits_only_for_money:
        return False, None
    reply = await calls.get(f"/v2/balances/{payment.currency}", acting(subject))
    if isinstance(reply, NoReply) or not reply.is_success:
        return False, reply.exchange
    balance = wire.read_balance(reply.body)
    if isinstance(balance, wire.Unusable) or balance.currency != payment.currency:
        return False, reply.exchange
    return not balance.covers(payment.money), reply.exchange
