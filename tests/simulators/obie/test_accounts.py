"""Access to account data: consent, reading in pages, renewal, and every way in which it ends."""

from __future__ import annotations

from typing import Any

import pytest

from simulators.obie.accounts import KINDS
from tests.simulators.obie.conftest import ACCESS, READ_ALL, Tpp

BILLS, HOUSEHOLD, SHOP = "22289", "31820", "44301"


def pages(tpp: Tpp, token: str, path: str = "aisp/transactions") -> list[dict[str, Any]]:
    """All pages, by `Links.Next` only."""
    found = [tpp.get(path, token)]
    while "Next" in found[-1]["Links"]:
        found.append(tpp.get(found[-1]["Links"]["Next"], token))
    return found


def entries(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [entry for page in found for entry in page["Data"]["Transaction"]]


def status(tpp: Tpp, consent_id: str) -> str:
    return str(tpp.get(f"{ACCESS}/{consent_id}")["Data"]["Status"])


def test_access_is_given_and_data_read_page_by_page(either: Tpp) -> None:
    tpp = either
    consent_id = tpp.ask_access()
    given = tpp.authorised(consent_id, "accounts", [BILLS, SHOP])
    token = given["access_token"]
    assert given["refresh_token"]
    accounts = tpp.get("aisp/accounts", token)["Data"]["Account"]
    assert [each["AccountId"] for each in accounts] == [BILLS, SHOP]
    assert accounts[0]["Account"][0]["Identification"] == "80200110203345"
    assert tpp.get(f"aisp/accounts/{SHOP}", token)["Data"]["Account"] == accounts[1:]
    balances = tpp.get("aisp/balances", token)["Data"]["Balance"]
    held = {each["id"]: each["amount_minor"] for each in tpp.control("accounts")["accounts"]}
    for each in balances:
        assert float(each["Amount"]["Amount"]) * 100 == pytest.approx(held[each["AccountId"]])
    found = pages(tpp, token)
    assert [len(page["Data"]["Transaction"]) for page in found] == [25, 25, 25, 25, 20]
    assert {page["Meta"]["TotalPages"] for page in found} == {5}
    seen = entries(found)
    assert len({each["TransactionId"] for each in seen}) == 120
    moments = [each["BookingDateTime"] for each in seen]
    assert moments == sorted(moments, reverse=True)
    one = entries(pages(tpp, token, f"aisp/accounts/{BILLS}/transactions"))
    assert {each["AccountId"] for each in one} == {BILLS}
    assert len(one) == 60


def test_a_period_is_that_of_the_request_inside_that_of_the_consent(tpp: Tpp) -> None:
    now = tpp.control("clock")["now"]
    tpp.control("entries", {"account": BILLS, "amount": 700, "what": "New", "at": now})
    consent_id = tpp.ask_access(TransactionFromDateTime=now)
    token = tpp.authorised(consent_id, "accounts")["access_token"]
    assert [each["TransactionInformation"] for each in entries(pages(tpp, token))] == ["New"]
    old = "aisp/transactions?fromBookingDateTime=2020-01-01T00:00:00"
    assert len(entries(pages(tpp, token, old))) == 1
    none = "aisp/transactions?toBookingDateTime=2020-01-01T00:00:00"
    assert entries(pages(tpp, token, none)) == []
    wrong = tpp.ask("GET", "aisp/transactions?fromBookingDateTime=yesterday", token=token)
    assert wrong.json()["Errors"][0]["ErrorCode"] == "U003"


def test_only_credits_are_shown_to_one_who_may_see_no_debits(tpp: Tpp) -> None:
    permissions = ["ReadAccountsBasic", "ReadTransactionsBasic", "ReadTransactionsCredits"]
    token = tpp.authorised(tpp.ask_access(permissions), "accounts")["access_token"]
    seen = entries(pages(tpp, token))
    assert {each["CreditDebitIndicator"] for each in seen} == {"Credit"}
    assert "TransactionInformation" not in seen[0], "that is a detail"
    assert "Account" not in tpp.get("aisp/accounts", token)["Data"]["Account"][0]
    assert tpp.ask("GET", "aisp/balances", token=token).status_code == 403


def test_an_entry_that_comes_while_paging_moves_the_pages(tpp: Tpp) -> None:
    token = tpp.authorised(tpp.ask_access(), "accounts", [BILLS])["access_token"]
    first = tpp.get("aisp/transactions", token)
    tpp.control("entries", {"account": BILLS, "amount": -100, "what": "Meanwhile"})
    second = tpp.get(first["Links"]["Next"], token)
    last, again = first["Data"]["Transaction"][-1], second["Data"]["Transaction"][0]
    assert last["TransactionId"] == again["TransactionId"]


def test_a_pending_entry_is_booked_later_under_the_same_id(tpp: Tpp) -> None:
    token = tpp.authorised(tpp.ask_access(), "accounts", [BILLS])["access_token"]
    before = tpp.get("aisp/balances", token)["Data"]["Balance"][0]["Amount"]
    asked = {"account": BILLS, "amount": -100, "what": "Card", "pending": True}
    entry_id = tpp.control("entries", asked)["id"]
    pending = tpp.get("aisp/transactions", token)["Data"]["Transaction"][0]
    assert (pending["TransactionId"], pending["Status"]) == (entry_id, "PDNG")
    assert tpp.get("aisp/balances", token)["Data"]["Balance"][0]["Amount"] == before
    tpp.control("entries", {"id": entry_id})
    booked = tpp.get("aisp/transactions", token)["Data"]["Transaction"][0]
    assert (booked["TransactionId"], booked["Status"]) == (entry_id, "BOOK")
    assert tpp.get("aisp/balances", token)["Data"]["Balance"][0]["Amount"] != before


def test_a_payments_debit_names_whom_it_paid(either: Tpp) -> None:
    tpp = either
    tpp.pay()
    tpp.advance(1)
    token = tpp.authorised(tpp.ask_access(), "accounts", [BILLS])["access_token"]
    newest = tpp.get("aisp/transactions", token)["Data"]["Transaction"][0]
    assert (newest["Amount"]["Amount"], newest["CreditDebitIndicator"]) == ("123.50", "Debit")
    assert newest["CreditorAccount"]["Name"] == "Carla Creditor"
    assert newest["BankTransactionCode"]["SubCode"] in ("DMCT", "DomesticCreditTransfer")


def test_access_is_revoked_at_the_bank(either: Tpp) -> None:
    tpp = either
    consent_id = tpp.ask_access()
    token = tpp.authorised(consent_id, "accounts")["access_token"]
    tpp.apply("revoke", consent_id)
    refused = tpp.ask("GET", "aisp/accounts", token=token)
    assert refused.status_code == 401
    if tpp.version == "v4.0":
        assert refused.json()["Errors"][0]["ErrorCode"] == "TKSP"
    else:
        assert refused.content == b"", "v3.1 has no body for it"
    assert status(tpp, consent_id) in ("CANC", "Revoked")


def test_the_bank_asks_for_new_authentication_and_the_same_consent_goes_on(either: Tpp) -> None:
    tpp = either
    consent_id = tpp.ask_access()
    token = tpp.authorised(consent_id, "accounts")["access_token"]
    tpp.apply("reauthenticate", consent_id)
    refused = tpp.ask("GET", "aisp/accounts", token=token)
    code = refused.json()["Errors"][0]["ErrorCode"]
    assert (refused.status_code, code) in ((403, "U028"), (403, "UK.OBIE.Reauthenticate"))
    renewed = tpp.authorised(consent_id, "accounts")["access_token"]
    assert tpp.ask("GET", "aisp/accounts", token=renewed).status_code == 200
    assert status(tpp, consent_id) in ("AUTH", "Authorised")
    assert tpp.ask("GET", "aisp/accounts", token=token).status_code == 401, "the old one is over"


def test_the_bank_still_says_authorised_after_ninety_days(either: Tpp) -> None:
    tpp = either
    consent_id = tpp.ask_access()
    given = tpp.authorised(consent_id, "accounts", [BILLS])
    tpp.advance(90 * 86400 + 1)
    assert status(tpp, consent_id) in ("AUTH", "Authorised")
    assert tpp.ask("GET", "aisp/accounts", token=given["access_token"]).status_code == 401
    assert status(tpp, consent_id) in ("AUTH", "Authorised"), "a token's end ends no consent"
    fresh = tpp.token(grant_type="refresh_token", refresh_token=given["refresh_token"])
    assert tpp.get("aisp/accounts", fresh["access_token"])["Data"]["Account"]


def test_access_that_is_authorised_can_be_authenticated_again_at_any_time(tpp: Tpp) -> None:
    consent_id = tpp.ask_access()
    first = tpp.authorised(consent_id, "accounts", [SHOP])
    url, verifier = tpp.authorise_url(consent_id, "accounts")
    page = tpp.browse(url)
    assert "Renew access?" in page.text
    refused = tpp.answer_of(tpp.click(tpp.browse(url), "reject"))
    assert refused["error"] == "access_denied"
    assert status(tpp, consent_id) == "AUTH", "a refused renewal takes nothing away"
    told = tpp.answer_of(tpp.click(page, "approve"))
    second = tpp.redeem(told["code"], verifier)
    shown = tpp.get("aisp/accounts", second["access_token"])["Data"]["Account"]
    assert [each["AccountId"] for each in shown] == [SHOP], "the page remembers the choice"
    dead = tpp.ask_token(grant_type="refresh_token", refresh_token=first["refresh_token"])
    assert dead.json()["error"] == "invalid_grant"


def test_a_tpp_deletes_a_consent(either: Tpp) -> None:
    tpp = either
    consent_id = tpp.ask_access()
    token = tpp.authorised(consent_id, "accounts")["access_token"]
    assert tpp.ask("DELETE", f"{ACCESS}/{consent_id}").status_code == 204
    for method in ("GET", "DELETE"):
        gone = tpp.ask(method, f"{ACCESS}/{consent_id}")
        assert gone.status_code == 400, "the profile asks for 400, not 404"
    assert tpp.ask("GET", "aisp/accounts", token=token).status_code == 401
    url, _ = tpp.authorise_url(consent_id, "accounts")
    assert tpp.answer_of(tpp.browse(url))["error"] == "invalid_request"


def test_a_consent_expires(either: Tpp) -> None:
    tpp = either
    consent_id = tpp.ask_access(ExpirationDateTime="2200-01-01T00:00:00+00:00")
    token = tpp.authorised(consent_id, "accounts")["access_token"]
    tpp.apply("shorten", consent_id, seconds=60)
    shown = tpp.get(f"{ACCESS}/{consent_id}")["Data"]["ExpirationDateTime"]
    assert shown < "2200", "the bank has shortened it"
    tpp.advance(61)
    refused = tpp.ask("GET", "aisp/accounts", token=token)
    assert refused.status_code == 401
    if tpp.version == "v4.0":
        assert refused.json()["Errors"][0]["ErrorCode"] == "TKXP"
    assert status(tpp, consent_id) in ("EXPD", "Authorised"), "v3.1 has no word for it"
    late = tpp.http.post(f"/_control/payments/{consent_id}", json={"fault": "revoke"})
    assert late.status_code == 409


def test_an_account_is_taken_out_of_the_consent(tpp: Tpp) -> None:
    consent_id = tpp.ask_access()
    token = tpp.authorised(consent_id, "accounts", [BILLS, HOUSEHOLD])["access_token"]
    tpp.apply("unlink", consent_id, account=HOUSEHOLD)
    shown = tpp.get("aisp/accounts", token)["Data"]["Account"]
    assert [each["AccountId"] for each in shown] == [BILLS]
    assert tpp.ask("GET", f"aisp/accounts/{HOUSEHOLD}", token=token).status_code == 403
    assert status(tpp, consent_id) == "AUTH"


def test_access_of_the_old_version_is_carried_over_and_not_the_reverse(tpp: Tpp) -> None:
    tpp.version = "v3.1"
    token = tpp.authorised(tpp.ask_access(), "accounts")["access_token"]
    tpp.version = "v4.0"
    assert tpp.ask("GET", "aisp/accounts", token=token).status_code == 200
    newer = tpp.authorised(tpp.ask_access(), "accounts")["access_token"]
    tpp.version = "v3.1"
    assert tpp.ask("GET", "aisp/accounts", token=newer).status_code == 403


def test_every_kind_of_data_answers(either: Tpp) -> None:
    tpp = either
    permissions = [*READ_ALL, *{kind.permissions[-1] for kind in KINDS.values()}]
    token = tpp.authorised(tpp.ask_access(permissions), "accounts")["access_token"]
    for name, kind in KINDS.items():
        if name != "product":
            assert kind.name in tpp.get(f"aisp/{name}", token)["Data"]
        if name not in ("accounts", "products"):
            assert kind.name in tpp.get(f"aisp/accounts/{BILLS}/{name}", token)["Data"]


@pytest.mark.parametrize(
    ("permissions", "code"),
    [
        (None, "U004"),
        ([], "U002"),
        (["ReadEverything"], "U002"),
        (["ReadBalances"], "U001"),
        (["ReadAccountsBasic", "ReadTransactionsBasic"], "U001"),
        (["ReadAccountsBasic", "ReadTransactionsDebits"], "U001"),
    ],
)
def test_permissions_have_to_fit_together(
    tpp: Tpp, permissions: list[str] | None, code: str
) -> None:
    data = {} if permissions is None else {"Permissions": permissions}
    refused = tpp.ask("POST", ACCESS, {"Data": data, "Risk": {}})
    assert refused.status_code == 400
    error = refused.json()["Errors"][0]
    assert (error["ErrorCode"], error["Path"]) == (code, "Data.Permissions")
