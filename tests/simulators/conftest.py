"""A Currencycloud simulator on a real socket, and a client that speaks to it in the raw."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from simulators.currencycloud.control import Control
from simulators.currencycloud.partner import DEFAULT_LOGIN, SIMULATOR_API_KEY, Partner
from simulators.kit.app import PartnerServer, listen
from tests.polling import until
from tests.simulators.swagger import Swagger

SUB_CONTACT = "5f2c7c52-3a05-4a7c-9f5b-0d2b6c2f1a01"
#: Signs the notifications for the receiver.
SECRET = "0f0e0d0c0b0a09080706050403020100"
IBAN = "DE89370400440532013000"


class Client:
    """Somebody who is logged in, with the words this partner needs for everything."""

    def __init__(
        self, address: str, login_id: str = DEFAULT_LOGIN, api_key: str = SIMULATOR_API_KEY
    ) -> None:
        self.address = address
        self.login_id, self.api_key = login_id, api_key
        self.http = httpx.Client(base_url=address)
        self.http.headers["X-Auth-Token"] = self.log_in().json()["auth_token"]
        self._beneficiaries: dict[str, str] = {}
        self._keys = 0

    def log_in(self, api_key: str | None = None) -> httpx.Response:
        form = {"login_id": self.login_id, "api_key": api_key or self.api_key}
        return self.http.post("/v2/authenticate/api", data=form)

    def get(self, path: str, **params: str) -> Any:
        return self.http.get(f"/v2/{path}", params=params).json()

    def post(self, path: str, **form: str) -> httpx.Response:
        return self.http.post(f"/v2/{path}", data=form)

    def control(self, path: str, body: Any = None) -> Any:
        if body is None:
            return self.http.get(f"/_control/{path}").json()
        return self.http.post(f"/_control/{path}", json=body).json()

    def forget(self, path: str, body: Any = None) -> Any:
        """DELETE at the control endpoint."""
        return self.http.request("DELETE", f"/_control/{path}", json=body).json()

    def apply(self, payment_id: str, fault: str, **param: Any) -> None:
        """Somebody there does this to the payment, now."""
        told = self.control(f"payments/{payment_id}", {"fault": fault, "param": param})
        assert "status" in told, told

    def fault(self, fault: str, on: str = "POST /v2/payments/create", **rest: Any) -> None:
        assert "ids" in self.control("faults", [{"fault": fault, "on": on, **rest}])

    def fired(self) -> list[dict[str, Any]]:
        fired: list[dict[str, Any]] = self.control("book")["faults_fired"]
        return fired

    def clock(self, **asked: Any) -> None:
        """Move the clock, and log in again: a leap of half an hour ends every session."""
        self.control("clock", asked)
        self.http.headers["X-Auth-Token"] = self.log_in().json()["auth_token"]

    def advance(self, seconds: float) -> None:
        self.clock(advance_seconds=seconds)

    def beneficiary(self, currency: str = "EUR", **also: str) -> str:
        key = f"{currency}{sorted(also.items())}"
        if key not in self._beneficiaries:
            form = {
                "name": "Erika",
                "bank_account_holder_name": "Erika Mustermann",
                "bank_country": "DE",
                "currency": currency,
                "iban": IBAN,
                **also,
            }
            self._beneficiaries[key] = self.post("beneficiaries/create", **form).json()["id"]
        return self._beneficiaries[key]

    def order(self, **changed: str) -> dict[str, str]:
        """The form of a payment nobody has asked for yet."""
        self._keys += 1
        currency = changed.get("currency", "EUR")
        owner = {name: changed[name] for name in ("on_behalf_of",) if name in changed}
        form = {
            "currency": currency,
            "amount": "12.50",
            "reason": "invoice",
            "reference": f"INV {self._keys}",
            "unique_request_id": f"key-{self._keys}",
        }
        form |= changed
        if "beneficiary_id" not in form:
            form["beneficiary_id"] = self.beneficiary(currency, **owner)
        return form

    def create(self, **changed: str) -> httpx.Response:
        return self.post("payments/create", **self.order(**changed))

    def pay(self, **changed: str) -> str:
        answer = self.create(**changed)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["id"])

    def status(self, payment_id: str) -> str:
        return str(self.get(f"payments/{payment_id}")["status"])

    def found(self, **params: str) -> list[dict[str, Any]]:
        payments: list[dict[str, Any]] = self.get("payments/find", **params)["payments"]
        return payments

    def transactions(self, payment_id: str) -> list[tuple[str, str, str, str]]:
        """What happened to our balance for that payment: action, type, amount, status."""
        found = self.get(
            "transactions/find", related_entity_type="payment", related_entity_id=payment_id
        )
        names = ("action", "type", "amount", "status")
        return [tuple(one[name] for name in names) for one in found["transactions"]]

    def balance(self, currency: str = "EUR") -> str:
        return str(self.get(f"balances/{currency}")["amount"])


def serve_in_thread(
    file: Path, started: Future[tuple[str, uvicorn.Server]], **furniture: Any
) -> None:
    """Serve until told to stop. The book's connection belongs to the thread that opened it."""
    try:
        partner = Partner(file)
        partner.furnish(**furniture)
        listener = listen(0)
    except BaseException as error:
        started.set_exception(error)
        raise
    server = PartnerServer(partner, Control)
    started.set_result((f"http://127.0.0.1:{listener.getsockname()[1]}", server))
    with listener:
        asyncio.run(server.serve(sockets=[listener]))
    partner.book.close()


