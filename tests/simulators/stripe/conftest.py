"""A Stripe simulator on a real socket, and a shop that speaks to it in the raw."""

from __future__ import annotations

import asyncio
import itertools
import json
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from simulators.kit.app import PartnerServer, listen
from simulators.stripe.control import Control
from simulators.stripe.partner import SIMULATOR_API_KEY, Partner
from tests.polling import until
from tests.simulators.conftest import Receiver
from tests.simulators.stripe.openapi import OpenApi

SECRET = "whsec_simulated"
BACK = "https://shop.test/back"
#: A debit needs the payer's consent.
MANDATE = {"mandate_data[customer_acceptance][type]": "offline"}


class Shop:
    """Somebody with an API key, and the words that Stripe needs for everything."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.http = httpx.Client(base_url=address)
        self.http.headers["authorization"] = f"Bearer {SIMULATOR_API_KEY}"
        self._keys = itertools.count(1)

    def post(self, path: str, key: str | None = None, **form: Any) -> httpx.Response:
        """A request under a key that nobody used, unless it names one."""
        headers = {"idempotency-key": key or f"key-{next(self._keys)}"}
        return self.http.post(f"/v1/{path}", data=form, headers=headers)

    def done(self, path: str, **form: Any) -> dict[str, Any]:
        """The object of a request that succeeds."""
        answer = self.post(path, **form)
        assert answer.status_code == 200, answer.text
        made: dict[str, Any] = answer.json()
        return made

    def refused(self, path: str, status: int = 400, **form: Any) -> dict[str, Any]:
        """The error of a request that is refused."""
        answer = self.post(path, **form)
        assert answer.status_code == status, answer.text
        error: dict[str, Any] = answer.json()["error"]
        return error

    def get(self, path: str, **params: Any) -> dict[str, Any]:
        answer = self.http.get(f"/v1/{path}", params=params)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def all(self, path: str, **params: Any) -> list[dict[str, Any]]:
        """A whole list, the oldest first."""
        found: list[dict[str, Any]] = self.get(path, limit=100, **params)["data"]
        return found[::-1]

    def order(self, method: str = "pm_card_visa", **changed: Any) -> dict[str, Any]:
        """The form of a payment that is confirmed at once."""
        kind = "card"
        if method.startswith("pm_usBankAccount"):
            kind, mandate, currency = "us_bank_account", MANDATE, "usd"
        elif not method.startswith(("pm_card", "pm_x")) and method.count("_") == 2:
            kind, mandate, currency = "sepa_debit", MANDATE, "eur"
        else:
            mandate, currency = {}, "eur"
        return {
            "amount": 2000,
            "currency": currency,
            "payment_method": method,
            "payment_method_types[]": kind,
            "confirm": "true",
            "return_url": BACK,
            **mandate,
            **changed,
        }

    def pay(self, method: str = "pm_card_visa", **changed: Any) -> dict[str, Any]:
        return self.done("payment_intents", **self.order(method, **changed))

    def declined(self, method: str, **changed: Any) -> dict[str, Any]:
        return self.refused("payment_intents", 402, **self.order(method, **changed))

    def read(self, intent: dict[str, Any]) -> dict[str, Any]:
        """With its charge."""
        return self.get(f"payment_intents/{intent['id']}", **{"expand[]": "latest_charge"})

    def events(self, about: str = "") -> list[str]:
        """The types of all events about an object, in their order."""
        return [
            each["type"]
            for each in self.all("events")
            if not about or each["data"]["object"]["id"] == about
        ]

    def control(self, path: str, body: Any = None, *, method: str = "") -> Any:
        method = method or ("GET" if body is None else "POST")
        answer = self.http.request(method, f"/_control/{path}", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def apply(self, what: str, thing: dict[str, Any], **param: Any) -> None:
        self.control(f"payments/{thing['id']}", {"fault": what, "param": param})

    def fault(self, fault: str, on: str = "* *", **rest: Any) -> None:
        self.control("faults", {"fault": fault, "on": on, **rest})

    def advance(self, seconds: float) -> None:
        self.control("clock", {"advance_seconds": seconds})

    def book(self) -> dict[str, Any]:
        found: dict[str, Any] = self.control("book")
        return found

    def transactions(self, *sources: str) -> list[tuple[str, int, int]]:
        """Type, amount and fee of what was booked for these objects."""
        return [
            (each["type"], each["amount"], each["fee"])
            for each in self.all("balance_transactions")
            if each["source"] in sources
        ]


def serve_in_thread(file: Path, started: Future[tuple[str, uvicorn.Server]]) -> None:
    """Serve until told to stop. The book's connection belongs to the thread that opened it."""
    try:
        partner = Partner(file)
        partner.furnish()
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
def shop(tmp_path: Path, ending: list[threading.Thread]) -> Iterator[Shop]:
    """Its partner's clock stands still. The books have to balance in the end."""
    started: Future[tuple[str, uvicorn.Server]] = Future()
    arguments = (tmp_path / "stripe.sqlite", started)
    thread = threading.Thread(target=serve_in_thread, args=arguments, daemon=True)
    thread.start()
    address, server = started.result(timeout=10)
    shop = Shop(address)
    shop.control("clock", {"frozen": True})
    yield shop
    try:
        _balances(shop)
    finally:
        shop.http.close()
        server.should_exit = server.force_exit = True
        ending.append(thread)


def _balances(shop: Shop) -> None:
    book = shop.book()
    entries: dict[str, int] = {}
    for line in book["postings"]:
        entries[line["entry"]] = entries.get(line["entry"], 0) + line["amount_minor"]
    assert set(entries.values()) <= {0}
    held: dict[str, int] = {}
    for balance in book["balances"]:
        currency = balance["currency"].lower()
        held[currency] = held.get(currency, 0) + balance["amount_minor"]
    booked = dict.fromkeys(held, 0)
    for transaction in book["balance_transactions"]:
        booked[transaction["currency"]] += transaction["net"]
    assert held == booked, "the balances are the sum of all balance transactions"


@pytest.fixture
def notified(shop: Shop, receiver: Receiver) -> Shop:
    """The shop, whose partner notifies the receiver."""
    shop.control("webhooks", {"url": receiver.url, "secret": SECRET})
    return shop


def types(receiver: Receiver) -> list[str]:
    return [json.loads(body)["type"] for _, body in receiver.came]


def until_types(receiver: Receiver, *expected: str) -> None:
    until(lambda: types(receiver) == list(expected), f"{expected}")


@pytest.fixture(scope="session")
def openapi(specs: Path) -> OpenApi:
    return OpenApi(specs)
