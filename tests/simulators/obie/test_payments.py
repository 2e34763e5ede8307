"""A domestic payment: consent, authorisation, submission, execution, and what may come between."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.simulators.obie.conftest import CONSENTS, CREDITOR, DEBTOR, PAYMENTS, Tpp, initiation


def test_a_payment_is_approved_on_the_page_submitted_and_settles(either: Tpp) -> None:
    tpp = either
    is_old = tpp.version == "v3.1"
    consent = tpp.ask_payment()
    consent_id = consent["Data"]["ConsentId"]
    assert consent["Data"]["Status"] == ("AwaitingAuthorisation" if is_old else "AWAU")
    url, verifier = tpp.authorise_url(consent_id, "payments")
    page = tpp.browse(url)
    for shown in ("123.50 GBP", "Carla Creditor", CREDITOR, DEBTOR, "Finance App"):
        assert shown in page.text, "the payer sees amount, payee and asker"
    told = tpp.answer_of(tpp.click(page, "approve"))
    assert told["iss"] == tpp.address
    token = tpp.redeem(told["code"], verifier)["access_token"]
    read = tpp.get(f"{CONSENTS}/{consent_id}")
    assert read["Data"]["Status"] == ("Authorised" if is_old else "AUTH")
    funds = tpp.get(f"{CONSENTS}/{consent_id}/funds-confirmation", token)
    assert funds["Data"]["FundsAvailableResult"]["FundsAvailable"] is True
    made = tpp.ask("POST", PAYMENTS, tpp.order_of(consent), token=token).json()
    words = [made["Data"]["Status"]]
    for _ in range(3):
        tpp.advance(0.5)
        words.append(tpp.status(made))
    assert words == (
        ["Pending", "AcceptedSettlementInProcess", *["AcceptedSettlementCompleted"] * 2]
        if is_old
        else ["RCVD", "ACSP", "ACSC", "ACSC"]
    )
    details = tpp.get(f"{PAYMENTS}/{made['Data']['DomesticPaymentId']}/payment-details")
    assert details["Data"]["PaymentStatus"][0]["Status"] == words[-1]
    read = tpp.get(f"{CONSENTS}/{consent_id}")
    assert read["Data"]["Status"] == ("Consumed" if is_old else "COND")
    tpp.apply("credit", made["Data"]["DomesticPaymentId"])
    assert tpp.status(made) == ("AcceptedCreditSettlementCompleted" if is_old else "ACCC")
    moved = [line for line in tpp.control("book")["postings"] if line["payment_id"]]
    assert [line["amount_minor"] for line in moved] == [-12350, 12350, -12350, 12350]


def test_a_rejection_on_the_page_rejects_the_consent(either: Tpp) -> None:
    consent = either.ask_payment()
    url, _ = either.authorise_url(consent["Data"]["ConsentId"], "payments", state="mine")
    told = either.answer_of(either.click(either.browse(url), "reject"))
    assert told == {
        "error": "access_denied",
        "error_description": "U037",
        "state": "mine",
        "iss": either.address,
    }
    read = either.get(f"{CONSENTS}/{consent['Data']['ConsentId']}")["Data"]
    assert read["Status"] in ("Rejected", "RJCT")
    again = either.browse(url)
    assert either.answer_of(again)["error"] == "invalid_request", "a rejected consent is over"


def test_a_payer_who_leaves_rejects_the_consent_when_the_time_is_over(tpp: Tpp) -> None:
    consent = tpp.ask_payment()
    url, _ = tpp.authorise_url(consent["Data"]["ConsentId"], "payments")
    page = tpp.browse(url)
    tpp.advance(299)
    path = f"{CONSENTS}/{consent['Data']['ConsentId']}"
    assert tpp.get(path)["Data"]["Status"] == "AWAU"
    tpp.advance(2)
    read = tpp.get(path)["Data"]
    assert (read["Status"], read["StatusReason"][0]["StatusReasonCode"]) == ("RJCT", "U036")
    assert tpp.click(page, "approve").status_code == 410


def test_of_two_tabs_the_first_answer_counts(tpp: Tpp) -> None:
    consent = tpp.ask_payment()
    url, _ = tpp.authorise_url(consent["Data"]["ConsentId"], "payments")
    first, second = tpp.browse(url), tpp.browse(url)
    assert "code" in tpp.answer_of(tpp.click(first, "approve"))
    assert tpp.click(second, "reject").status_code == 410
    assert tpp.get(f"{CONSENTS}/{consent['Data']['ConsentId']}")["Data"]["Status"] == "AUTH"
    assert tpp.click(first, "approve").status_code == 410, "a form that is sent twice"


def test_the_same_key_shows_the_same_payment_as_it_is_now(either: Tpp) -> None:
    tpp = either
    consent = tpp.ask_payment()
    token = tpp.authorised(consent["Data"]["ConsentId"], "payments")["access_token"]
    order, key = tpp.order_of(consent), "the-key"
    first = tpp.ask("POST", PAYMENTS, order, token=token, x_idempotency_key=key)
    tpp.advance(2)
    again = tpp.ask("POST", PAYMENTS, order, token=token, x_idempotency_key=key)
    assert (first.status_code, again.status_code) == (201, 201)
    one, two = first.json()["Data"], again.json()["Data"]
    assert one["DomesticPaymentId"] == two["DomesticPaymentId"]
    assert one["Status"] != two["Status"], "the status is the present one"
    other = {**order, "Risk": {"PaymentContextCode": "TransferToSelf"}}
    changed = tpp.ask("POST", PAYMENTS, other, token=token, x_idempotency_key=key)
    code = changed.json()["Errors"][0]["ErrorCode"]
    assert (changed.status_code, code) in ((400, "UK.OBIE.Header.Invalid"), (409, "U029"))
    assert len(tpp.control("book")["payments"]) == 1


def test_a_key_is_forgotten_after_a_day_but_the_consent_is_consumed(either: Tpp) -> None:
    tpp = either
    tpp.control("delays", {"access_expires_after": 1_000_000})
    consent = tpp.ask_payment()
    token = tpp.authorised(consent["Data"]["ConsentId"], "payments")["access_token"]
    order, key = tpp.order_of(consent), "the-key"
    tpp.ask("POST", PAYMENTS, order, token=token, x_idempotency_key=key)
    tpp.advance(24 * 3600 - 1)
    again = tpp.ask("POST", PAYMENTS, order, token=token, x_idempotency_key=key)
    assert again.status_code == 201
    tpp.advance(2)
    late = tpp.ask("POST", PAYMENTS, order, token=token, x_idempotency_key=key)
    code = late.json()["Errors"][0]["ErrorCode"]
    assert (late.status_code, code) in (
        (400, "UK.OBIE.Resource.InvalidConsentStatus"),
        (400, "U009"),
    )
    assert len(tpp.control("book")["payments"]) == 1, "a consent pays once"


def test_a_key_makes_one_consent(tpp: Tpp) -> None:
    body = {"Data": {"Initiation": initiation()}, "Risk": {}}
    made = [tpp.ask("POST", CONSENTS, body, x_idempotency_key="k").json() for _ in range(2)]
    assert made[0]["Data"]["ConsentId"] == made[1]["Data"]["ConsentId"]
    assert tpp.ask_payment()["Data"]["ConsentId"] != made[0]["Data"]["ConsentId"]


def test_a_late_rejection_brings_the_money_back(either: Tpp) -> None:
    tpp = either
    before = tpp.control("accounts")["accounts"][0]["amount_minor"]
    made = tpp.pay()
    tpp.advance(0.3)
    tpp.advance(0.6)
    assert tpp.status(made) in ("ACSC", "AcceptedSettlementCompleted")
    assert tpp.control("accounts")["accounts"][0]["amount_minor"] == before - 12350
    tpp.apply("reject", made["Data"]["DomesticPaymentId"], reason="AC04")
    assert tpp.status(made) in ("RJCT", "Rejected")
    assert tpp.control("accounts")["accounts"][0]["amount_minor"] == before


def test_without_funds_the_bank_says_so_and_rejects(tpp: Tpp) -> None:
    consent = tpp.ask_payment()
    consent_id = consent["Data"]["ConsentId"]
    token = tpp.authorised(consent_id, "payments")["access_token"]
    balance = tpp.control("accounts")["accounts"][0]
    tpp.control("funds", {"account": balance["id"], "amount": -balance["amount_minor"]})
    funds = tpp.get(f"{CONSENTS}/{consent_id}/funds-confirmation", token)
    assert funds["Data"]["FundsAvailableResult"]["FundsAvailable"] is False
    made = tpp.ask("POST", PAYMENTS, tpp.order_of(consent), token=token).json()
    tpp.advance(1)
    read = tpp.get(f"{PAYMENTS}/{made['Data']['DomesticPaymentId']}")["Data"]
    assert (read["Status"], read["StatusReason"]) == ("RJCT", [{"StatusReasonCode": "AM04"}])


@pytest.mark.parametrize(
    ("interventions", "words"),
    [
        (["review", "release", "settle"], ["PDNG", "ACSP", "ACSC"]),
        (["review", "reject"], ["PDNG", "RJCT"]),
        (["block"], ["BLCK"]),
        (["review", "release", "without_posting", "credit"], ["PDNG", "ACSP", "ACWP", "ACCC"]),
    ],
)
def test_what_people_at_the_bank_do(tpp: Tpp, interventions: list[str], words: list[str]) -> None:
    made = tpp.pay()
    seen = []
    for each in interventions:
        tpp.apply(each, made["Data"]["DomesticPaymentId"])
        seen.append(tpp.status(made))
    assert seen == words
    late = tpp.http.post(
        f"/_control/payments/{made['Data']['DomesticPaymentId']}", json={"fault": "review"}
    )
    assert late.status_code == 409


def test_a_terse_bank_never_reports_the_settlement_and_has_no_details(
    bank: Callable[..., Tpp],
) -> None:
    tpp = bank("terse")
    made = tpp.pay()
    tpp.advance(24 * 3600)
    assert tpp.status(made) == "ACSP"
    own = f"{PAYMENTS}/{made['Data']['DomesticPaymentId']}"
    assert tpp.ask("GET", f"{own}/payment-details").status_code == 404
    assert tpp.ask("POST", "events", {}).status_code == 404


def test_the_payer_of_the_order_is_the_only_account_on_the_page(tpp: Tpp) -> None:
    scheme = "UK.OBIE.SortCodeAccountNumber"
    debtor = {"SchemeName": scheme, "Identification": "80200112344562"}
    consent = tpp.ask_payment(DebtorAccount=debtor)
    url, _ = tpp.authorise_url(consent["Data"]["ConsentId"], "payments")
    page = tpp.browse(url)
    assert "80200112344562" in page.text
    assert DEBTOR not in page.text
    refused = tpp.click(page, "approve", accounts=["22289"])
    assert refused.status_code == 400
    assert "code" in tpp.answer_of(tpp.click(page, "approve"))


def test_a_payment_made_in_the_old_version_is_read_in_the_new_one_and_not_the_reverse(
    tpp: Tpp,
) -> None:
    tpp.version = "v3.1"
    old = tpp.pay()
    tpp.version = "v4.0"
    assert tpp.status(old) == "RCVD"
    new = tpp.pay()
    tpp.version = "v3.1"
    own = f"{PAYMENTS}/{new['Data']['DomesticPaymentId']}"
    assert tpp.ask("GET", own).json()["Errors"][0]["ErrorCode"] == "UK.OBIE.Resource.NotFound"
