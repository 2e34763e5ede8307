"""Amounts in currencies of other digits, and those that Stripe does not charge."""

from __future__ import annotations

import pytest

from domain.lifecycle.answers import Unprepared
from domain.lifecycle.profile import InstructionKind
from domain.money import Money
from domain.payments.answers import Subject
from domain.payments.order import Order
from domain.payments.report import MovementKind, PaymentState
from tests.partners.conformance.bench import Bank, new_key
from tests.partners.stripe.conftest import Ordered
from tests.partners.stripe.payers import card

S = PaymentState


def _of(minor: int, currency: str) -> Order:
    amount = Money(minor=minor, currency=currency)
    return card("pm_card_visa").model_copy(update={"instructed_amount": amount})


@pytest.mark.parametrize(
    ("minor", "currency", "least"),
    [
        (49, "EUR", "0.50 EUR"), (29, "GBP", "0.30 GBP"), (49, "JPY", "50 JPY"),
        (17_499, "HUF", "175.00 HUF"),
    ],
)  # fmt: skip
async def test_an_amount_below_the_smallest_is_refused_by_name_before_anything_is_sent(
    ordered: Ordered, bank: Bank, minor: int, currency: str, least: str
) -> None:
    tiny, before = _of(minor, currency), bank.control("book").get("payment_intents", [])
    examined = await ordered.adapter.examine(tiny)
    prepared = await ordered.adapter.prepare(
        Subject("pay_1/pay/1", tiny, (new_key(ordered.adapter),))
    )
    for said in (examined, prepared):
        assert isinstance(said, Unprepared)
        assert said.refused is not None
        assert said.refused.state is S.REJECTED
        assert said.why.startswith("instructed_amount: ")
        assert f"the smallest charge, {least}" in said.why
    assert bank.control("book").get("payment_intents", []) == before
    await ordered(_of(minor + 1, currency))


@pytest.mark.parametrize(
    ("minor", "currency"), [(12_345, "KWD"), (5_01, "MGA"), (100_000_000_00, "EUR"), (49, "ZAR")]
)
async def test_an_amount_that_cannot_be_charged_is_refused_by_name_before_anything_moves(
    ordered: Ordered, minor: int, currency: str
) -> None:
    subject = Subject("pay_1/pay/1", _of(minor, currency), (new_key(ordered.adapter),))
    refused = await ordered.adapter.prepare(subject)
    assert isinstance(refused, Unprepared)
    assert refused.refused is not None
    assert (refused.refused.reason or "").startswith("instructed_amount: ")


@pytest.mark.parametrize(("currency", "minor"), [("JPY", 500), ("KWD", 12_340), ("ISK", 500)])
async def test_amounts_of_currencies_with_other_digits_come_back_as_they_were(
    ordered: Ordered, bank: Bank, currency: str, minor: int
) -> None:
    amount = Money(minor=minor, currency=currency)
    pay = await ordered(card("pm_card_visa").model_copy(update={"instructed_amount": amount}))
    await pay.accepted()
    bank.later(5)
    report = await pay.was_read()
    assert report.observed.amount == amount
    taken = [each.amount for each in report.movements if each.kind is MovementKind.CAPTURE]
    assert taken == [amount]


@pytest.mark.parametrize(
    ("currency", "whole", "part"), [("JPY", 500, 123), ("KWD", 12_340, 4_560), ("ISK", 500, 123)]
)
async def test_captures_and_refunds_of_other_digits_are_exact(
    ordered: Ordered, bank: Bank, currency: str, whole: int, part: int
) -> None:
    some = Money(minor=part, currency=currency)
    order = card("pm_card_visa", later=True)
    pay = await ordered(order.model_copy(update={"instructed_amount": _money(whole, currency)}))
    await pay.accepted()
    await (await pay.followed_by(InstructionKind.CAPTURE, some)).accepted()
    bank.later(5)
    await (await pay.given_back(part)).accepted()
    report = await pay.was_read()
    moved = {each.kind: each.amount for each in report.movements}
    assert moved[MovementKind.CAPTURE] == moved[MovementKind.REFUND] == some
    assert report.drift == ()


async def test_a_capture_that_is_finer_than_the_currency_is_refused_by_name(
    ordered: Ordered, bank: Bank
) -> None:
    order = card("pm_card_visa", later=True)
    pay = await ordered(order.model_copy(update={"instructed_amount": _money(12_340, "KWD")}))
    await pay.accepted()
    for kind in (InstructionKind.CAPTURE, InstructionKind.REFUND):
        with pytest.raises(AssertionError, match=r"amount: .* has a last digit that Stripe"):
            await pay.followed_by(kind, _money(4_567, "KWD"))


def _money(minor: int, currency: str) -> Money:
    return Money(minor=minor, currency=currency)
