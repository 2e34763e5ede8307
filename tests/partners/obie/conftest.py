"""An adapter for an access to the simulated bank, and a payer with a browser."""

from __future__ import annotations

import json
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from assembly import MachineClock
from domain.accounts import Account, ClearingMember
from domain.consents.answers import ConsentSubject
from domain.consents.instructions import ConsentInstruction as Kind
from domain.consents.report import ConsentState
from domain.consents.report import Report as ConsentReport
from domain.consents.request import ConsentRequest, Permission, User
from domain.lifecycle.answers import (
    Accepted,
    Answered,
    Deadline,
    NeedsUser,
    Prepared,
    Submitted,
    WireRequest,
)
from domain.lifecycle.report import Report
from domain.money import Money
from domain.payments.answers import Subject
from domain.payments.order import Order, Rail
from partners.kit.jose import encode
from partners.kit.workplace import Workplace
from partners.obie.account import ObieAccount
from partners.obie.client import ObiePartner
from partners.obie.consents import ObieConsents
from tests.conftest import ROOT
from tests.partners.conformance.bench import CALLBACK, Logins, new_key
from tests.partners.currencycloud.scripted import ORDER as SOME_ORDER
from tests.partners.currencycloud.scripted import FakePreparedBook
from transport.http import Transport

REDIRECT: Final = "https://app.test/back"
CLIENT: Final = "finality"
ORGANISATION: Final = "0015800001041RHAAY"
KEY_ID: Final = "key-1"
VERSIONS: Final = ("v3.1.11", "v4.0.1")
ORDER: Final = SOME_ORDER.model_copy(
    update={
        "partner": "obie",
        "rail": Rail.DOMESTIC,
        "instructed_amount": Money(minor=12_350, currency="GBP"),
        "debtor_account": Account(other="80200110203345"),
        "creditor_account": Account(other="12345678"),
        "creditor_agent_member": ClearingMember(system="GBDSC", number="203002"),
        "times": SOME_ORDER.times.model_copy(
            update={"submit_before": datetime.now(UTC) + timedelta(days=1)}
        ),
    }
)
REQUEST: Final = ConsentRequest(
    tenant="acme",
    partner="obie",
    partner_account="main",
    user=User(user_id="paula"),
    permissions=(Permission.ACCOUNTS, Permission.BALANCES, Permission.TRANSACTIONS),
    valid_until=datetime.now(UTC) + timedelta(days=365),
    return_url=REDIRECT,
    regime="uk",
)


@dataclass(frozen=True)
class SigningKey:
    """A client's key: the file, and what it registers with the bank."""

    file: Path
    jwk: dict[str, str]

    @classmethod
    def new(cls, file: Path) -> SigningKey:
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        numbers = key.public_key().public_numbers()
        jwk = {
            "kty": "RSA", "kid": KEY_ID, "use": "sig", "alg": "PS256",
            "n": encode(numbers.n.to_bytes(256)), "e": encode(numbers.e.to_bytes(3)),
        }  # fmt: skip
        return cls(file, jwk)

    @property
    def registration(self) -> dict[str, Any]:
        return {
            "client_id": CLIENT,
            "jwks": {"keys": [self.jwk]},
            "redirect_uris": [REDIRECT],
            "organisation_id": ORGANISATION,
            "software_id": CLIENT,
        }

    def settings(self, **more: Any) -> dict[str, Any]:
        return {
            "aspsp": "Simulated Bank",
            "client_id": CLIENT,
            "organisation": f"{ORGANISATION}/{CLIENT}",
            "redirect_uri": REDIRECT,
            "signing_key": str(self.file),
            "signing_key_id": KEY_ID,
            **more,
        }


def decide(link: str, choice: str, *, trusting: ssl.SSLContext | bool = True) -> dict[str, str]:
    """What a payer does with a browser. Returns the parameters of the callback."""
    with httpx.Client(follow_redirects=False, verify=trusting) as browser:
        began = browser.get(link)
        assert began.status_code == 303, began.text
        target = began.headers["location"]
        if target.startswith(REDIRECT):
            return dict(parse_qsl(urlsplit(target).query))
        page = browser.get(target)
        assert page.status_code == 200, page.text
        done = browser.post(target, data={"choice": choice, "account": "22289"})
        assert done.status_code == 303, done.text
        back = done.headers["location"]
        assert back.startswith(REDIRECT)
        return dict(parse_qsl(urlsplit(back).query))


