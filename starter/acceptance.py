"""What is checked of an order before anything is recorded."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Final

from domain.accounts import AccountError, check_bic
from domain.order import Direction, Order
from domain.profile import Profile
from regimes.refusal import Refusal
from regimes.sepa import check_credit_transfer

KEY_LENGTH_MAX: Final = 255


class InvalidOrder(ValueError):
    """The order cannot be paid; nothing was recorded. `refusals` names every field."""

    def __init__(self, refusals: list[Refusal]) -> None:
        super().__init__("; ".join(f"{refusal.field}: {refusal.text}" for refusal in refusals))
        self.refusals = tuple(refusals)


def check(
    order: Order,
    key: str,
    profiles: Mapping[tuple[str, str], Profile],
    now: datetime,
    *,
    rules_of: date | None,
) -> Profile:
    """The profile the payment will keep.

    Args:
        rules_of: the day whose scheme rules apply; None: the order's execution date, or today.

    Raises:
        InvalidOrder: with every problem found, not only the first.
    """
    day = rules_of or order.times.requested_execution_date or now.date()
    refusals = [*check_credit_transfer(order, on=day)]
    if order.creditor_agent is not None:
        try:
            check_bic(order.creditor_agent)
        except AccountError as error:
            refusals.append(Refusal("RC01", "creditor_agent", str(error)))
    if not (0 < len(key) <= KEY_LENGTH_MAX and key.isprintable()):
        text = f"is not 1 to {KEY_LENGTH_MAX} printable characters; use your own order number"
        refusals.append(Refusal("CH16", "key", text))
    if order.direction is not Direction.OUTGOING:
        text = "is incoming; only outgoing credit transfers are paid"
        refusals.append(Refusal("AG03", "direction", text))
    if order.times.submit_before <= now:
        text = "is over; give a later moment, late orders are not paid late"
        refusals.append(Refusal("TM01", "times.submit_before", text))
    profile = profiles.get((order.partner, order.partner_account))
    if profile is None:
        known = ", ".join(sorted("/".join(name) for name in profiles)) or "none"
        text = (
            f"{order.partner}/{order.partner_account} is not in the settings (there: {known}); "
            f"add it as FINALITY_{order.partner.upper()}__{order.partner_account.upper()}__…"
        )
        refusals.append(Refusal("AC02", "partner_account", text))
    if profile is None or refusals:
        raise InvalidOrder(refusals)
    return profile
