"""Payments at the bank: initiation, authorisation in every approach, execution, cancellation."""

from __future__ import annotations

import httpx
import pytest

from tests.simulators.berlin_group.conftest import (
    BACK,
    CREDITOR,
    DEBTOR,
    NOT_OK,
    ORDER,
    PAYMENTS,
    Tpp,
)


def redirect_of(made: dict[str, object]) -> str:
    links = made["_links"]
    assert isinstance(links, dict)
    return str(links["scaRedirect"]["href"])


def test_a_payment_is_approved_on_the_page_and_settles(tpp: Tpp) -> None:
    made = tpp.initiate()
    page = httpx.get(redirect_of(made))
    for shown in ("123.50 EUR", "Carla Creditor", CREDITOR, DEBTOR):
        assert shown in page.text, "the payer sees the amount and the payee"
    back = tpp.click(redirect_of(made), "approve")
    assert (back.status_code, back.headers["location"]) == (303, BACK)
    words = [tpp.status(made)]
    for _ in range(3):
        tpp.advance(0.5)
        words.append(tpp.status(made))
    assert words == ["ACTC", "ACFC", "ACSC", "ACSC"]
    tpp.apply("credit", made)
    assert tpp.status(made) == "ACCC"
    moved = [line for line in tpp.control("book")["postings"] if line["what"] == "settled"]
    assert [line["amount_minor"] for line in moved] == [-12350, 12350]
    assert httpx.get(redirect_of(made)).status_code == 410


def test_a_refusal_on_the_page_rejects_the_payment(tpp: Tpp) -> None:
    made = tpp.initiate()
    back = tpp.click(redirect_of(made), "refuse")
    assert back.headers["location"] == NOT_OK
    assert tpp.status(made) == "RJCT"
    assert httpx.post(f"{redirect_of(made)}?choice=approve").status_code == 410
    assert tpp.status(made) == "RJCT"


def test_a_payer_who_leaves_loses_the_payment_when_the_time_is_over(tpp: Tpp) -> None:
    made = tpp.initiate()
    tpp.advance(299)
    assert tpp.status(made) == "RCVD"
    tpp.advance(2)
    assert tpp.status(made) == "RJCT"
    assert httpx.get(redirect_of(made)).status_code == 410


def test_a_decoupled_payment_waits_for_the_app(tpp: Tpp) -> None:
    made = tpp.initiate(TPP_Redirect_Preferred="false", TPP_Decoupled_Preferred="true")
    assert "scaRedirect" not in made["_links"]
    assert made["psuMessage"]
    status = made["_links"]["scaStatus"]["href"]
    assert tpp.get(status)["scaStatus"] == "started"
    tpp.apply("psu_approves", made)
    assert tpp.get(status)["scaStatus"] == "finalised"
    assert tpp.status(made) == "ACTC"


def test_an_embedded_payment_takes_password_method_and_code(tpp: Tpp) -> None:
    tpp.choose("embedded")
    made = tpp.initiate()
    start = made["_links"]["startAuthorisationWithPsuAuthentication"]["href"]
    wrong = tpp.ask("POST", start, {"psuData": {"password": "guessed"}})
    assert wrong.json()["tppMessages"][0]["code"] == "PSU_CREDENTIALS_INVALID"
    begun = tpp.ask("POST", start, {"psuData": {"password": "correct horse"}}).json()
    assert begun["scaStatus"] == "psuAuthenticated"
    assert len(begun["scaMethods"]) == 2
    own = begun["_links"]["selectAuthenticationMethod"]["href"]
    unknown = tpp.ask("PUT", own, {"authenticationMethodId": "999"})
    assert unknown.json()["tppMessages"][0]["code"] == "SCA_METHOD_UNKNOWN"
    chosen = tpp.ask("PUT", own, {"authenticationMethodId": "901"}).json()
    assert chosen["challengeData"]["otpMaxLength"] == 6
    refused = tpp.ask("PUT", own, {"scaAuthenticationData": "not it"})
    assert refused.json()["tppMessages"][0]["code"] == "SCA_INVALID"
    (code,) = [each["code"] for each in tpp.control("book")["authorisations"] if each["code"]]
    assert tpp.ask("PUT", own, {"scaAuthenticationData": code}).json()["scaStatus"] == "finalised"
    assert tpp.status(made) == "ACTC"


def test_three_wrong_codes_end_an_authorisation(tpp: Tpp) -> None:
    tpp.choose("embedded")
    made = tpp.initiate()
    start = made["_links"]["startAuthorisationWithPsuAuthentication"]["href"]
    begun = tpp.ask("POST", start, {"psuData": {"password": "correct horse"}}).json()
    own = begun["_links"]["selectAuthenticationMethod"]["href"]
    tpp.ask("PUT", own, {"authenticationMethodId": "901"})
    for _ in range(3):
        tpp.ask("PUT", own, {"scaAuthenticationData": "wrong"})
    assert tpp.get(own)["scaStatus"] == "failed"
    assert tpp.ask("PUT", own, {"scaAuthenticationData": "wrong"}).status_code == 409


def test_an_exempted_payment_goes_on_at_once(tpp: Tpp) -> None:
    tpp.choose("exempted")
    made = tpp.initiate()
    assert made["transactionStatus"] == "ACTC"
    assert tpp.get(made["_links"]["scaStatus"]["href"])["scaStatus"] == "exempted"


