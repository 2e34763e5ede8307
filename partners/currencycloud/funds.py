"""Our balance there, and whether it covers a payment that waits for nothing else."""

from __future__ import annotations

from datetime import datetime

from domain.lifecycle.answers import Exchange, Unanswered
from domain.money import Money
from domain.payments.answers import Subject
from partners.currencycloud import mapping, wire
from partners.kit.calls import Calls
from partners.kit.wire import Unusable


async def available(calls: Calls, currency: str, on_behalf_of: str | None) -> Money | Unanswered:
    """The balance in a currency, of the account or of a sub-account."""
    found, _ = await _balance(calls, currency, on_behalf_of)
    return found


async def is_short(
    calls: Calls, subject: Subject, payment: wire.Payment, now: datetime
) -> tuple[bool, Exchange | None]:
    """Whether the balance they show is less than this payment alone needs.

    They accept a payment without funds, leave it `ready_to_send` and try again on each working
    day; no field of the payment says so. The balance is not read while the payment waits for
    something else (a later day, a review) or if a conversion funds it. False if the balance
    cannot be read.
    """
    waits_only_for_money = (
        payment.status == mapping.READY
        and not mapping.REVIEW.get(payment.review_status or "passed")
        and not payment.conversion_id
        and (payment.day is None or payment.day <= now.date())
    )
    if not waits_only_for_money:
        return False, None
    found, exchange = await _balance(calls, payment.currency, subject.order.on_behalf_of)
    return isinstance(found, Money) and found.minor < payment.money.minor, exchange


async def _balance(
    calls: Calls, currency: str, on_behalf_of: str | None
) -> tuple[Money | Unanswered, Exchange | None]:
    acting = {"on_behalf_of": on_behalf_of} if on_behalf_of else {}
    reply = await calls.get(f"/v2/balances/{currency}", acting)
    exchange = reply.exchange
    if not reply.is_success:
        return reply.unanswered(), exchange
    balance = wire.read_balance(reply.body)
    if isinstance(balance, Unusable):
        return reply.unanswered("a balance that cannot be read", balance.drift), exchange
    if balance.currency != currency:
        return reply.unanswered("the partner showed the balance of another currency"), exchange
    return balance.money, exchange
