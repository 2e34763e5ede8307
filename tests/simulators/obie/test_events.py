"""Events that a TPP fetches, acknowledges, or reports as broken."""

from __future__ import annotations

from typing import Any

import pytest

from tests.simulators.obie.conftest import CLIENT, Tpp, claims_of

_EVENT = "urn:uk:org:openbanking:events:"
_OB = "http://openbanking.org.uk/"


def polled(tpp: Tpp, **asked: Any) -> dict[str, Any]:
    answer = tpp.ask("POST", "events", asked)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_events_wait_until_they_are_acknowledged(either: Tpp) -> None:
    tpp = either
    assert polled(tpp) == {"sets": {}, "moreAvailable": False}
    made = tpp.pay()
    tpp.advance(0.3)
    tpp.advance(0.6)
    first = polled(tpp, maxEvents=1)
    assert (len(first["sets"]), first["moreAvailable"]) == (1, True)
    both = polled(tpp, returnImmediately=True)
    assert len(both["sets"]) == 2
    one, two = both["sets"]
    claims = claims_of(both["sets"][one], tpp.keys())
    assert (claims["jti"], claims["aud"]) == (one, CLIENT)
    subject = claims["events"][f"{_EVENT}resource-update"]["subject"]
    assert subject[f"{_OB}rid"] == made["Data"]["DomesticPaymentId"]
    assert subject[f"{_OB}rty"] == "domestic-payment"
    links = {each["version"]: each["link"] for each in subject[f"{_OB}rlk"]}
    assert tpp.version in links
    assert tpp.get(links[tpp.version])["Data"]["DomesticPaymentId"] == subject[f"{_OB}rid"]
    assert polled(tpp, maxEvents=0, ack=[one])["sets"] == {}
    error = {"err": "jwtIss", "description": "the issuer is unknown"}
    assert list(polled(tpp, setErrs={two: error})["sets"]) == [two], "it is told again"
    assert [each["state"] for each in tpp.control("book")["events"]] == ["acknowledged", "waiting"]
    assert polled(tpp, ack=[two]) == {"sets": {}, "moreAvailable": False}


def test_revoked_access_and_an_account_that_left_are_told(tpp: Tpp) -> None:
    consent_id = tpp.ask_access()
    tpp.authorised(consent_id, "accounts", ["22289", "44301"])
    tpp.apply("unlink", consent_id, account="44301")
    tpp.apply("revoke", consent_id)
    told = [claims_of(each, tpp.keys()) for each in polled(tpp)["sets"].values()]
    kinds = [next(iter(each["events"])).removeprefix(_EVENT) for each in told]
    assert kinds == [
        "account-access-consent-linked-account-update",
        "consent-authorization-revoked",
    ]
    assert all(each["sub"].endswith(consent_id) for each in told)
    linked = told[0]["events"][f"{_EVENT}account-access-consent-linked-account-update"]
    assert linked["subject"][f"{_OB}rid"] == "44301"


def test_events_are_for_the_tpp_they_concern(tpp: Tpp) -> None:
    consent_id = tpp.ask_access()
    tpp.authorised(consent_id, "accounts")
    tpp.apply("revoke", consent_id)
    (jti,) = polled(tpp)["sets"]
    tpp.register(client_id="tpp-2")
    other = tpp.token(
        grant_type="client_credentials",
        scope="accounts",
        client_assertion=tpp.assertion(iss="tpp-2", sub="tpp-2"),
    )["access_token"]
    answer = tpp.ask("POST", "events", {"ack": [jti]}, token=other)
    assert answer.json()["sets"] == {}
    assert list(polled(tpp)["sets"]) == [jti], "nobody acknowledges for somebody else"


@pytest.mark.parametrize(
    ("asked", "path"),
    [({"maxEvents": -1}, "maxEvents"), ({"ack": "x"}, "ack"), ({"setErrs": []}, "setErrs")],
)
def test_a_poll_that_is_not_in_order_is_refused(tpp: Tpp, asked: Any, path: str) -> None:
    refused = tpp.ask("POST", "events", asked)
    assert (refused.status_code, refused.json()["Errors"][0]["Path"]) == (400, path)
