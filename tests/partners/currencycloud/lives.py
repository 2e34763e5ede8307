"""The simulator's process as a bank, and one instruction on its way through it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import httpx
from pydantic import SecretStr

from domain.ids import hashed
from domain.lifecycle.answers import (
    Accepted,
    Answered,
    Deadline,
    Found,
    Prepared,
    Submitted,
    WireRequest,
)
from domain.lifecycle.profile import LETTERS_AND_DIGITS, InstructionKind
from domain.lifecycle.report import Report
from domain.payments.answers import Subject
from domain.payments.order import Order
from partners.currencycloud.account import Account as CurrencycloudAccount
from partners.currencycloud.client import CurrencycloudPartner
from tests.partners.currencycloud.scripted import ORDER, FakeLoginBook, FakePreparedBook

CREATE: Final = "POST /v2/payments/create"


class MachineClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


@dataclass
class Bank:
    """The simulator's process, and its control endpoint."""

    address: str

    def control(self, path: str, body: Any = None) -> Any:
        url = f"{self.address}/_control/{path}"
        answer = httpx.get(url) if body is None else httpx.post(url, json=body)
        answer.raise_for_status()
        return answer.json()

    def fault(self, fault: str, on: str = CREATE, **rest: Any) -> None:
        self.control("faults", [{"fault": fault, "on": on, **rest}])

    def later(self, seconds: float = 3) -> None:
        """Let so much of the simulator's time pass."""
        self.control("clock", {"advance_seconds": seconds})

    @property
    def payments(self) -> list[dict[str, Any]]:
        held: list[dict[str, Any]] = self.control("book")["payments"]
        return held


@dataclass
class Life:
    """One instruction on its way."""

    bank: Bank
    adapter: CurrencycloudPartner
    subject: Subject
    request: WireRequest
    logins: FakeLoginBook

    async def submit(self, seconds: float = 5) -> Submitted:
        now = datetime.now(UTC)
        deadline = Deadline(now + timedelta(seconds=seconds), now + timedelta(seconds=seconds))
        return await self.adapter.submit(self.subject, self.request, deadline)

    async def accepted(self) -> None:
        submitted = await self.submit()
        assert isinstance(submitted, Accepted), submitted
        self.knows(submitted.report)

    def knows(self, report: Report) -> None:
        self.subject = replace(self.subject, partner_reference=report.partner_reference)

    @property
    def at_the_partner(self) -> str:
        """The control endpoint of this payment."""
        return f"payments/{self.subject.partner_reference}"

    def intervene(self, intervention: str, **param: Any) -> None:
        self.bank.control(self.at_the_partner, {"fault": intervention, "param": param})

    def taken_back(self) -> Life:
        """The instruction that takes this one back, not prepared yet."""
        cancel = replace(
            self.subject,
            instruction_id="pay_1/cancel/1",
            keys=(f"TAKES{self.subject.keys[0][5:]}",),
            prepared={},
            kind=InstructionKind.CANCEL,
        )
        return replace(self, subject=cancel)

    async def prepared(self) -> None:
        prepared = await self.adapter.prepare(self.subject)
        assert isinstance(prepared, Prepared), prepared
        self.request = prepared.request
        self.subject = replace(self.subject, prepared=prepared.request.prepared)

    async def read_report(self) -> Report:
        read_report = await self.adapter.read(self.subject)
        assert isinstance(read_report, Answered), read_report
        return read_report.report

    async def found(self) -> Report:
        found = await self.adapter.find(self.subject)
        assert isinstance(found, Found), found
        return found.report

    @property
    def held(self) -> list[dict[str, Any]]:
        keys, mine = self.subject.keys, self.subject.partner_reference
        return [
            each
            for each in self.bank.payments
            if each["unique_request_id"] in keys or each["id"] == mine
        ]


@asynccontextmanager
async def living(bank: Bank, name: str, order: Order = ORDER) -> AsyncIterator[Life]:
    """An instruction whose beneficiary is there, on a login of its own."""
    account = CurrencycloudAccount(
        base_url=bank.address, login_id="demo@finality.test", api_key=SecretStr("51" * 32)
    )
    logins = FakeLoginBook(held=None)
    adapter = CurrencycloudPartner(
        account, logins=logins, clock=MachineClock(), prepared=FakePreparedBook()
    )
    try:
        assert await adapter.ready() is None
        subject = Subject(
            "pay_1/pay/1", order, (hashed(name, length=32, alphabet=LETTERS_AND_DIGITS),)
        )
        prepared = await adapter.prepare(subject)
        assert isinstance(prepared, Prepared), prepared
        kept = replace(subject, prepared=prepared.request.prepared)
        yield Life(bank, adapter, kept, prepared.request, logins)
    finally:
        await adapter.close()
