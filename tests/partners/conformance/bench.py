"""A partner's simulator as a process, and instructions on their way through its adapter."""

from __future__ import annotations

import itertools
import ssl
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final

import httpx

from assembly import MachineClock
from domain.ids import hashed
from domain.lifecycle.answers import (
    Accepted,
    Answered,
    Deadline,
    Found,
    NeedsUser,
    NotReady,
    Prepared,
    Submitted,
    WireRequest,
)
from domain.lifecycle.callback import Callback
from domain.lifecycle.profile import InstructionKind, Operation
from domain.lifecycle.report import Report
from domain.money import Money
from domain.payments.answers import Subject
from partners.interface import PaymentPartner
from partners.kit.account import PartnerAccount
from partners.kit.jose import fingerprint
from partners.kit.registration import Registration
from partners.kit.workplace import Workplace
from tests.partners.conformance.words import Words
from tests.partners.currencycloud.scripted import FakePreparedBook
from transport.http import Transport

#: Signs the simulator's webhooks.
SECRET: Final = "c0ffee" * 8
#: One for all: reading the authorities is slow, and simulators speak plain HTTP.
_NO_TLS: Final = ssl.create_default_context()
_NUMBERS: Final = itertools.count(1)
_VERIFIER: Final = "v" * 43
#: How a payer comes back who approves a payment before it is sent.
CALLBACK: Final = Callback("state-of-the-payer", fingerprint(_VERIFIER.encode()), _VERIFIER)


class Logins:
    """A login book of one process: tokens by login, one lease, refusals by credentials."""

    def __init__(self) -> None:
        self.tokens: dict[str, str] = {}
        self.refusals: dict[tuple[str, str], str] = {}
        self.calls: list[str] = []
        self.unclear_ones = 0

    @property
    def held(self) -> str | None:
        """The token that came last, unless it was dropped."""
        return next(reversed(self.tokens.values()), None)

    async def token(self, login: str, credentials_hash: str) -> str | None:
        return self.tokens.get(login)

    async def claim(self, login: str, credentials_hash: str) -> NotReady | None:
        self.calls.append("claim")
        why = self.refusals.get((login, credentials_hash))
        until = datetime.now(UTC) + timedelta(minutes=5)
        return None if why is None else NotReady(why, until, needs_person=True)

    async def succeeded(self, login: str, credentials_hash: str, token: str) -> None:
        self.calls.append("succeeded")
        self.tokens.pop(login, None)
        self.tokens[login] = token

    async def failed(self, login: str, credentials_hash: str, why: str) -> None:
        self.refusals[login, credentials_hash] = why

    async def unclear(self, login: str, credentials_hash: str, *, may_have_counted: bool) -> None:
        self.unclear_ones += 1

    async def drop(self, login: str, token: str) -> None:
        if self.tokens.get(login) == token:
            del self.tokens[login]


@dataclass
class Bank:
    """The simulator's process, and its control endpoint."""

    words: Words
    address: str
    logins: Logins = field(default_factory=Logins)
    """of the adapter that was made last"""

    def control(self, path: str, body: Any = None, *, method: str | None = None) -> Any:
        method = method or ("GET" if body is None else "POST")
        url = f"{self.address}/_control/{path}"
        answer = httpx.request(method, url, json=body, verify=_NO_TLS)
        answer.raise_for_status()
        return answer.json()

    def fault(self, fault: str, on: str | None = None, **param: Any) -> None:
        self.control("faults", [{"fault": fault, "on": on or self.words.pay, "param": param}])

    @property
    def fired(self) -> list[str]:
        return [each["fault"] for each in self.control("book")["faults_fired"]]

    def later(self, seconds: float | None = None) -> None:
        """Let so much of the simulator's time pass; by default until payments are settled."""
        passed = self.words.settles_after if seconds is None else seconds
        self.control("clock", {"advance_seconds": passed})

    @property
    def registration(self) -> Registration[Any]:
        found = self.words.registry.registrations().get(self.words.name)
        assert found, f"partners/registry.py has no line for {self.words.name!r}; add one"
        return found

    @property
    def account(self) -> PartnerAccount:
        """As `finality up` writes it, or as the partner's words say."""
        registration = self.registration
        simulated = registration.simulated(SECRET) if registration.is_simulated else {}
        simulated = {**simulated, **self.words.settings(self.address)}
        given = {"base_url": self.address, "simulated": True, **simulated}
        account: PartnerAccount = self.registration.account.model_validate(given)
        return account

    def adapter(self, **settings: Any) -> PaymentPartner:
        """For that account, with other settings where a test gives them."""
        clock = MachineClock()
        transport = partial(Transport, clock=clock, verify=_NO_TLS)
        self.logins = Logins()
        workplace = Workplace(clock, self.logins, FakePreparedBook(), transport)
        return self.registration.make(self.account.model_copy(update=settings), workplace)


