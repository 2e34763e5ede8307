"""Money that leaves again: refunds, disputes, warnings and payouts."""

from __future__ import annotations

from typing import Any

import pytest

from tests.simulators.stripe.conftest import Shop

DAY = 86_400


def available(shop: Shop, currency: str = "eur") -> int:
    amounts = shop.get("balance")["available"]
    return int(next(each["amount"] for each in amounts if each["currency"] == currency))


def disputed(shop: Shop, method: str = "pm_card_createDispute") -> tuple[Any, Any]:
    """A disputed payment and its dispute."""
    intent = shop.pay(method)
    [dispute] = shop.all("disputes", payment_intent=intent["id"])
    return intent, dispute


def charge_of(shop: Shop, intent: dict[str, Any]) -> dict[str, Any]:
    charge: dict[str, Any] = shop.read(intent)["latest_charge"]
    return charge


# Refunds


def test_refunds_in_part_add_up_to_what_was_taken_and_no_more(shop: Shop) -> None:
    paid = shop.pay()
    first = shop.done("refunds", payment_intent=paid["id"], amount=500, key="refund-1")
    assert (first["status"], first["amount"], first["charge"]) == (
        "succeeded", 500, paid["latest_charge"],
    )  # fmt: skip
    too_much = shop.refused("refunds", payment_intent=paid["id"], amount=1501)
    assert too_much["param"] == "amount"
    assert "code" not in too_much
    second = shop.done("refunds", charge=paid["latest_charge"], reason="requested_by_customer")
    assert second["amount"] == 1500
    charge = charge_of(shop, paid)
    assert (charge["amount_refunded"], charge["refunded"]) == (2000, True)
    again = shop.refused("refunds", payment_intent=paid["id"], amount=1)
    assert again["code"] == "charge_already_refunded"
    assert shop.transactions(first["id"], second["id"]) == [
        ("refund", -500, 0),
        ("refund", -1500, 0),
    ]
    assert shop.events(first["id"]) == ["refund.created"]
    assert shop.events(charge["id"]).count("charge.refunded") == 2
    assert shop.book()["refunds"][0]["unique_request_id"] == "refund-1"
    # The payment itself stays as it was.
    assert (shop.read(paid)["status"], shop.read(paid)["amount_received"]) == ("succeeded", 2000)


def test_a_refund_fails_after_it_had_succeeded_and_its_money_comes_back(shop: Shop) -> None:
    paid = shop.pay("pm_card_refundFail")
    refund = shop.done("refunds", payment_intent=paid["id"])
    assert refund["status"] == "succeeded"
    shop.advance(5)
    failed = shop.get(f"refunds/{refund['id']}")
    assert (failed["status"], failed["failure_reason"]) == ("failed", "lost_or_stolen_card")
    assert shop.transactions(refund["id"]) == [("refund", -2000, 0), ("refund_failure", 2000, 0)]
    assert shop.events(refund["id"])[-1] == "refund.failed"
    assert charge_of(shop, paid)["amount_refunded"] == 0
    assert shop.done("refunds", payment_intent=paid["id"])["status"] == "succeeded"


def test_a_refund_may_take_days_or_wait_for_the_payer(shop: Shop) -> None:
    for method in ("pm_card_pendingRefund", "pm_success_de"):
        paid = shop.pay(method)
        shop.advance(5)
        slow = shop.done("refunds", payment_intent=paid["id"], amount=700)
        assert (slow["status"], slow["pending_reason"]) == ("pending", "processing")
        asked = shop.done("refunds", payment_intent=paid["id"], amount=800)
        shop.apply("require_refund_action", asked)
        shop.advance(5)
        assert shop.get(f"refunds/{slow['id']}")["status"] == "succeeded"
        assert shop.get(f"refunds/{asked['id']}")["status"] == "requires_action"
        assert shop.done(f"refunds/{asked['id']}/cancel")["status"] == "canceled"
        assert charge_of(shop, paid)["amount_refunded"] == 700
        late = shop.refused(f"refunds/{asked['id']}/cancel")
        assert late["code"] == "status_transition_invalid"


def test_a_refund_waits_until_the_balance_covers_it(shop: Shop) -> None:
    paid = shop.pay(currency="chf")
    shop.advance(5)
    refund = shop.done("refunds", payment_intent=paid["id"])
    assert (refund["status"], refund["pending_reason"]) == ("pending", "insufficient_funds")
    assert refund["balance_transaction"] is None
    shop.control("funds", {"amount": 88, "currency": "chf"})
    paid_back = shop.get(f"refunds/{refund['id']}")
    assert (paid_back["status"], available(shop, "chf")) == ("succeeded", 0)
    assert "pending_reason" not in paid_back


@pytest.mark.parametrize(
    ("method", "status"), [("pm_success_de", "succeeded"), ("pm_failed_de", "canceled")]
)
def test_a_refund_of_a_debit_in_process_waits_for_the_debit(
    shop: Shop, method: str, status: str
) -> None:
    paid = shop.pay(method)
    refund = shop.done("refunds", payment_intent=paid["id"])
    assert (refund["status"], refund["pending_reason"]) == ("pending", "charge_pending")
    shop.advance(10)
    assert shop.get(f"refunds/{refund['id']}")["status"] == status


