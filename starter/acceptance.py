"""Checks an order before anything is recorded, and fixes its times and its profile."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Final, NamedTuple

from domain.card_numbers import has_card_number, shows_card_number
from domain.lifecycle.profile import Profile
from domain.payments.order import Direction, Order
from regimes.electronic import in_electronic_form
from regimes.execution import ExecutionRules, settle, settle_judged
from regimes.execution import rules_of as execution_rules_of
from regimes.rails import COLLECTING, check_credit_transfer
from regimes.refusal import Refusal
from regimes.watches import WATCHES

KEY_LENGTH_MAX: Final = 255


class InvalidOrder(ValueError):
    """The order cannot be paid. Nothing was recorded. `refusals` names every wrong field."""

    def __init__(self, refusals: list[Refusal]) -> None:
        super().__init__("; ".join(f"{refusal.field}: {refusal.text}" for refusal in refusals))
        self.refusals = tuple(refusals)


class Admitted(NamedTuple):
    """What a payment is made from, and keeps unchanged for its whole life."""

    order: Order
    """The order as given, in its electronic form and with all of its times set."""
    profile: Profile
    moved: str = ""
    """Why it is executed on another day than the payer asked for, in words for the payer."""


def admit(
    order: Order,
    key: str,
    profiles: Mapping[tuple[str, str], Profile],
    now: datetime,
    *,
    rules_of: date | None = None,
    rules: ExecutionRules | None = None,
) -> Admitted:
    """The order and profile that the payment will keep.

    Args:
        rules_of: the day whose scheme rules apply, if the caller has already checked the order's
            dates and set its times. None: dates are checked and times set here.
        rules: when the rail takes payments; by default the rules of `regimes.execution`.

    Raises:
        InvalidOrder: the order cannot be paid. It has every problem found, not only the first.
    """
    order = in_electronic_form(order)
    rules = rules or execution_rules_of(order.rail, order.instructed_amount.currency)
    profile = profiles.get((order.partner, order.partner_account))
    partner_holds = profile is not None and profile.holds_future_dates
    settling = settle if rules_of is None else settle_judged
    settled = settling(order.times, rules, now, partner_holds=partner_holds)
    day = rules_of or settled.times.requested_execution_date or rules.day_of(now)
    refusals = [*check_credit_transfer(order, on=day)]
    if not (0 < len(key) <= KEY_LENGTH_MAX and key.isprintable()):
        text = f"is not 1 to {KEY_LENGTH_MAX} printable characters; use your own order number"
        refusals.append(Refusal("CH16", "key", text))
    elif (has_card_number if order.collection is not None else shows_card_number)(key):
        text = "may be a card number; use your own order number"
        refusals.append(Refusal("CH16", "key", text))
    if order.collection is None and order.direction is not Direction.OUTGOING:
        text = "is incoming; only outgoing credit transfers are paid"
        refusals.append(Refusal("AG03", "direction", text))
    if order.collection is not None and not (profile and profile.collects):
        text = f"is given, and {order.partner} takes no collections; give a credit transfer"
        refusals.append(Refusal("AG03", "collection", text))
    if order.collection is not None and order.rail not in COLLECTING:
        text = f"is {order.rail}, and collections go by {', '.join(COLLECTING)} only"
        refusals.append(Refusal("AG03", "rail", text))
    refusals.extend(settled.refusals)
    if profile is None:
        refusals.append(_unknown_account(order, profiles))
    if profile is None or refusals:
        raise InvalidOrder(refusals)
    return Admitted(
        order.model_copy(update={"times": settled.times}),
        _watched(profile, order),
        settled.moved,
    )


def _watched(profile: Profile, order: Order) -> Profile:
    """The profile with the rail's own watch, unless the partner's profile has one."""
    if order.rail in profile.watch:
        return profile
    at_most = WATCHES[order.rail, order.direction].at_most
    return profile.model_copy(update={"watch": {**profile.watch, order.rail: at_most}})


def _unknown_account(order: Order, profiles: Mapping[tuple[str, str], Profile]) -> Refusal:
    known = ", ".join(sorted("/".join(name) for name in profiles)) or "none"
    text = (
        f"{order.partner}/{order.partner_account} is not in the settings (there: {known}); "
        f"add it as FINALITY_{order.partner.upper()}__{order.partner_account.upper()}__…"
    )
    return Refusal("AC02", "partner_account", text)
