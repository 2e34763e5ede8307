"""A domestic payment: consent, authorisation, submission, execution, and what may come between."""

from __future__ import annotations

from tests.simulators.obie.conftest import CONSENTS, CREDITOR, DEBTOR, PAYMENTS, Tpp


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
