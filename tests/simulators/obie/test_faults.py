"""The fault menu at this bank: what goes wrong, and what of it happened at the bank."""

from __future__ import annotations

import httpx
import pytest
from cryptography.exceptions import InvalidSignature

from tests.simulators.obie.conftest import CONSENTS, PAYMENTS, Tpp, check_detached


def test_a_submission_whose_reply_is_lost_has_happened_and_the_consent_says_so(tpp: Tpp) -> None:
    consent = tpp.ask_payment()
    token = tpp.authorised(consent["Data"]["ConsentId"], "payments")["access_token"]
    tpp.fault("reply_lost_after", "POST */domestic-payments")
    order = tpp.order_of(consent)
    with pytest.raises(httpx.TransportError):
        tpp.ask("POST", PAYMENTS, order, token=token, x_idempotency_key="k")
    assert tpp.get(f"{CONSENTS}/{consent['Data']['ConsentId']}")["Data"]["Status"] == "COND"
    again = tpp.ask("POST", PAYMENTS, order, token=token, x_idempotency_key="k")
    assert again.status_code == 201
    assert len(tpp.control("book")["payments"]) == 1


def test_a_submission_that_never_arrived_leaves_the_consent_as_it_was(tpp: Tpp) -> None:
    consent = tpp.ask_payment()
    token = tpp.authorised(consent["Data"]["ConsentId"], "payments")["access_token"]
    tpp.fault("reply_lost_before", "POST */domestic-payments")
    with pytest.raises(httpx.TransportError):
        tpp.ask("POST", PAYMENTS, tpp.order_of(consent), token=token)
    assert tpp.get(f"{CONSENTS}/{consent['Data']['ConsentId']}")["Data"]["Status"] == "AUTH"
    assert tpp.control("book")["payments"] == []


@pytest.mark.parametrize("fault", ["breaks_signature", "foreign_signature"])
def test_a_reply_with_a_wrong_signature(tpp: Tpp, fault: str) -> None:
    keys = tpp.keys()
    consent = tpp.ask_payment()
    tpp.fault(fault, f"GET */{CONSENTS}/*")
    answer = tpp.ask("GET", f"{CONSENTS}/{consent['Data']['ConsentId']}")
    with pytest.raises((InvalidSignature, StopIteration)):
        check_detached(answer, keys)
    check_detached(tpp.ask("GET", f"{CONSENTS}/{consent['Data']['ConsentId']}"), keys)


def test_a_reply_without_its_signature(tpp: Tpp) -> None:
    consent = tpp.ask_payment()
    tpp.fault("drops_signature", "GET *")
    answer = tpp.ask("GET", f"{CONSENTS}/{consent['Data']['ConsentId']}")
    assert "x-jws-signature" not in answer.headers


def test_fields_inside_of_data_are_spoilt(tpp: Tpp) -> None:
    made = tpp.pay()
    own = f"{PAYMENTS}/{made['Data']['DomesticPaymentId']}"
    tpp.fault("unknown_status", f"GET */{own}", param={"status": "PARK"})
    answer = tpp.ask("GET", own)
    assert answer.json()["Data"]["Status"] == "PARK"
    check_detached(answer, tpp.keys())
    tpp.fault("missing_field", f"GET */{own}", param={"field": "status"})
    assert "Status" not in tpp.get(own)["Data"]
    tpp.fault("another_amount", f"GET */{own}")
    assert tpp.get(own)["Data"]["Initiation"]["InstructedAmount"]["Amount"] == "9999.99"
    tpp.fault("another_creditor", f"GET */{own}")
    account = tpp.get(own)["Data"]["Initiation"]["CreditorAccount"]
    assert (
        account["Identification"] != made["Data"]["Initiation"]["CreditorAccount"]["Identification"]
    )


def test_the_words_for_faults_are_those_of_the_version(either: Tpp) -> None:
    made = either.pay()
    own = f"{PAYMENTS}/{made['Data']['DomesticPaymentId']}"
    for fault, status in (
        ("unauthorised", 401),
        ("rate_limited", 429),
        ("service_unavailable", 503),
        ("error_500_before", 500),
        ("duplicate_word", 409 if either.version == "v4.0" else 400),
    ):
        either.fault(fault, f"GET */{own}")
        answer = either.ask("GET", own)
        assert answer.status_code == status
        assert answer.headers["x-fapi-interaction-id"]
        if answer.content:
            code = answer.json()["Errors"][0]["ErrorCode"]
            assert code.startswith("U0" if either.version == "v4.0" else "UK.OBIE.")
    either.fault("rate_limited", f"GET */{own}")
    assert either.ask("GET", own).headers["retry-after"] == "1"


def test_a_rule_fits_by_fields_of_the_order(tpp: Tpp) -> None:
    tpp.fault("reject", "POST */domestic-payments", match={"EndToEndIdentification": "INV-2"})
    first, second = tpp.pay(), tpp.pay()
    tpp.advance(0)
    assert (tpp.status(first), tpp.status(second)) == ("RCVD", "RJCT")


def test_a_token_dies_between_the_approval_and_the_submission(tpp: Tpp) -> None:
    consent = tpp.ask_payment()
    consent_id = consent["Data"]["ConsentId"]
    token = tpp.authorised(consent_id, "payments")["access_token"]
    tpp.control("tokens/revoke", {"id": consent_id})
    assert tpp.ask("POST", PAYMENTS, tpp.order_of(consent), token=token).status_code == 401
    assert tpp.get(f"{CONSENTS}/{consent_id}")["Data"]["Status"] == "AUTH"
    assert tpp.control("book")["payments"] == []


def test_access_is_revoked_later_by_a_rule(tpp: Tpp) -> None:
    consent_id = tpp.ask_access()
    token = tpp.authorised(consent_id, "accounts")["access_token"]
    tpp.fault("revoke", f"GET */account-access-consents/{consent_id}", param={"after_seconds": 60})
    tpp.get(f"aisp/account-access-consents/{consent_id}")
    assert tpp.ask("GET", "aisp/accounts", token=token).status_code == 200
    tpp.advance(61)
    assert tpp.ask("GET", "aisp/accounts", token=token).status_code == 401
    assert [each["fault"] for each in tpp.control("book")["faults_fired"]] == ["revoke"]