def test_what_was_not_taken_or_is_disputed_cannot_be_refunded(shop: Shop) -> None:
    created = shop.done("payment_intents", amount=2000, currency="eur")
    nothing = shop.refused("refunds", payment_intent=created["id"])
    assert nothing["code"] == "payment_intent_unexpected_state"
    held = shop.pay(capture_method="manual")
    assert shop.refused("refunds", payment_intent=held["id"])["code"] == "charge_not_refundable"
    declined = shop.declined("pm_card_chargeDeclined")
    failed = shop.refused("refunds", charge=declined["charge"])
    assert failed["code"] == "charge_not_refundable"
    intent, dispute = disputed(shop)
    assert shop.refused("refunds", payment_intent=intent["id"])["code"] == "charge_disputed"
    shop.apply("decide_dispute", dispute, outcome="lost")
    assert shop.refused("refunds", payment_intent=intent["id"])["code"] == "charge_disputed"
    inquired, _ = disputed(shop, "pm_card_createDisputeInquiry")
    assert shop.done("refunds", payment_intent=inquired["id"])["status"] == "succeeded"
    assert shop.refused("refunds")["code"] == "parameter_missing"
    assert shop.refused("refunds", 404, charge="ch_none")["code"] == "resource_missing"


# Disputes


def test_a_dispute_takes_the_money_and_a_fee_and_is_won_back(shop: Shop) -> None:
    intent, dispute = disputed(shop)
    assert (dispute["status"], dispute["reason"]) == ("needs_response", "fraudulent")
    assert dispute["evidence_details"]["due_by"] == dispute["created"] + 7 * DAY
    assert charge_of(shop, intent)["disputed"] is True
    assert shop.transactions(dispute["id"]) == [("adjustment", -2000, 1500)]
    form: dict[str, Any] = {"evidence[uncategorized_text]": "winning_evidence"}
    draft = shop.done(f"disputes/{dispute['id']}", submit="false", **form)
    assert (draft["status"], draft["evidence_details"]["has_evidence"]) == ("needs_response", True)
    sent = shop.done(f"disputes/{dispute['id']}", **form)
    assert (sent["status"], sent["evidence_details"]["submission_count"]) == ("under_review", 1)
    shop.advance(5)
    won = shop.get(f"disputes/{dispute['id']}")
    assert won["status"] == "won"
    assert [each["amount"] for each in won["balance_transactions"]] == [-2000, 2000]
    assert shop.transactions(dispute["id"])[1:] == [("adjustment", 2000, 0)]
    events = shop.events(dispute["id"])
    assert events[:2] == ["charge.dispute.created", "charge.dispute.funds_withdrawn"]
    assert events[-2:] == ["charge.dispute.funds_reinstated", "charge.dispute.closed"]
    late = shop.refused(f"disputes/{dispute['id']}", **form)
    assert late["code"] == "status_transition_invalid"


def test_a_dispute_is_lost_by_its_evidence_by_silence_or_by_giving_up(shop: Shop) -> None:
    [losing, silent, given_up] = [disputed(shop)[1]["id"] for _ in range(3)]
    shop.done(f"disputes/{losing}", **{"evidence[uncategorized_text]": "losing_evidence"})
    assert shop.done(f"disputes/{given_up}/close")["status"] == "lost"
    shop.advance(7 * DAY)
    for dispute_id in (losing, silent, given_up):
        lost = shop.get(f"disputes/{dispute_id}")
        assert lost["status"] == "lost"
        assert shop.transactions(dispute_id) == [("adjustment", -2000, 1500)]
    assert shop.get(f"disputes/{silent}")["evidence_details"]["past_due"] is True


def test_an_inquiry_moves_no_money_unless_it_escalates(shop: Shop) -> None:
    _, inquiry = disputed(shop, "pm_card_createDisputeInquiry")
    assert (inquiry["status"], shop.transactions(inquiry["id"])) == ("warning_needs_response", [])
    shop.advance(7 * DAY)
    closed = shop.get(f"disputes/{inquiry['id']}")
    assert (closed["status"], closed["is_charge_refundable"]) == ("warning_closed", True)
    _, other = disputed(shop, "pm_card_createDisputeInquiry")
    form = {"evidence[uncategorized_text]": "escalate_inquiry_evidence"}
    assert shop.done(f"disputes/{other['id']}", **form)["status"] == "warning_under_review"
    shop.advance(5)
    escalated = shop.get(f"disputes/{other['id']}")
    assert (escalated["status"], escalated["is_charge_refundable"]) == ("needs_response", False)
    assert shop.transactions(other["id"]) == [("adjustment", -2000, 1500)]


