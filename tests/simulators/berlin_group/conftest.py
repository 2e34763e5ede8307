"""A Berlin Group bank on a real socket, and a TPP that speaks to it in the raw."""

from __future__ import annotations

import asyncio
import itertools
import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from simulators.berlin_group.control import Control
from simulators.berlin_group.partner import Partner
from simulators.kit.app import PartnerServer, listen
from tests.simulators.berlin_group.openapi import OpenApi

PAYMENTS = "/v1/payments/sepa-credit-transfers"
BACK, NOT_OK = "https://app.test/back", "https://app.test/not-ok"
DEBTOR, CREDITOR = "DE89370400440532013000", "FR1420041010050500013M02606"
ORDER = {
    "debtorAccount": {"iban": DEBTOR},
    "creditorAccount": {"iban": CREDITOR},
    "creditorName": "Carla Creditor",
    "instructedAmount": {"currency": "EUR", "amount": "123.50"},
    "remittanceInformationUnstructured": "Invoice 7",
    "endToEndIdentification": "INV-7",
}


@dataclass
class Tpp:
    """Somebody with the headers that every request needs; keeps every exchange."""

    address: str
    http: httpx.Client
    seen: list[tuple[str, str, int, Any]] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        given = {
            "X-Request-ID": str(uuid.uuid4()),
            "PSU-IP-Address": "192.0.2.7",
            "TPP-Redirect-URI": BACK,
            "TPP-Nok-Redirect-URI": NOT_OK,
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        answer = self.http.request(method, path, json=body, headers=given)
        is_json = "json" in answer.headers.get("content-type", "") and answer.content
        self.seen.append((method, path, answer.status_code, answer.json() if is_json else None))
        return answer

    def initiate(self, order: Any = None, **headers: str) -> dict[str, Any]:
        answer = self.ask("POST", PAYMENTS, ORDER if order is None else order, **headers)
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    def get(self, path: str) -> dict[str, Any]:
        answer = self.ask("GET", path)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def status(self, payment: dict[str, Any]) -> str:
        return str(self.get(f"{PAYMENTS}/{payment['paymentId']}/status")["transactionStatus"])

    def control(self, path: str, body: Any = None, *, method: str = "") -> Any:
        method = method or ("GET" if body is None else "POST")
        answer = self.http.request(method, f"/_control/{path}", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def apply(self, what: str, payment: dict[str, Any], **param: Any) -> None:
        self.control(f"payments/{payment['paymentId']}", {"fault": what, "param": param})

    def advance(self, seconds: float) -> None:
        self.control("clock", {"advance_seconds": seconds})

    def choose(self, approach: str | None) -> None:
        self.control("approach", {"approach": approach})

    def click(self, link: str, choice: str) -> httpx.Response:
        """What a browser does: open the page, then press a button."""
        page = httpx.get(link)
        assert page.status_code == 200, page.text
        assert f"?choice={choice}" in page.text
        return httpx.post(f"{link}?choice={choice}")


def _serve(file: Path, dialect: str, started: Future[tuple[str, uvicorn.Server]]) -> None:
    """Serve until told to stop. The book's connection belongs to the thread that opened it."""
    try:
        partner = Partner(file, dialect)
        listener = listen(0)
    except BaseException as error:
        started.set_exception(error)
        raise
    server = PartnerServer(partner, Control)
    started.set_result((f"http://127.0.0.1:{listener.getsockname()[1]}", server))
    with listener:
        asyncio.run(server.serve(sockets=[listener]))
    partner.book.close()


@pytest.fixture
def bank(tmp_path: Path, ending: list[threading.Thread]) -> Iterator[Callable[[str], Tpp]]:
    """Opens a bank of a dialect. Its clock stands still, and its books balance in the end."""
    opened: list[tuple[Tpp, uvicorn.Server, threading.Thread]] = []

    def open_bank(dialect: str = "standard") -> Tpp:
        started: Future[tuple[str, uvicorn.Server]] = Future()
        arguments = (tmp_path / f"{dialect}.sqlite", dialect, started)
        thread = threading.Thread(target=_serve, args=arguments, daemon=True)
        thread.start()
        address, server = started.result(timeout=20)
        tpp = Tpp(address, httpx.Client(base_url=address))
        tpp.control("clock", {"frozen": True})
        opened.append((tpp, server, thread))
        return tpp

    yield open_bank
    for tpp, server, thread in opened:
        entries: dict[str, int] = {}
        for line in tpp.control("book")["postings"]:
            entries[line["entry"]] = entries.get(line["entry"], 0) + line["amount_minor"]
        assert set(entries.values()) <= {0}
        tpp.http.close()
        server.should_exit = server.force_exit = True
        ending.append(thread)


@pytest.fixture
def tpp(bank: Callable[[str], Tpp]) -> Tpp:
    return bank("standard")


@pytest.fixture(scope="session")
def openapi(specs: Path) -> OpenApi:
    return OpenApi(specs)
