"""Payments over other rails than SEPA, from the order to the booking."""

from __future__ import annotations

from typing import Any, Final

import pytest

from domain.accounts import Account, ClearingMember
from domain.money import Money
from domain.party import Party, PartyKind, PostalAddress
from domain.payments.order import ChargeBearer, Rail
from domain.payments.report import PaymentState
from tests.proof.case import Case

CREDITOR: Final = Party(
    name="Carla Creditor Ltd",
    kind=PartyKind.ORGANISATION,
    address=PostalAddress(
        street_name="High Street", building_number="1", town_name="London", country="GB"
    ),
)
LOCAL: Final[dict[str, Any]] = {
    "rail": Rail.DOMESTIC,
    "creditor_account": Account(other="12345678"),
    "creditor_agent_member": ClearingMember(system="GBDSC", number="200000"),
}
SWIFT: Final[dict[str, Any]] = {
    "rail": Rail.CROSS_BORDER,
    "creditor_account": Account(other="0001234567"),
    "charge_bearer": ChargeBearer.SHAR,
}


@pytest.mark.parametrize(
    ("currency", "rail"),
    [
        ("GBP", LOCAL),
        ("USD", {**SWIFT, "creditor_agent": "CHASUS33"}),
        ("JPY", {**SWIFT, "creditor_agent": "BOTKJPJT"}),
    ],
)
async def test_a_payment_over_another_rail_settles(
    case: Case, currency: str, rail: dict[str, Any]
) -> None:
    plain = case.order()
    amount = Money(minor=plain.instructed_amount.minor, currency=currency)
    changes = {"creditor": CREDITOR, "creditor_agent": None, **rail}
    order = plain.model_copy(update={"instructed_amount": amount, **changes})
    case.orders[order.end_to_end_id] = order
    receipt = await case.pay(order)
    settled = await case.until_state(receipt.payment_id, PaymentState.SETTLED)
    assert settled.payment.amounts.settled == amount
    assert await case.tasks(receipt.payment_id) == []
    await case.agreed(requested=1, booked=1)