def test_a_debits_dispute_is_lost_at_once(shop: Shop) -> None:
    for method in ("pm_disputed_de", "pm_usBankAccount_dispute"):
        debit = shop.pay(method)
        shop.advance(5)
        [dispute] = shop.all("disputes", payment_intent=debit["id"])
        assert dispute["status"] == "lost"
        assert shop.read(debit)["status"] == "succeeded"
        assert shop.events(dispute["id"])[-1] == "charge.dispute.closed"


def test_people_dispute_in_part_twice_and_long_after(shop: Shop) -> None:
    twice = shop.pay("pm_card_createMultipleDisputes")
    assert [each["amount"] for each in shop.all("disputes")] == [1000, 1000]
    assert charge_of(shop, twice)["disputed"] is True
    old = shop.pay()
    shop.advance(100 * DAY)
    shop.apply("dispute", old, reason="product_not_received", amount=300)
    late = shop.all("disputes", payment_intent=old["id"])[0]
    assert (late["amount"], late["reason"]) == (300, "product_not_received")
    shop.apply("decide_dispute", late, outcome="prevented")
    assert shop.transactions(late["id"]) == [("adjustment", -300, 1500), ("adjustment", 300, 0)]
    fired = [each["fault"] for each in shop.book()["faults_fired"]]
    assert fired == ["dispute", "decide_dispute"]


def test_a_warning_moves_no_money_and_ends_with_a_refund(shop: Shop) -> None:
    paid = shop.pay("pm_card_createIssuerFraudRecord")
    [warning] = shop.all("radar/early_fraud_warnings", payment_intent=paid["id"])
    assert (warning["actionable"], warning["charge"]) == (True, paid["latest_charge"])
    shop.done("refunds", payment_intent=paid["id"])
    settled = shop.get(f"radar/early_fraud_warnings/{warning['id']}")
    assert settled["actionable"] is False
    assert shop.events(warning["id"]) == [
        "radar.early_fraud_warning.created", "radar.early_fraud_warning.updated",
    ]  # fmt: skip


# Payouts


def test_a_payout_leaves_arrives_and_may_come_back(shop: Shop) -> None:
    before = available(shop)
    payout = shop.done("payouts", amount=70_000, currency="eur")
    assert (payout["status"], available(shop)) == ("pending", before - 70_000)
    shop.advance(0.5)
    assert shop.get(f"payouts/{payout['id']}")["status"] == "in_transit"
    shop.advance(1)
    assert shop.get(f"payouts/{payout['id']}")["status"] == "paid"
    shop.advance(5 * DAY)
    shop.apply("fail_payout", payout, reason="account_closed")
    failed = shop.get(f"payouts/{payout['id']}")
    assert (failed["status"], failed["failure_code"]) == ("failed", "account_closed")
    assert failed["failure_balance_transaction"]
    assert available(shop) == before
    assert shop.transactions(payout["id"]) == [
        ("payout", -70_000, 0), ("payout_failure", 70_000, 0),
    ]  # fmt: skip
    assert shop.events(payout["id"]) == [
        "payout.created", "payout.updated", "payout.paid", "payout.failed",
    ]  # fmt: skip


def test_an_instant_payout_arrives_at_once_for_a_fee_where_the_bank_takes_it(shop: Shop) -> None:
    before = available(shop)
    asked: dict[str, Any] = {"amount": 10_010, "currency": "eur", "method": "instant"}
    payout = shop.done("payouts", **asked)
    assert (payout["method"], available(shop)) == ("instant", before - 10_010 - 101)
    shop.advance(0.2)
    assert shop.get(f"payouts/{payout['id']}")["status"] == "paid"
    assert shop.transactions(payout["id"]) == [("payout", -10_010, 101)]
    for changed, code in (
        ({"destination": "ba_standard_only"}, "instant_payouts_unsupported"),
        ({"currency": "jpy"}, "instant_payouts_currency_disabled"),
    ):
        assert shop.refused("payouts", **{**asked, **changed})["code"] == code
    shown = shop.get("balance")
    assert shown["instant_available"] == shown["available"]


def test_a_payout_is_cancelled_while_it_is_pending_and_not_later(shop: Shop) -> None:
    payout, other = (shop.done("payouts", amount=500, currency="eur") for _ in range(2))
    assert shop.done(f"payouts/{payout['id']}/cancel")["status"] == "canceled"
    shop.advance(0.5)
    late = shop.refused(f"payouts/{other['id']}/cancel")
    assert late["code"] == "status_transition_invalid"
    too_much = shop.refused("payouts", amount=99_999_999, currency="eur")
    assert too_much["code"] == "balance_insufficient"
    assert shop.all("payouts", status="in_transit")[0]["id"] == other["id"]


def test_only_what_is_available_is_paid_out(shop: Shop) -> None:
    shop.pay(currency="chf", capture_method="automatic")
    amount: dict[str, Any] = {"amount": 1912, "currency": "chf"}
    assert shop.refused("payouts", **amount)["code"] == "balance_insufficient"
    shop.advance(2)
    assert shop.done("payouts", **amount)["status"] == "pending"
    shop.pay("pm_card_bypassPending", currency="sek", capture_method="automatic")
    assert available(shop, "sek") == 2000 - 58 - 30