@dataclass
class Instruction:
    """One instruction: what the adapter says of it, and what the partner's book says."""

    bank: Bank
    adapter: PaymentPartner
    subject: Subject
    request: WireRequest = field(init=False)

    @property
    def operation(self) -> Operation:
        return self.adapter.profile.operation(self.subject.kind)

    @property
    def held(self) -> list[dict[str, Any]]:
        """What the partner has under our keys."""
        is_refund = self.subject.kind is InstructionKind.REFUND
        name = "refunds" if is_refund else self.bank.words.held
        payments = self.bank.control("book").get(name, [])
        return [each for each in payments if each["unique_request_id"] in self.subject.keys]

    async def prepared(self) -> Instruction:
        preparation = await self.adapter.prepare(self.subject)
        if isinstance(preparation, NeedsUser):
            assert preparation.report.action is not None
            brought = self.bank.words.approve(preparation.report.action.url or "")
            self.subject = replace(self.subject, answer=brought)
            preparation = await self.adapter.prepare(self.subject)
        assert isinstance(preparation, Prepared), preparation
        self.request = preparation.request
        self.subject = replace(self.subject, prepared=preparation.request.prepared)
        return self

    async def submit(self, seconds: float = 5) -> Submitted:
        end = datetime.now(UTC) + timedelta(seconds=seconds)
        submitted = await self.adapter.submit(self.subject, self.request, Deadline(end, end))
        if isinstance(submitted, Accepted) and self.subject.kind is InstructionKind.PAY:
            reference = submitted.report.partner_reference
            self.subject = replace(self.subject, partner_reference=reference)
        return submitted

    async def accepted(self) -> Instruction:
        submitted = await self.submit()
        assert isinstance(submitted, Accepted), submitted
        return self

    async def found(self) -> Report:
        found = await self.adapter.find(self.subject)
        assert isinstance(found, Found), found
        return found.report

    async def was_read(self) -> Report:
        read = await self.adapter.read(self.subject)
        assert isinstance(read, Answered), read
        return read.report

    async def taken_back(self) -> Instruction:
        """The cancel of this payment, ready to be sent."""
        return await self.followed_by(InstructionKind.CANCEL)

    async def given_back(self, minor: int) -> Instruction:
        """The refund of some of this payment, ready to be sent."""
        amount = self.subject.order.instructed_amount.model_copy(update={"minor": minor})
        return await self.followed_by(InstructionKind.REFUND, amount)

    async def followed_by(self, kind: InstructionKind, amount: Money | None = None) -> Instruction:
        """Another instruction of this payment, ready to be sent."""
        subject = replace(
            self.subject, instruction_id=f"pay_1/{kind}/1", kind=kind, prepared={}, amount=amount,
            keys=(new_key(self.adapter, kind),),
        )  # fmt: skip
        return await Instruction(self.bank, self.adapter, subject).prepared()


def new_key(adapter: PaymentPartner, kind: InstructionKind = InstructionKind.PAY) -> str:
    """A key nobody used, of the length and the letters that the profile declares."""
    declared = adapter.profile.operation(kind).idempotency
    name = f"{datetime.now(UTC)} {next(_NUMBERS)}"
    return hashed(name, length=declared.key_length, alphabet=declared.key_alphabet)


def payment(bank: Bank, adapter: PaymentPartner) -> Instruction:
    """A new payment, not prepared yet."""
    order = bank.words.order(bank.address).model_copy(update={"partner": bank.words.name})
    its_key = (new_key(adapter),)
    return Instruction(bank, adapter, Subject("pay_1/pay/1", order, its_key, callback=CALLBACK))