def test_two_authorisers_have_to_approve(tpp: Tpp) -> None:
    tpp.control("authorisers", {"authorisers": 2})
    made = tpp.initiate()
    for word in ("PATC", "ACTC"):
        start = made["_links"]["startAuthorisation"]["href"]
        begun = tpp.ask("POST", start, {}).json()
        tpp.click(redirect_of(begun), "approve")
        assert tpp.status(made) == word
    ids = tpp.get(f"{PAYMENTS}/{made['paymentId']}/authorisations")["authorisationIds"]
    assert len(ids) == 2


def test_without_funds_the_bank_rejects_and_says_so(tpp: Tpp) -> None:
    tpp.initiate()
    tpp.control("funds", {"iban": DEBTOR, "amount": -99_999_000})
    made = tpp.initiate()
    tpp.click(redirect_of(made), "approve")
    tpp.advance(1)
    told = tpp.get(f"{PAYMENTS}/{made['paymentId']}/status")
    assert (told["transactionStatus"], told["fundsAvailable"]) == ("RJCT", False)
    assert [each["code"] for each in told["tppMessages"]] == ["FUNDS_NOT_AVAILABLE"]


def test_there_is_no_idempotency_and_no_lookup(tpp: Tpp) -> None:
    key = "99391c7e-ad88-49ec-a2ad-99ddcb1f7721"
    first, second = (tpp.initiate(X_Request_ID=key)["paymentId"] for _ in range(2))
    assert first != second
    assert tpp.ask("GET", PAYMENTS).status_code == 405


def test_a_payment_that_nobody_authorised_is_cancelled_at_once(tpp: Tpp) -> None:
    made = tpp.initiate()
    own = f"{PAYMENTS}/{made['paymentId']}"
    answer = tpp.ask("DELETE", own)
    assert (answer.status_code, answer.content) == (204, b"")
    assert tpp.status(made) == "CANC"
    assert httpx.get(redirect_of(made)).status_code == 410
    assert tpp.ask("DELETE", own).json()["tppMessages"][0]["code"] == "STATUS_INVALID"


@pytest.mark.parametrize(("choice", "word"), [("approve", "CANC"), ("refuse", "ACTC")])
def test_the_payer_confirms_the_cancellation_of_an_authorised_payment(
    tpp: Tpp, choice: str, word: str
) -> None:
    made = tpp.initiate()
    tpp.click(redirect_of(made), "approve")
    own = f"{PAYMENTS}/{made['paymentId']}"
    answer = tpp.ask("DELETE", own)
    assert answer.status_code == 202
    assert tpp.status(made) == "ACTC"
    start = answer.json()["_links"]["startAuthorisation"]["href"]
    begun = tpp.ask("POST", start, {}).json()
    assert "Cancel this payment?" in httpx.get(redirect_of(begun)).text
    tpp.click(redirect_of(begun), choice)
    assert tpp.status(made) == word


def test_a_settled_payment_cannot_be_cancelled(tpp: Tpp) -> None:
    made = tpp.initiate()
    tpp.click(redirect_of(made), "approve")
    tpp.advance(2)
    answer = tpp.ask("DELETE", f"{PAYMENTS}/{made['paymentId']}")
    assert answer.status_code == 405
    assert answer.json()["tppMessages"][0]["code"] == "CANCELLATION_INVALID"


@pytest.mark.parametrize(
    ("changed", "path"),
    [
        ({"debtorAccount": {}}, "debtorAccount"),
        ({"creditorAccount": {"iban": "no"}}, "creditorAccount"),
        ({"creditorName": ""}, "creditorName"),
        ({"instructedAmount": {"currency": "EUR", "amount": 12}}, "instructedAmount"),
        ({"instructedAmount": {"currency": "EUR", "amount": "0"}}, "instructedAmount.amount"),
        ({"instructedAmount": {"currency": "EUR", "amount": "1.001"}}, "instructedAmount.amount"),
        ({"instructedAmount": {"currency": "eur", "amount": "1"}}, "instructedAmount.currency"),
        ({"instructedAmount": {"currency": "GBP", "amount": "1"}}, "instructedAmount.currency"),
        ({"endToEndIdentification": "x" * 36}, "endToEndIdentification"),
    ],
)
def test_a_wrong_field_is_refused_and_named(
    tpp: Tpp, changed: dict[str, object], path: str
) -> None:
    answer = tpp.ask("POST", PAYMENTS, {**ORDER, **changed})
    assert answer.status_code == 400
    assert answer.json()["tppMessages"][0]["path"] == path
    assert tpp.control("book")["payments"] == []


@pytest.mark.parametrize("header", ["X_Request_ID", "PSU_IP_Address", "TPP_Redirect_URI"])
def test_a_header_that_is_needed_is_named(tpp: Tpp, header: str) -> None:
    answer = tpp.ask("POST", PAYMENTS, ORDER, **{header: ""})
    assert answer.status_code == 400
    assert answer.json()["tppMessages"][0]["path"] == header.replace("_", "-")


def test_another_product_is_unknown(tpp: Tpp) -> None:
    answer = tpp.ask("POST", "/v1/payments/target-2-payments", ORDER)
    assert (answer.status_code, answer.json()["tppMessages"][0]["code"]) == (404, "PRODUCT_UNKNOWN")


def test_a_quota_that_is_used_up_is_answered_with_429(tpp: Tpp) -> None:
    tpp.control("quotas", {"on": "GET *", "limit": 1, "seconds": 60})
    made = tpp.initiate()
    assert tpp.status(made) == "RCVD"
    answer = tpp.ask("GET", f"{PAYMENTS}/{made['paymentId']}")
    assert answer.status_code == 429
    assert answer.json()["tppMessages"][0]["code"] == "ACCESS_EXCEEDED"
