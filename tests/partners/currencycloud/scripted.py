"""Currencycloud as a list of answers, our login book as a list of calls, and an order to pay."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import parse_qsl

import httpx
from pydantic import SecretStr

from domain.accounts import Account
from domain.clock import Clock
from domain.lifecycle.answers import (
    Deadline,
    NotReady,
    Prepared,
    PreparedKey,
    PreparedObject,
    WireRequest,
)
from domain.money import Money
from domain.party import Party
from domain.payments.answers import Subject
from domain.payments.order import Order, Times
from partners.currencycloud.account import Account as CurrencycloudAccount
from partners.currencycloud.client import CurrencycloudPartner
from transport.http import Transport

NOW: Final = datetime(2026, 11, 23, 10, tzinfo=UTC)
IBAN: Final = "FR7630006000011234567890189"
KEY: Final = "K3Y0FTHEF1RSTGENERAT10N"
TOKEN: Final = "0123456789abcdef0123456789abcdef"
PAYMENT_ID: Final = "80bb87ac-7153-4aa8-8299-5a97bc9584d0"
BENEFICIARY_ID: Final = "a0bd2d78-3621-4c29-932f-a39d6b34d5e7"
ACCOUNT: Final = CurrencycloudAccount(
    base_url="https://cc.test", login_id="demo@finality.test", api_key=SecretStr("5a" * 32)
)
ORDER: Final = Order(
    tenant="acme",
    partner="currencycloud",
    partner_account="main",
    instructed_amount=Money(minor=100_000, currency="EUR"),
    debtor=Party(name="Acme"),
    debtor_account=Account(iban="DE89370400440532013000"),
    creditor=Party(name="Carla Creditor"),
    creditor_account=Account(iban=IBAN),
    end_to_end_id="INV-7",
    remittance_information="Invoice 7",
    times=Times(submit_before=NOW + timedelta(minutes=15)),
)
SUBJECT: Final = Subject("pay_1/pay/1", ORDER, (KEY,), {"beneficiary_id": BENEFICIARY_ID})
ASKED: Final = replace(SUBJECT, partner_reference=PAYMENT_ID)
DEADLINE: Final = Deadline(NOW + timedelta(seconds=10), NOW + timedelta(seconds=40))

Answer = tuple[int, Any] | Exception


class StillClock:
    """Stands still."""

    def now(self) -> datetime:
        return NOW


@dataclass
class FakePreparedBook:
    """What was made before, as one process knows it that nobody disturbs."""

    made_before: dict[PreparedKey, tuple[str, str]] = field(default_factory=dict)
    others_make_it: bool = False

    async def claim(self, key: PreparedKey, by: str) -> PreparedObject | NotReady | None:
        if self.others_make_it:
            return NotReady("another payment has it made", NOW + timedelta(seconds=1))
        return self._object(key) if key in self.made_before else None

    async def extend(self, key: PreparedKey, by: str) -> bool:
        return True

    async def made(self, key: PreparedKey, reference: str, shown: str) -> PreparedObject:
        self.made_before.setdefault(key, (reference, shown))
        return self._object(key)

    async def forget(self, key: PreparedKey, reference: str, by: str) -> None:
        self.made_before.pop(key)

    async def release(self, key: PreparedKey, by: str) -> None:
        assert key not in self.made_before

    def _object(self, key: PreparedKey) -> PreparedObject:
        reference, shown = self.made_before[key]
        return PreparedObject(reference, lambda now: now == shown)


@dataclass
class FakeLoginBook:
    """Remembers what was asked of it; lends its lease to one at a time."""

    held: str | None = TOKEN
    refuses: NotReady | None = None
    calls: list[str] = field(default_factory=list)
    looks: int = 0

    async def token(self, login: str, credentials_hash: str) -> str | None:
        self.looks += 1
        return self.held

    async def claim(self, login: str, credentials_hash: str) -> NotReady | None:
        self.calls.append("claim")
        return self.refuses

    async def succeeded(self, login: str, credentials_hash: str, token: str) -> None:
        self.calls.append("succeeded")
        self.held = token

    async def failed(self, login: str, credentials_hash: str, why: str) -> None:
        self.calls.append("failed")
        self.refuses = NotReady(why, NOW, needs_person=True)

    async def unclear(self, login: str, credentials_hash: str, *, may_have_counted: bool) -> None:
        self.calls.append("unclear")

    async def drop(self, login: str, token: str) -> None:
        self.calls.append("drop")
        self.held = None if token == self.held else self.held


@dataclass(frozen=True)
class Sent:
    """A request as Currencycloud would see it."""

    method: str
    path: str
    query: dict[str, str]
    form: dict[str, str]
    body: bytes
    token: str | None


@dataclass
class Scripted:
    """Answers by "METHOD /path": the next of a list, the last one again and again."""

    answers: dict[str, list[Answer]] = field(default_factory=dict)
    sent: list[Sent] = field(default_factory=list)

    def on(self, route: str, *answers: Answer) -> Scripted:
        self.answers[route] = list(answers)
        return self

    def handle(self, request: httpx.Request) -> httpx.Response:
        body = request.content
        self.sent.append(
            Sent(
                request.method,
                request.url.path,
                dict(request.url.params),
                dict(parse_qsl(body.decode(), keep_blank_values=True)),
                body,
                request.headers.get("x-auth-token"),
            )
        )
        answers = self.answers[f"{request.method} {request.url.path}"]
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, Exception):
            raise answer
        status, content = answer
        text = content if isinstance(content, str) else json.dumps(content)
        return httpx.Response(status, text=text)

    @property
    def routes(self) -> list[str]:
        return [f"{sent.method} {sent.path}" for sent in self.sent]


def partner(
    script: Scripted | Callable[[httpx.Request], httpx.Response],
    book: FakeLoginBook | None = None,
    account: CurrencycloudAccount = ACCOUNT,
    clock: Clock | None = None,
    prepared: FakePreparedBook | None = None,
) -> CurrencycloudPartner:
    """The adapter, talking to the script."""
    clock = clock or StillClock()
    handle = script.handle if isinstance(script, Scripted) else script
    transport = Transport(account.base_url, clock=clock, instead=httpx.MockTransport(handle))
    return CurrencycloudPartner(
        account,
        logins=book or FakeLoginBook(),
        clock=clock,
        prepared=prepared or FakePreparedBook(),
        transport=transport,
    )


async def request(subject: Subject = SUBJECT) -> WireRequest:
    """The request of an order whose beneficiary is there."""
    prepared = await partner(Scripted()).prepare(subject)
    assert isinstance(prepared, Prepared)
    return prepared.request


def payment(**changes: Any) -> dict[str, Any]:
    """A payment as they show it; None leaves a field out."""
    whole = {
        "id": PAYMENT_ID,
        "amount": "1000.00",
        "beneficiary_id": BENEFICIARY_ID,
        "currency": "EUR",
        "reference": "INV-7",
        "reason": "Invoice 7",
        "status": "ready_to_send",
        "payment_type": "regular",
        "payment_date": "2026-11-23",
        "unique_request_id": KEY,
        "failure_reason": "",
        "failure_returned_amount": "0.00",
        "review_status": "passed",
        **changes,
    }
    return {name: value for name, value in whole.items() if value is not None}


def balance(amount: str = "5000000.00", currency: str = "EUR") -> Answer:
    return 200, {
        "id": "b",
        "account_id": "a",
        "amount": amount,
        "currency": currency,
        "created_at": "2026-11-23T00:00:00+00:00",
        "updated_at": "2026-11-23T00:00:00+00:00",
    }


def transaction(number: int, action: str, kind: str, **changes: Any) -> dict[str, Any]:
    return {
        "id": f"transaction-{number}",
        "balance_id": "b",
        "account_id": "a",
        "currency": "EUR",
        "amount": "1000.00",
        "balance_amount": None,
        "type": kind,
        "related_entity_type": "payment",
        "related_entity_id": PAYMENT_ID,
        "related_entity_short_reference": "261123-XYZ001",
        "status": "completed",
        "reason": "",
        "settles_at": "2026-11-23T10:00:00+00:00",
        "created_at": f"2026-11-23T10:00:{number:02}+00:00",
        "updated_at": f"2026-11-23T10:00:{number:02}+00:00",
        "completed_at": f"2026-11-23T10:00:{number:02}+00:00",
        "action": action,
        **changes,
    }


def page(name: str, *entries: Mapping[str, Any], **pagination: int) -> Answer:
    return 200, {
        name: list(entries),
        "pagination": {
            "total_entries": len(entries),
            "total_pages": 1,
            "current_page": 1,
            "per_page": 25,
            "previous_page": -1,
            "next_page": -1,
            "order": "created_at",
            "order_asc_desc": "asc",
            **pagination,
        },
    }


def error(code: str, message: str = "no", name: str = "base", top: str | None = None) -> Any:
    reasons = [{"code": code, "message": message, "params": {}}]
    return {"error_code": top or code, "error_messages": {name: reasons}}
