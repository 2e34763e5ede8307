"""The official conformance suite's manifests, driven against the simulated bank.

A manifest says a request, with which permissions it is made, and what is expected of the reply.
Cases of resources that this bank does not offer are left out; a test holds how many remain.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from simulators.obie.accounts import KINDS
from tests.simulators.obie.conftest import Tpp, check_detached, detached
from tests.simulators.obie.openapi import OpenApi

Case = dict[str, Any]
FILES = ("accounts_transactions", "payment")
#: The part of a case's id that names its resource.
RESOURCES = ("ACC", "BAL", "BEN", "DIR", "OFF", "PRO", "SCP", "STO", "TRA", "STA", "DOP")
_OFFERED = (*KINDS, "domestic-payment-consents", "domestic-payments", "foobar")
VALUES = {
    "consentedAccountId": "22289",
    "instructedAmountCurrency": "GBP",
    "instructedAmountValue": "1.00",
    "creditorScheme": "UK.OBIE.SortCodeAccountNumber",
    "creditorIdentification": "08080021325698",
    "creditorName": "Carla Creditor",
    "fn:instructionIdentificationID()": "instruction-1",
}
#: What a consent needs besides the permissions of a single case: the suite asks for all at once.
_ALWAYS = {"ReadAccountsBasic", "ReadTransactionsCredits", "ReadTransactionsDebits"}


class Manifests:
    def __init__(self, specs: Path, version: str) -> None:
        folder = specs / "obie" / "conformance"
        self.cases: list[Case] = [
            case
            for file in FILES
            for case in _json(folder / f"ob_{version[1:]}_{file}_fca.json")["scripts"]
        ]
        self._asserts = _json(folder / "assertions.json")["references"]
        self._data = _json(folder / "data.json")["references"]

    def offered(self, openapi: OpenApi, version: str) -> Iterator[Case]:
        """The cases of what the bank offers, without those of a path that no file documents."""
        for case in self.cases:
            first = case["uri"].split("/")
            room = (
                "pisp" if "payments" in str(case["parameters"].get("tokenRequestScope")) else "aisp"
            )
            path = f"/open-banking/{version}/{room}{case['uri'].replace('$', '')}"
            is_known = openapi.operation(case["method"], path.rstrip("/")) is not None
            offers = set(first[1:]) & {"party", "parties"} == set() and first[1] in _OFFERED
            if offers and (is_known or "foobar" in case["uri"]):
                yield {**case, "room": room}

    def body(self, name: str, values: dict[str, Any]) -> Any:
        return _filled(self._data[name.removeprefix("$")]["body"], values)

    def missed(self, name: str, answer: httpx.Response, values: dict[str, Any]) -> list[str]:
        """What of an assertion is not so."""
        expected = self._asserts[name]["expect"]
        found = []
        status = expected.get("status-code", answer.status_code)
        if answer.status_code != status:
            found.append(f"{name}: status {answer.status_code} instead of {status}")
        return found + [
            f"{name}: {match['detail']}"
            for match in expected.get("matches", ())
            if not _matches(match, answer, values)
        ]


def _json(file: Path) -> Any:
    return json.loads(file.read_text())


def _filled(value: Any, values: dict[str, Any]) -> Any:
    """The value with its `$names` replaced, as long as there are any."""
    if isinstance(value, dict):
        return {name: _filled(each, values) for name, each in value.items()}
    if isinstance(value, list):
        return [_filled(each, values) for each in value]
    while isinstance(value, str) and value.startswith("$"):
        value = values[value[1:]]
    return value


def _matches(match: dict[str, str], answer: httpx.Response, values: dict[str, Any]) -> bool:
    if "header-present" in match:
        return match["header-present"] in answer.headers
    if "header" in match:
        return bool(answer.headers.get(match["header"]) == _filled(match["value"], values))
    if "JSON-NOT-PRESENT" in match:
        return _at(answer.json(), match["JSON-NOT-PRESENT"]) is None
    found = _at(answer.json(), match["JSON"])
    shown = str(found).lower() if isinstance(found, bool) else str(found)
    return found is not None and match.get("Value", shown) == shown


def _at(body: Any, path: str) -> Any:
    """The value at a path such as `Data.Status` or `Errors.#[ErrorCode="U011"].ErrorCode`."""
    for part in re.findall(r'#\[\w+="[^"]*"\]|[^.]+', path):
        if part.startswith("#"):
            name, wanted = re.findall(r'#\[(\w+)="([^"]*)"\]', part)[0]
            body = next((each for each in body if each.get(name) == wanted), None)
        else:
            body = body.get(part) if isinstance(body, dict) else None
        if body is None:
            return None
    return body


class Driver:
    """Somebody who makes the requests of one manifest, and remembers what later ones need."""

    def __init__(self, tpp: Tpp, manifests: Manifests) -> None:
        self._tpp = tpp
        self._manifests = manifests
        self._values: dict[str, Any] = dict(VALUES)
        self._tokens: dict[frozenset[str], str] = {}

    def problems(self, case: Case, openapi: OpenApi) -> list[str]:
        # A parameter that only repeats its own name means the value that is known already.
        own = {name: each for name, each in case["parameters"].items() if each != f"${name}"}
        values = {**self._values, **own}
        answer = self._asked(case, values)
        self._values |= {name: _filled(each, values) for name, each in own.items()
                         if name.startswith("OB-")}  # fmt: skip
        found = [
            wrong
            for name in case.get("asserts") or ()
            for wrong in self._manifests.missed(name, answer, values)
        ]
        if names := case.get("asserts_one_of"):
            each = [self._manifests.missed(name, answer, values) for name in names]
            found += [] if [] in each else [str(each)]
        if case.get("schemaCheck"):
            found += openapi.errors(case["method"].upper(), answer.request.url.path, answer)
        if case.get("validateSignature"):
            check_detached(answer, self._tpp.keys())
        if not found and (kept := case.get("keepContextOnSuccess")):
            self._values[kept["name"]] = _at(answer.json(), kept["value"])
            if case["parameters"].get("requestConsent") == "true":
                given = self._tpp.authorised(self._values[kept["name"]], "payments")
                self._values["psu_token"] = given["access_token"]
        return [f"{case['id']}: {wrong}" for wrong in found]

    def _asked(self, case: Case, values: dict[str, Any]) -> httpx.Response:
        uri = "/".join(_filled(part, values) for part in case["uri"].split("/"))
        headers = dict(case.get("headers") or {})
        sent: dict[str, str | None] = {}
        if "x-fapi-interaction-id" in headers:
            sent["x-fapi-interaction-id"] = values.get("x-fapi-interaction-id")
        for name in case.get("removeHeaders") or ():
            sent[name] = None
        body = self._manifests.body(values["postData"], values) if "body" in case else None
        if claims := case.get("removeSignatureClaims"):
            without: dict[str, Any] = {f"ob_{name}": None for name in claims}
            sent["x-jws-signature"] = detached(json.dumps(body).encode(), **without)
        token, is_known = self._token(case, values)
        if not is_known:
            sent["authorization"] = None
        path = f"{case['room']}{uri}"
        if query := case.get("queryParameters"):
            path += f"?{httpx.QueryParams(query)}"
        answer = self._tpp.ask(case["method"].upper(), path, body, token=token, **sent)
        if answer.status_code == 307:  # A path that ends in a slash.
            assert answer.next_request is not None
            answer = self._tpp.http.send(answer.next_request)
        return answer

    def _token(self, case: Case, values: dict[str, Any]) -> tuple[str, bool]:
        """The token of a case, and whether it has one at all."""
        if case["room"] == "pisp":
            is_psu = case["uri"].endswith(("funds-confirmation", "/domestic-payments"))
            return values["psu_token"] if is_psu else "", True
        if "Authorization" in (case.get("headers") or {}):
            return "", True
        if "permissions" not in case:
            return "", False
        wanted = frozenset({*case["permissions"], *_ALWAYS})
        if not {"ReadTransactionsBasic", "ReadTransactionsDetail"} & wanted:
            wanted -= {"ReadTransactionsCredits", "ReadTransactionsDebits"}
        if wanted not in self._tokens:
            consent_id = self._tpp.ask_access(sorted(wanted))
            self._tokens[wanted] = self._tpp.authorised(consent_id, "accounts")["access_token"]
        return self._tokens[wanted], True


@pytest.mark.parametrize("version", ["v3.1", "v4.0"])
@pytest.mark.parametrize("resource", RESOURCES)
def test_the_cases_of_a_resource_pass(
    bank: Callable[..., Tpp], specs: Path, openapi: OpenApi, version: str, resource: str
) -> None:
    manifests = Manifests(specs, version)
    driver = Driver(bank(version=version), manifests)
    cases = [
        case for case in manifests.offered(openapi, version) if case["id"].split("-")[2] == resource
    ]
    assert cases
    assert [wrong for case in cases for wrong in driver.problems(case, openapi)] == []


def test_the_cases_that_are_driven_are_most_of_those_for_what_the_bank_offers(
    specs: Path, openapi: OpenApi
) -> None:
    driven = {
        version: [
            case["id"]
            for case in Manifests(specs, version).offered(openapi, version)
            if case["id"].split("-")[2] in RESOURCES
        ]
        for version in ("v3.1", "v4.0")
    }
    assert {version: len(ids) for version, ids in driven.items()} == {"v3.1": 90, "v4.0": 89}
