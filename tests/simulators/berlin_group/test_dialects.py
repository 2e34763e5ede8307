"""Banks that differ from the specification, each as its source says."""

from __future__ import annotations

from collections.abc import Callable

from tests.simulators.berlin_group.conftest import ORDER, PAYMENTS, Tpp

Bank = Callable[[str], Tpp]


def test_links_are_relative_or_absolute(bank: Bank) -> None:
    assert bank("standard").initiate()["_links"]["self"]["href"].startswith("/v1/")
    absolute = bank("absolute")
    assert absolute.initiate()["_links"]["self"]["href"].startswith(absolute.address)


def test_an_explicit_authorisation_begins_only_when_it_is_started(bank: Bank) -> None:
    tpp = bank("absolute")
    made = tpp.initiate()
    assert set(made["_links"]) == {"self", "status", "startAuthorisation"}
    begun = tpp.ask("POST", made["_links"]["startAuthorisation"]["href"], {}).json()
    tpp.click(begun["_links"]["scaRedirect"]["href"], "approve")
    assert tpp.status(made) == "ACTC"


def test_a_bank_without_sca_status_shows_none_and_wants_more(bank: Bank) -> None:
    tpp = bank("status_only")
    refused = tpp.ask("POST", PAYMENTS, ORDER)
    assert refused.json()["tppMessages"][0]["path"] == "creditorAddress"
    made = tpp.initiate({**ORDER, "creditorAddress": {"country": "FR"}})
    assert "scaStatus" not in made["_links"]
    own = f"{PAYMENTS}/{made['paymentId']}"
    assert tpp.ask("GET", own, PSU_IP_Address="").status_code == 400
    (authorisation,) = tpp.get(f"{own}/authorisations")["authorisationIds"]
    assert tpp.ask("GET", f"{own}/authorisations/{authorisation}").status_code == 405
    tpp.click(made["_links"]["scaRedirect"]["href"], "approve")
    assert tpp.ask("DELETE", own).status_code == 204, "no SCA is needed for a cancellation"


def test_a_bank_shows_the_amount_as_a_number_and_cancels_nothing(bank: Bank) -> None:
    tpp = bank("numbers")
    own = f"{PAYMENTS}/{tpp.initiate()['paymentId']}"
    assert tpp.get(own)["instructedAmount"]["amount"] == 123.5
    assert tpp.ask("DELETE", own).json()["tppMessages"][0]["code"] == "SERVICE_INVALID"


def test_a_bank_needs_a_date(bank: Bank) -> None:
    tpp = bank("dated")
    assert tpp.ask("POST", PAYMENTS, ORDER).json()["tppMessages"][0]["path"] == "Date"
    tpp.initiate(Date="Mon, 30 Nov 2026 10:00:00 GMT")


def test_a_bank_breaks_on_psu_id(bank: Bank) -> None:
    tpp = bank("anonymous")
    refused = tpp.ask("POST", PAYMENTS, ORDER, PSU_ID="somebody")
    assert refused.json()["tppMessages"][0]["path"] == "PSU-ID"
    tpp.initiate()


def test_a_bank_registers_a_certificate_by_refusing_its_first_request(bank: Bank) -> None:
    tpp = bank("registering")
    first = tpp.ask("POST", PAYMENTS, ORDER)
    assert (first.status_code, first.json()["tppMessages"][0]["code"]) == (
        401,
        "CERTIFICATE_INVALID",
    )
    assert tpp.control("book")["payments"] == []
    tpp.initiate()
