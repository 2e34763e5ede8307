"""Over mutual TLS: our certificate lets us in, authenticates us, and binds the tokens."""

from __future__ import annotations

import json
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from assembly import MachineClock
from domain.lifecycle.answers import Accepted, Deadline, NeedsUser, Prepared
from domain.payments.answers import Subject
from domain.payments.report import PaymentState
from partners.kit.workplace import Workplace
from partners.obie.account import ObieAccount
from partners.obie.client import ObiePartner
from tests.conftest import ROOT
from tests.partners.conformance.bench import CALLBACK, Logins, new_key
from tests.partners.currencycloud.scripted import FakePreparedBook
from tests.partners.obie.conftest import ORDER, SigningKey, decide
from tests.transport.pki import Authority, Issued
from transport.http import Transport


@dataclass
class Served:
    """A bank over HTTPS that asks for client certificates."""

    address: str
    authority: Authority
    key: SigningKey

    def adapter(self, client: Issued) -> ObiePartner:
        given: dict[str, Any] = {
            "base_url": self.address,
            "simulated": True,
            "client_authentication": "tls_client_auth",
            "client_certificate": str(client.certificate),
            "client_key": str(client.key),
            "authorities": str(self.authority.file),
            **self.key.settings(),
        }
        clock = MachineClock()
        transport = partial(Transport, clock=clock)
        workplace = Workplace(clock, Logins(), FakePreparedBook(), transport)
        return ObiePartner(ObieAccount.model_validate(given), workplace)


@pytest.fixture
def served(tmp_path: Path, signing_key: SigningKey) -> Iterator[Served]:
    authority = Authority(tmp_path, "bank-ca")
    server = authority.issue("server", is_server=True)
    registration = tmp_path / "client.json"
    by_certificate = {
        "token_endpoint_auth_method": "tls_client_auth",
        "tls_client_auth_subject_dn": "CN=client,O=Finality Test",
    }
    registration.write_text(json.dumps({**signing_key.registration, **by_certificate}))
    command = [
        sys.executable, "-m", "simulators.obie", "serve", "--port", "0",
        "--db", str(tmp_path / "book.db"), "--client", str(registration),
        "--certificate", str(server.both), "--client-authority", str(authority.file),
    ]  # fmt: skip
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield Served(process.stdout.readline().split()[-1], authority, signing_key)
        process.terminate()


@pytest.fixture
async def adapters() -> AsyncIterator[list[ObiePartner]]:
    made: list[ObiePartner] = []
    yield made
    for adapter in made:
        await adapter.close()


async def test_a_payment_by_certificate_and_a_stranger_whom_the_bank_does_not_know(
    served: Served, adapters: list[ObiePartner]
) -> None:
    adapter = served.adapter(served.authority.issue("client"))
    stranger = served.adapter(served.authority.issue("stranger"))
    adapters += [adapter, stranger]
    refused = await stranger.ready()
    assert refused is not None
    assert refused.needs_person
    assert "invalid_client" in refused.why
    assert await adapter.ready() is None
    subject = Subject("pay_1/pay/1", ORDER, (new_key(adapter),), callback=CALLBACK)
    needs = await adapter.prepare(subject)
    assert isinstance(needs, NeedsUser), needs
    assert needs.report.action is not None
    trusting = ssl.create_default_context(cafile=str(served.authority.file))
    answer = decide(needs.report.action.url or "", "approve", trusting=trusting)
    subject = replace(subject, answer=answer)
    prepared = await adapter.prepare(subject)
    assert isinstance(prepared, Prepared), prepared
    end = MachineClock().now() + timedelta(seconds=20)
    submitted = await adapter.submit(subject, prepared.request, Deadline(end, end))
    assert isinstance(submitted, Accepted), submitted
    assert submitted.report.state is PaymentState.ACCEPTED
