"""Consents at the bank, and what can be read with one: each reply as the official file has it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import httpx
import pytest

from simulators.berlin_group.dialects import DIALECTS
from tests.simulators.berlin_group.conftest import BACK, CREDITOR, DEBTOR, NOT_OK, ORDER, Tpp
from tests.simulators.berlin_group.openapi import OpenApi

CONSENTS: Final = "/v1/consents"
Bank = Callable[[str], Tpp]


def _today() -> date:
    return datetime.now(UTC).date()


def wanted(**fields: Any) -> dict[str, Any]:
    until = (_today() + timedelta(days=90)).isoformat()
    return {
        "access": {"accounts": [], "balances": [], "transactions": []},
        "recurringIndicator": True,
        "validUntil": until,
        "frequencyPerDay": 4,
        "combinedServiceIndicator": False,
        **fields,
    }


class Asking:
    """A TPP that asks for consents."""

    def __init__(self, tpp: Tpp, openapi: OpenApi) -> None:
        self.tpp = tpp
        self._openapi = openapi

    def ask(self, psu: str = "paula", **fields: Any) -> dict[str, Any]:
        answer = self.tpp.ask("POST", CONSENTS, wanted(**fields), PSU_ID=psu)
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    def granted(self, psu: str = "paula", **fields: Any) -> str:
        made = self.ask(psu, **fields)
        self.tpp.click(made["_links"]["scaRedirect"]["href"], "approve")
        return str(made["consentId"])

    def status(self, consent_id: str) -> str:
        return str(self.tpp.get(f"{CONSENTS}/{consent_id}/status")["consentStatus"])

    def apply(self, what: str, consent_id: str, **param: Any) -> None:
        self.tpp.control(f"payments/{consent_id}", {"fault": what, "param": param})

    def read(self, path: str, consent_id: str, **headers: str) -> httpx.Response:
        return self.tpp.ask("GET", f"/v1/accounts{path}", Consent_ID=consent_id, **headers)

    def accounts(self, consent_id: str) -> list[dict[str, Any]]:
        answer = self.read("", consent_id)
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()["accounts"]
        return found

    @property
    def wrong(self) -> list[str]:
        """What is wrong with the replies, by the official file."""
        assert self.tpp.seen
        return [
            f"{method} {path} {status}: {wrong}"
            for method, path, status, body in self.tpp.seen
            for wrong in self._openapi.errors(method, path.partition("?")[0], status, body)
        ]


@pytest.fixture
def asking(tpp: Tpp, openapi: OpenApi) -> Iterator[Asking]:
    """Every reply of a test is compared with the official file."""
    made = Asking(tpp, openapi)
    yield made
    assert made.wrong == []


def code_of(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["tppMessages"][0]["code"]


def test_a_consent_is_given_on_the_page_and_ended(asking: Asking) -> None:
    made = asking.ask()
    assert asking.status(made["consentId"]) == "received"
    link = made["_links"]["scaRedirect"]["href"]
    accounts = asking.tpp.control("book")["accounts"]
    page = httpx.get(link).text
    assert all(each["iban"] in page for each in accounts)
    back = asking.tpp.click(link, "approve")
    assert (back.status_code, back.headers["location"]) == (303, BACK)
    assert httpx.post(f"{link}?choice=approve").status_code == 410, "it is answered once"
    shown = asking.tpp.get(f"{CONSENTS}/{made['consentId']}")
    assert shown["consentStatus"] == "valid"
    ibans = [each["iban"] for each in accounts]
    assert [each["iban"] for each in shown["access"]["balances"]] == ibans
    own = f"{CONSENTS}/{made['consentId']}"
    (authorisation,) = asking.tpp.get(f"{own}/authorisations")["authorisationIds"]
    found = asking.tpp.get(f"{own}/authorisations/{authorisation}")
    assert found == {"scaStatus": "finalised"}
    assert asking.tpp.ask("DELETE", own).status_code == 204
    assert asking.status(made["consentId"]) == "terminatedByTpp"
    assert code_of(asking.tpp.ask("DELETE", own)) == (409, "STATUS_INVALID")


def test_a_psu_may_choose_one_account_or_refuse(asking: Asking) -> None:
    made = asking.ask()
    first, second = (each["iban"] for each in asking.tpp.control("book")["accounts"])
    link = made["_links"]["scaRedirect"]["href"]
    assert f"Only {first}" in httpx.get(link).text
    httpx.post(f"{link}?choice=approve&account={second}")
    (account,) = asking.accounts(made["consentId"])
    assert account["iban"] == second
    refused = asking.ask("gustav")
    back = asking.tpp.click(refused["_links"]["scaRedirect"]["href"], "refuse")
    assert back.headers["location"] == NOT_OK
    assert asking.status(refused["consentId"]) == "rejected"


def test_a_consent_names_accounts_or_asks_for_all(asking: Asking) -> None:
    named = [{"iban": DEBTOR}]
    access = {"accounts": named, "balances": named}
    (account,) = asking.accounts(asking.granted(access=access))
    assert (account["iban"], list(account["_links"])) == (DEBTOR, ["balances"])
    everything = asking.granted("gustav", access={"allPsd2": "allAccounts"})
    assert len(asking.accounts(everything)) == 2


def test_nobody_acts_in_time_or_only_one_of_two(asking: Asking) -> None:
    left = asking.ask()["consentId"]
    asking.tpp.advance(301)
    assert asking.status(left) == "rejected"
    asking.tpp.control("authorisers", {"authorisers": 2})
    made = asking.ask()
    for number in range(2):
        begun = asking.tpp.ask("POST", made["_links"]["startAuthorisation"]["href"], {})
        assert begun.status_code == 201
        asking.tpp.click(begun.json()["_links"]["scaRedirect"]["href"], "approve")
        expected = ("partiallyAuthorised", "valid")[number]
        assert asking.status(made["consentId"]) == expected


@pytest.mark.parametrize("approach", ["decoupled", "exempted"])
def test_a_consent_without_a_page(asking: Asking, approach: str) -> None:
    asking.tpp.choose(approach)
    made = asking.ask()
    assert "scaRedirect" not in made["_links"]
    if approach == "decoupled":
        asking.apply("psu_approves", made["consentId"])
    assert asking.status(made["consentId"]) == "valid"


def test_an_embedded_consent_takes_password_method_and_code(asking: Asking) -> None:
    asking.tpp.choose("embedded")
    made = asking.ask()
    start = made["_links"]["startAuthorisationWithPsuAuthentication"]["href"]
    begun = asking.tpp.ask("POST", start, {"psuData": {"password": "correct horse"}}).json()
    own = f"{start}/{begun['authorisationId']}"
    assert asking.tpp.ask("PUT", own, {"authenticationMethodId": "901"}).status_code == 200
    code = asking.tpp.control("book")["authorisations"][0]["code"]
    assert asking.tpp.ask("PUT", own, {"scaAuthenticationData": code}).status_code == 200
    assert asking.status(made["consentId"]) == "valid"


def test_a_newer_recurring_consent_of_the_psu_ends_the_former_one(asking: Asking) -> None:
    first, others = asking.granted(), asking.granted("gustav")
    second = asking.granted()
    one_off = asking.granted(recurringIndicator=False, frequencyPerDay=1)
    assert asking.status(first) == "expired"
    assert [asking.status(each) for each in (others, second, one_off)] == ["valid"] * 3
    assert code_of(asking.read("", first)) == (401, "CONSENT_EXPIRED")


def test_how_a_consent_ends_at_the_bank(asking: Asking) -> None:
    revoked = asking.granted()
    asking.apply("psu_revokes", revoked)
    assert asking.status(revoked) == "revokedByPsu"
    assert code_of(asking.read("", revoked)) == (401, "CONSENT_INVALID")
    one_off = asking.granted(recurringIndicator=False, frequencyPerDay=1)
    asking.tpp.advance(901)
    assert asking.status(one_off) == "expired"
    long = asking.granted()
    asking.tpp.advance(91 * 86400)
    assert asking.status(long) == "expired"


def test_accounts_are_taken_out_and_the_end_moves(asking: Asking) -> None:
    consent_id = asking.granted()
    before = [each["iban"] for each in asking.accounts(consent_id)]
    asking.apply("take_out", consent_id, account=before[0])
    assert [each["iban"] for each in asking.accounts(consent_id)] == before[1:]
    asking.apply("shorten", consent_id, until="2030-01-01")
    assert asking.tpp.get(f"{CONSENTS}/{consent_id}")["validUntil"] == "2030-01-01"


def test_balances_and_transactions_are_read_page_by_page(asking: Asking) -> None:
    consent_id = asking.granted()
    account = asking.accounts(consent_id)[0]
    own = f"/{account['resourceId']}"
    details = asking.read(own, consent_id).json()["account"]
    assert details["iban"] == account["iban"]
    balances = asking.read(f"{own}/balances", consent_id).json()["balances"]
    assert balances[0]["balanceAmount"]["currency"] == "EUR"
    asking.tpp.control("entries", {"iban": account["iban"], "amount": -150, "count": 7})
    asking.tpp.control("page_size", {"page_size": 4})
    path = f"/v1/accounts{own}/transactions?bookingStatus=both&dateFrom=2020-01-01"
    found: list[dict[str, Any]] = []
    while path:
        report = asking.read(path.removeprefix("/v1/accounts"), consent_id).json()["transactions"]
        found += report["booked"]
        path = report["_links"].get("next", {}).get("href")
    texts = [each["remittanceInformationUnstructured"] for each in found]
    newest = [f"Entry {number}" for number in range(7, 0, -1)]
    assert texts == [*newest, "Rent", "Book shop", "Salary"]
    assert found[0]["transactionAmount"] == {"currency": "EUR", "amount": "-1.50"}
    one = asking.read(f"{own}/transactions/{found[0]['transactionId']}", consent_id)
    assert one.status_code == 200
    known = found[2]["entryReference"]
    newer = asking.read(
        f"{own}/transactions?bookingStatus=booked&entryReferenceFrom={known}", consent_id
    ).json()["transactions"]["booked"]
    assert newer == found[:2]


def test_a_payment_shows_among_the_transactions_of_its_debtor(asking: Asking) -> None:
    named = [{"iban": DEBTOR}]
    access = {"accounts": named, "transactions": named}
    consent_id = asking.granted(access=access)
    own = f"/{asking.accounts(consent_id)[0]['resourceId']}/transactions"
    made = asking.tpp.initiate(ORDER)
    asking.tpp.click(made["_links"]["scaRedirect"]["href"], "approve")
    pending = asking.read(f"{own}?bookingStatus=pending", consent_id).json()["transactions"]
    assert pending["pending"][0]["endToEndId"] == "INV-7"
    asking.tpp.advance(5)
    asking.tpp.get(f"/v1/payments/sepa-credit-transfers/{made['paymentId']}/status")
    since = "bookingStatus=booked&dateFrom=2020-01-01"
    booked = asking.read(f"{own}?{since}", consent_id).json()["transactions"]["booked"]
    assert booked[0]["creditorAccount"] == {"iban": CREDITOR}
    assert booked[0]["transactionAmount"]["amount"] == "-123.50"


def test_reads_without_the_psu_are_counted_for_each_account_and_day(asking: Asking) -> None:
    consent_id = asking.granted(frequencyPerDay=2)
    first, second = asking.accounts(consent_id)
    own = f"/{first['resourceId']}/balances"

    def alone(path: str) -> int:
        return asking.read(path, consent_id, PSU_IP_Address="").status_code

    assert [alone(own) for _ in range(3)] == [200, 200, 429]
    assert alone(f"/{second['resourceId']}/balances") == 200, "each account has its own"
    assert asking.read(own, consent_id).status_code == 200, "the PSU is there"
    asking.tpp.advance(86401)
    assert alone(own) == 200


@pytest.mark.parametrize(
    ("changed", "path"),
    [
        ({"access": {}}, "access"),
        ({"access": {"accounts": [{"iban": "x"}]}}, "access"),
        ({"access": {"accounts": [], "balances": [{"iban": DEBTOR}]}}, "access"),
        ({"validUntil": "tomorrow"}, "validUntil"),
        ({"validUntil": "2020-01-01"}, "validUntil"),
        ({"frequencyPerDay": 0}, "frequencyPerDay"),
        ({"recurringIndicator": False}, "frequencyPerDay"),
        ({"recurringIndicator": "yes"}, "recurringIndicator"),
        ({"combinedServiceIndicator": None}, "combinedServiceIndicator"),
    ],
)
def test_a_wrong_request_is_refused_and_its_field_named(
    asking: Asking, changed: dict[str, Any], path: str
) -> None:
    answer = asking.tpp.ask("POST", CONSENTS, wanted(**changed))
    assert code_of(answer) == (400, "FORMAT_ERROR")
    assert answer.json()["tppMessages"][0]["path"] == path


def test_what_a_consent_does_not_cover_is_not_read(asking: Asking) -> None:
    consent_id = asking.granted(access={"accounts": [], "balances": []})
    own = f"/{asking.accounts(consent_id)[0]['resourceId']}"
    ways = {
        "/nobody": (404, "RESOURCE_UNKNOWN"),
        f"{own}/transactions?bookingStatus=booked": (401, "CONSENT_INVALID"),
    }
    assert {path: code_of(asking.read(path, consent_id)) for path in ways} == ways
    assert code_of(asking.read("", "none")) == (400, "CONSENT_UNKNOWN")
    assert code_of(asking.tpp.ask("GET", f"{CONSENTS}/none")) == (403, "CONSENT_UNKNOWN")


def test_a_list_of_transactions_needs_its_parameters(asking: Asking) -> None:
    consent_id = asking.granted()
    own = f"/{asking.accounts(consent_id)[0]['resourceId']}/transactions"
    for query, code in {
        "": "FORMAT_ERROR",
        "?bookingStatus=booked": "FORMAT_ERROR",
        "?bookingStatus=booked&dateFrom=soon": "FORMAT_ERROR",
        "?bookingStatus=booked&dateFrom=2026-02-01&dateTo=2026-01-01": "PERIOD_INVALID",
    }.items():
        assert code_of(asking.read(f"{own}{query}", consent_id)) == (400, code), query


@pytest.mark.parametrize("dialect", [name for name in DIALECTS if name != "shouting"])
def test_a_dialect_keeps_to_what_the_schemas_permit(
    bank: Bank, openapi: OpenApi, dialect: str
) -> None:
    asking = Asking(bank(dialect), openapi)
    headers = {"Date": "Mon, 30 Nov 2026 10:00:00 GMT"}
    for _ in range(2):  # The first may only register the certificate.
        answer = asking.tpp.ask("POST", CONSENTS, wanted(), **headers)
    own = f"{CONSENTS}/{answer.json()['consentId']}"
    for path in ("", "/status", "/authorisations"):
        assert asking.tpp.ask("GET", f"{own}{path}", **headers).status_code == 200
    assert asking.wrong == []


def test_the_dialects_of_consents_differ_as_they_say(bank: Bank, openapi: OpenApi) -> None:
    asking = Asking(bank("shouting"), openapi)
    consent_id = asking.granted()
    assert asking.status(consent_id) == "VALID"
    assert any("consentStatus" in wrong for wrong in asking.wrong), "it breaks the schema"
    asking = Asking(bank("brief"), openapi)
    shown = asking.tpp.get(f"{CONSENTS}/{asking.granted()}")
    assert shown["validUntil"] <= (_today() + timedelta(days=8)).isoformat()
