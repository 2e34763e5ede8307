"""Bank debits that stay open for days, and payouts, against Stripe's simulator."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import SecretStr

from domain.lifecycle.answers import Accepted, Answered, Refused, Unprepared
from domain.lifecycle.reversals import ReversalKind, ReversalState
from domain.money import Money
from domain.payments.answers import Subject
from domain.payments.order import Direction, Order, Rail
from domain.payments.report import MovementKind, PaymentState
from tests.partners.conformance.bench import Bank, Instruction, new_key
from tests.partners.stripe.conftest import Ordered
from tests.partners.stripe.payers import debit
from tests.partners.stripe.scripted import PAYOUT

S = PaymentState
#: More than a debit takes, in the simulator's seconds.
DAYS = 1_000


async def accepted(pay: Instruction) -> str | None:
    submitted = await pay.submit()
    assert isinstance(submitted, Accepted), submitted
    return submitted.report.state


@pytest.mark.parametrize(
    ("token", "rail", "state"),
    [
        ("pm_success_de", Rail.SEPA_DIRECT_DEBIT, S.CAPTURED),
        ("pm_successDelayed_de", Rail.SEPA_DIRECT_DEBIT, S.CAPTURED),
        ("pm_failed_de", Rail.SEPA_DIRECT_DEBIT, S.REJECTED),
        ("pm_failedDelayed_de", Rail.SEPA_DIRECT_DEBIT, S.REJECTED),
        ("pm_usBankAccount_success", Rail.ACH_DEBIT, S.CAPTURED),
        ("pm_usBankAccount_insufficientFunds", Rail.ACH_DEBIT, S.REJECTED),
        ("pm_usBankAccount_accountClosed", Rail.ACH_DEBIT, S.REJECTED),
        ("pm_usBankAccount_processing", Rail.ACH_DEBIT, S.PROCESSING),
    ],
)
async def test_a_debit_is_under_way_for_days_and_then_taken_or_declined(
    ordered: Ordered, bank: Bank, token: str, rail: Rail, state: PaymentState
) -> None:
    pay = await ordered(debit(bank.address, token, rail))
    assert await accepted(pay) is S.PROCESSING
    report = await pay.was_read()
    assert (report.state, report.movements) == (S.PROCESSING, ())
    bank.later(DAYS)
    report = await pay.was_read()
    assert report.state is state
    taken = [each.kind for each in report.movements if each.kind is not MovementKind.FEE]
    assert taken == ([MovementKind.CAPTURE] if state is S.CAPTURED else [])
    assert bool(report.reason) is (state is S.REJECTED)


async def test_a_debit_that_the_bank_gives_back_is_a_return_that_nobody_asked_for(
    ordered: Ordered, bank: Bank
) -> None:
    pay = await ordered(debit(bank.address, "pm_disputed_de"))
    await pay.accepted()
    bank.later(DAYS)
    report = await pay.was_read()
    assert report.state is S.CAPTURED
    (given_back,) = report.reversals
    assert given_back.kind is ReversalKind.RETURN
    assert given_back.state in (ReversalState.LOST, ReversalState.NEEDS_EVIDENCE)
    assert MovementKind.DISPUTE in {each.kind for each in report.movements}


async def test_an_order_without_a_mandate_is_refused(ordered: Ordered, bank: Bank) -> None:
    order = debit(bank.address)
    assert order.collection is not None
    bare = order.collection.model_copy(
        update={"mandate": None, "customer": None, "payment_method": "pm_success_fr"}
    )
    pay = await ordered(order.model_copy(update={"collection": bare}))
    refused = await pay.submit()
    assert isinstance(refused, Refused)
    assert (refused.report.state, refused.report.status_reason) == (S.REJECTED, "MD01")


async def test_a_payout_that_fails_after_it_was_paid_has_come_back(
    ordered: Ordered, bank: Bank
) -> None:
    pay = await ordered(PAYOUT)
    assert await accepted(pay) is S.ACCEPTED
    bank.later(DAYS)
    paid = await pay.was_read()
    assert paid.state is S.SETTLED
    ordered.happen(pay, "fail_payout", reason="account_closed")
    report = await pay.was_read()
    assert (report.state, report.status_reason) == (S.RETURNED, "AC04")
    assert [(each.kind, each.amount) for each in report.movements] == [
        (MovementKind.RETURN, PAYOUT.instructed_amount),
        (MovementKind.DEBIT, PAYOUT.instructed_amount),
    ]
    assert report.observed.beneficiary_is_ours


async def test_a_payout_that_fails_before_it_left_has_come_back_too(
    ordered: Ordered, bank: Bank
) -> None:
    pay = await ordered(PAYOUT)
    await pay.accepted()
    ordered.happen(pay, "fail_payout")
    read = await pay.adapter.read(pay.subject)
    assert isinstance(read, Answered)
    assert read.report.state is S.RETURNED
    assert {each.kind for each in read.report.movements} == {
        MovementKind.DEBIT,
        MovementKind.RETURN,
    }


async def test_more_than_our_balance_is_refused(ordered: Ordered, bank: Bank) -> None:
    balance = await ordered.adapter.available("EUR", None)
    assert isinstance(balance, Money)
    assert balance.minor > 0
    more = Money(minor=balance.minor + 1, currency="EUR")
    pay = await ordered(PAYOUT.model_copy(update={"instructed_amount": more}))
    refused = await pay.submit()
    assert isinstance(refused, Refused)
    assert refused.report.status_reason == "AM04"


@pytest.mark.parametrize("currency", ["HUF", "TWD"])
async def test_a_payout_without_a_whole_amount_is_refused_where_only_those_are_paid_out(
    ordered: Ordered, currency: str
) -> None:
    for minor, is_whole in ((10_45, False), (10_00, True)):
        amount = Money(minor=minor, currency=currency)
        order = PAYOUT.model_copy(update={"instructed_amount": amount, "rail": Rail.DOMESTIC})
        examined = await ordered.adapter.examine(order)
        assert (examined is None) is is_whole
        if examined is not None:
            assert examined.why.startswith(f"instructed_amount: {amount} is finer than {currency}")


async def test_a_currency_that_we_have_nothing_in_has_a_balance_of_nothing(
    ordered: Ordered,
) -> None:
    assert await ordered.adapter.available("CHF", None) == Money(minor=0, currency="CHF")


@pytest.mark.parametrize("direction", list(Direction))
async def test_what_never_can_be_prepared_is_said_before_anything_is_made(
    ordered: Ordered, bank: Bank, direction: Direction
) -> None:
    order: Order = PAYOUT if direction is Direction.OUTGOING else debit(bank.address)
    order = order.model_copy(update={"on_behalf_of": "acct_2"})
    before = bank.control("book").get("payment_intents", [])
    examined = await ordered.adapter.examine(order)
    assert examined is not None
    assert examined.refused is not None
    prepared = await ordered.adapter.prepare(
        Subject("pay_1/pay/1", order, (new_key(ordered.adapter),))
    )
    assert isinstance(prepared, Unprepared)
    assert prepared.why == examined.why
    assert bank.control("book").get("payment_intents", []) == before


async def instant(bank: Bank, order: Order = PAYOUT, **settings: Any) -> Instruction:
    """A payout that is to arrive at once, not prepared yet."""
    adapter = bank.adapter(**{"instant_payouts": ("ba_simulated",), **settings})
    return Instruction(bank, adapter, Subject("pay_1/pay/1", order, (new_key(adapter),)))


async def test_an_instant_payout_arrives_at_once_costs_a_fee_and_may_still_come_back(
    ordered: Ordered, bank: Bank
) -> None:
    pay = await (await instant(bank)).prepared()
    assert b"method=instant" in pay.request.body
    assert await accepted(pay) is S.ACCEPTED
    bank.later(1)
    paid = await pay.was_read()
    assert paid.state is S.SETTLED
    sums = {each.kind: each.amount.minor for each in paid.movements}
    assert sums == {MovementKind.DEBIT: 12_50, MovementKind.FEE: 13}
    ordered.happen(pay, "fail_payout")
    assert (await pay.was_read()).state is S.RETURNED
    await pay.adapter.close()


async def test_a_bank_that_takes_no_instant_payouts_is_a_refusal(bank: Bank) -> None:
    number = SecretStr(PAYOUT.creditor_account.number)
    only = "ba_standard_only"
    pay = await instant(bank, payout_accounts={only: number}, instant_payouts=(only,))
    refused = await (await pay.prepared()).submit()
    assert isinstance(refused, Refused)
    assert refused.report.partner_status == "instant_payouts_unsupported"
    assert refused.report.state is S.REJECTED
    await pay.adapter.close()


async def test_more_than_can_be_paid_out_at_once_is_refused_before_it_is_sent(bank: Bank) -> None:
    more = PAYOUT.model_copy(update={"instructed_amount": Money(minor=10**12, currency="EUR")})
    pay = await instant(bank, more)
    prepared = await pay.adapter.prepare(pay.subject)
    assert isinstance(prepared, Unprepared)
    assert prepared.why.startswith("instructed_amount: ")
    assert prepared.refused is not None
    examined = await pay.adapter.examine(more)
    assert isinstance(examined, Unprepared)
    assert examined.why == prepared.why
    assert await pay.adapter.examine(PAYOUT) is None
    await pay.adapter.close()