@pytest.fixture(scope="session")
def ending() -> Iterator[list[threading.Thread]]:
    """Servers that were told to stop: waited for once, not after each test."""
    threads: list[threading.Thread] = []
    yield threads
    for thread in threads:
        thread.join(timeout=10)


@pytest.fixture
def start(tmp_path: Path, ending: list[threading.Thread]) -> Iterator[Callable[..., Client]]:
    """Start a simulator on a new book; its clock stands still unless told otherwise."""
    running: list[tuple[Client, uvicorn.Server, threading.Thread]] = []

    def start(*, frozen: bool = True, **furniture: Any) -> Client:
        started: Future[tuple[str, uvicorn.Server]] = Future()
        file = tmp_path / f"book-{len(running)}.sqlite"
        thread = threading.Thread(
            target=serve_in_thread, args=(file, started), kwargs=furniture, daemon=True
        )
        thread.start()
        address, server = started.result(timeout=10)
        client = Client(address)
        running.append((client, server, thread))
        if frozen:
            client.control("clock", {"frozen": True})
        return client

    yield start
    for client, server, thread in running:
        client.http.close()
        server.should_exit = server.force_exit = True
        ending.append(thread)


@pytest.fixture
def client(start: Callable[..., Client]) -> Client:
    """With a sub-account; each stage takes ten seconds of a clock that stands still."""
    delays = dict.fromkeys(["review_after", "release_after", "submit_after", "complete_after"], 10)
    return start(contacts=[SUB_CONTACT], delays=delays)


@dataclass
class Receiver:
    """Somebody who is notified: keeps what came, and answers as told.

    Attributes:
        answers: the statuses of the next answers; then 200.
    """

    url: str
    came: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    before_answering: Callable[[], None] = lambda: None

    def messages(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, body in self.came]

    def kinds(self) -> list[str]:
        return [message["header"]["notification_type"] for message in self.messages()]

    def await_messages(self, count: int) -> list[dict[str, Any]]:
        """Exactly so many, in time."""
        until(lambda: len(self.came) >= count, f"{count} messages")
        assert len(self.came) == count, self.kinds()
        return self.messages()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            here.before_answering()
            here.came.append(({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(here.answers.pop(0) if here.answers else 200)
            self.send_header("location", f"{here.url}/elsewhere")
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Nothing: the tests say what is worth knowing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    here = Receiver(f"http://127.0.0.1:{server.server_port}/hook")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield here
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def notified(client: Client, receiver: Receiver) -> Client:
    """The client's partner, which notifies the receiver."""
    client.control("webhooks", {"url": receiver.url, "secret": SECRET})
    return client


@pytest.fixture(scope="session")
def swagger(specs: Path) -> Swagger:
    return Swagger(specs)
