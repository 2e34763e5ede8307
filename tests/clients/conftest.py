"""A server that answers as a test says, and both clients before it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from finality_client import AsyncClient, Client, Retries

KEY = "fin_0123_secret"
ORDER: Any = {
    "instructed_amount": {"minor": 1250, "currency": "EUR"},
    "debtor": {"name": "Shop"},
    "debtor_account": {"iban": "DE89370400440532013000"},
    "creditor": {"name": "Jan"},
    "creditor_account": {"iban": "NL91ABNA0417164300"},
}


def payment(**changed: Any) -> dict[str, Any]:
    """A payment as the server shows it."""
    money = {"minor": 1250, "currency": "EUR"}
    return {
        "id": "pay_1", "object": "payment", "key": "k", "created_at": "2026-11-30T08:00:00Z",
        "updated_at": "2026-11-30T08:00:00Z", "sequence": 1, "state": "created",
        "certainty": "not_sent", "display": {"headline": "Received"}, "instructed_amount": money,
        "amounts": {"instructed": money}, "partner": "bank", "partner_account": "main",
        "rail": "sepa_credit_transfer",
    } | changed  # fmt: skip


def answer(status: int = 201, body: Any = None, **headers: str) -> httpx.Response:
    """An answer; names of headers have `_` for `-`."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(status, json=payment() if body is None else body, headers=named)


def problem(status: int, kind: str, **more: Any) -> httpx.Response:
    body = {"type": f"urn:finality:problem:{kind}", "title": "No", "status": status, **more}
    return answer(status, body, x_should_retry="false")


Step = httpx.Response | Exception


@dataclass
class Called:
    """One of the two clients, and what it sent."""

    kind: type[Client] | type[AsyncClient]
    steps: list[Step] = field(default_factory=list)
    sent: list[httpx.Request] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)
    options: dict[str, Any] = field(default_factory=lambda: {"retries": Retries()})

    def answers(self, *steps: Step) -> None:
        self.steps = list(steps)

    def _handle(self, request: httpx.Request) -> httpx.Response:
        self.sent.append(request)
        step = self.steps.pop(0)
        if isinstance(step, Exception):
            raise step
        return step

    async def __call__(self, ask: Callable[[Any], Any]) -> Any:
        """What the client gives for it; items of an iterator as a list."""
        given: dict[str, Any] = {"transport": httpx.MockTransport(self._handle), **self.options}
        made = self.kind("https://pay.example/base", KEY, **given)
        try:
            found = ask(made)
            if inspect.isasyncgen(found):
                return [each async for each in found]
            if inspect.isgenerator(found):
                return list(found)
            return await found if inspect.isawaitable(found) else found
        finally:
            closed = made.close()
            if closed is not None:
                await closed

    @property
    def keys(self) -> list[str | None]:
        return [each.headers.get("idempotency-key") for each in self.sent]


@pytest.fixture(params=[Client, AsyncClient], ids=["sync", "async"])
def call(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Called:
    made = Called(request.param)

    async def asleep(seconds: float) -> None:
        made.slept.append(seconds)

    monkeypatch.setattr("finality_client.client.time.sleep", made.slept.append)
    monkeypatch.setattr("finality_client.async_client.asyncio.sleep", asleep)
    return made