@dataclass
class Bank:
    """The simulator's process."""

    address: str
    key: SigningKey

    def control(self, path: str, body: Any = None, *, method: str = "") -> Any:
        method = method or ("GET" if body is None else "POST")
        answer = httpx.request(method, f"{self.address}/_control/{path}", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def fault(self, fault: str, on: str, **param: Any) -> None:
        self.control("faults", [{"fault": fault, "on": on, "param": param}])

    def advance(self, seconds: float) -> None:
        self.control("clock", {"advance_seconds": seconds})

    def apply(self, what: str, object_id: str, **param: Any) -> None:
        self.control(f"payments/{object_id}", {"fault": what, "param": param})

    @property
    def payments(self) -> list[dict[str, Any]]:
        return list(self.control("book")["payments"])

    def account(self, **settings: Any) -> ObieAccount:
        given = {"base_url": self.address, "simulated": True, **self.key.settings(**settings)}
        return ObieAccount.model_validate(given)


@dataclass
class Paying:
    """A payment on its way to a bank, and what the adapter says of it."""

    bank: Bank
    adapter: ObiePartner
    logins: Logins
    subject: Subject
    request: WireRequest | None = field(default=None)

    async def waits(self) -> NeedsUser:
        assert await self.adapter.ready() is None
        needs = await self.adapter.prepare(self.subject)
        assert isinstance(needs, NeedsUser), needs
        return needs

    async def link(self) -> str:
        action = (await self.waits()).report.action
        assert action is not None
        assert action.url is not None
        return action.url

    async def approved(self, choice: str = "approve") -> Paying:
        answer = decide(await self.link(), choice)
        self.subject = replace(self.subject, answer=answer)
        return self

    async def prepared(self) -> Paying:
        prepared = await self.adapter.prepare(self.subject)
        assert isinstance(prepared, Prepared), prepared
        self.request = prepared.request
        self.subject = replace(self.subject, prepared=prepared.request.prepared)
        return self

    async def submit(self, seconds: float = 10) -> Submitted:
        assert self.request is not None
        end = datetime.now(UTC) + timedelta(seconds=seconds)
        submitted = await self.adapter.submit(self.subject, self.request, Deadline(end, end))
        if isinstance(submitted, Accepted):
            reference = submitted.report.partner_reference
            self.subject = replace(self.subject, partner_reference=reference)
        return submitted

    async def accepted(self) -> Report:
        submitted = await self.submit()
        assert isinstance(submitted, Accepted), submitted
        return submitted.report

    async def was_read(self) -> Report:
        read = await self.adapter.read(self.subject)
        assert isinstance(read, Answered), read
        return read.report


Pays = Callable[..., Paying]


@pytest.fixture(scope="session")
def signing_key(tmp_path_factory: pytest.TempPathFactory) -> SigningKey:
    return SigningKey.new(tmp_path_factory.mktemp("keys") / "signing.pem")


@pytest.fixture(scope="module")
def served(signing_key: SigningKey, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bank]:
    folder = tmp_path_factory.mktemp("bank")
    registration = folder / "client.json"
    registration.write_text(json.dumps(signing_key.registration))
    command = [
        sys.executable, "-m", "simulators.obie", "serve", "--port", "0",
        "--db", str(folder / "book.db"), "--client", str(registration),
    ]  # fmt: skip
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield Bank(process.stdout.readline().split()[-1], signing_key)
        process.terminate()


@pytest.fixture
def bank(served: Bank) -> Iterator[Bank]:
    yield served
    served.control("faults", method="DELETE")


@pytest.fixture
async def pays(bank: Bank) -> AsyncIterator[Pays]:
    """Makes payments at the bank, over accesses with other settings where a test gives them."""
    adapters = []

    def pay(order: Order = ORDER, **settings: Any) -> Paying:
        clock, logins = MachineClock(), Logins()
        transport = partial(Transport, clock=clock)
        workplace = Workplace(clock, logins, FakePreparedBook(), transport)
        adapter = ObiePartner(bank.account(**settings), workplace)
        adapters.append(adapter)
        subject = Subject("pay_1/pay/1", order, (new_key(adapter),), callback=CALLBACK)
        return Paying(bank, adapter, logins, subject)

    yield pay
    for adapter in adapters:
        await adapter.close()


@dataclass
class Asking:
    """A consent on its way, and what the adapter says of it."""

    bank: Bank
    adapter: ObieConsents
    logins: Logins
    subject: ConsentSubject

    async def take(self, kind: Kind, **more: Any) -> Submitted:
        """Prepare an instruction and send it."""
        assert await self.adapter.ready() is None
        subject = replace(self.subject, kind=kind, **more)
        prepared = await self.adapter.prepare(subject)
        assert isinstance(prepared, Prepared), prepared
        end = datetime.now(UTC) + timedelta(seconds=10)
        return await self.adapter.submit(subject, prepared.request, Deadline(end, end))

    async def accepted(self, kind: Kind, **more: Any) -> ConsentReport:
        submitted = await self.take(kind, **more)
        assert isinstance(submitted, Accepted), submitted
        report = submitted.report
        if kind is Kind.ASK:
            reference = report.partner_reference
            self.subject = replace(self.subject, partner_reference=reference)
        return report  # type: ignore[return-value]

    async def asked(self) -> str:
        """The page at which the user authorises it."""
        action = (await self.accepted(Kind.ASK)).action
        assert action is not None
        assert action.url is not None
        return action.url

    async def active(self) -> Asking:
        answer = decide(await self.asked(), "approve")
        assert (await self.accepted(Kind.ANSWER, answer=answer)).state is ConsentState.ACTIVE
        return self

    async def was_read(self) -> ConsentReport:
        read = await self.adapter.read(self.subject)
        assert isinstance(read, Answered), read
        return read.report  # type: ignore[return-value]

    @property
    def consent_id(self) -> str:
        return self.subject.partner_reference or ""


Asks = Callable[..., Asking]


@pytest.fixture
async def asks(bank: Bank) -> AsyncIterator[Asks]:
    adapters = []

    def ask(request: ConsentRequest = REQUEST, **settings: Any) -> Asking:
        clock, logins = MachineClock(), Logins()
        transport = partial(Transport, clock=clock)
        workplace = Workplace(clock, logins, FakePreparedBook(), transport)
        adapter = ObieConsents(bank.account(**settings), workplace)
        adapters.append(adapter)
        subject = ConsentSubject("con_1/ask", request, ("K" * 32,), Kind.ASK, callback=CALLBACK)
        return Asking(bank, adapter, logins, subject)

    yield ask
    for adapter in adapters:
        await adapter.close()
