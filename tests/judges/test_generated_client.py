"""A client that was generated from the OpenAPI document alone makes a payment: it is true."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.fakes import DEBTOR_IBAN
from tests.judges.environment import judged
from tests.starter.api.conftest import SHOP, Api
from tests.starter.api.test_payments import recorded

#: The generator knows no XML: it sends a file as bytes.
_CONFIG = """
project_name_override: judged
package_name_override: judged_client
post_hooks: []
content_type_overrides:
  application/xml: application/octet-stream
"""
_PROGRAM = """
import os

from judged_client import AuthenticatedClient
from judged_client.api.events import list_events
from judged_client.api.payments import cancel_payment, create_payment, get_payment
from judged_client.models import CancelBody, PaymentBody, PaymentState, ProblemBody

client = AuthenticatedClient(
    base_url=os.environ["ADDRESS"], token=os.environ["KEY"], timeout=60
)
order = PaymentBody.from_dict({
    "instructed_amount": {"minor": 1250, "currency": "EUR"},
    "debtor": {"name": "We GmbH"},
    "debtor_account": {"iban": os.environ["DEBTOR"]},
    "creditor": {"name": "Jan de Vries"},
    "creditor_account": {"iban": "NL91ABNA0417164300"},
    "remittance_information": "Invoice of a generated client",
})
with client:
    payment = create_payment.sync(client=client, body=order, idempotency_key="generated")
    again = create_payment.sync(client=client, body=order, idempotency_key="generated")
    shown = get_payment.sync(payment.id, client=client)
    assert payment.id == again.id == shown.id
    assert shown.state is PaymentState.CREATED, shown
    order.creditor_account.iban = "NL91ABNA0417164301"
    refused = create_payment.sync(client=client, body=order, idempotency_key="wrong")
    assert isinstance(refused, ProblemBody), refused
    assert refused.errors[0].pointer == "/creditor_account/iban"
    done = cancel_payment.sync(payment.id, client=client, body=CancelBody(), idempotency_key="c")
    assert done.payment.state is PaymentState.CANCELLED, done
    events = list_events.sync(client=client, related=payment.id).data
    assert [each.sequence for each in events] == list(range(1, len(events) + 1))
    print(payment.id)
"""


@pytest.mark.timeout(420)
async def test_a_generated_client_makes_a_payment(api: Api, address: str, tmp_path: Path) -> None:
    (tmp_path / "openapi.json").write_bytes((await api.http.get("/openapi.json")).content)
    (tmp_path / "config.yml").write_text(_CONFIG)
    generated = await asyncio.to_thread(
        judged,
        "-m", "openapi_python_client", "generate", "--path", "openapi.json", "--meta", "none",
        "--config", "config.yml", "--output-path", "judged_client", "--fail-on-warning",
        within=200, cwd=tmp_path,
    )  # fmt: skip
    assert generated.returncode == 0, generated.stdout + generated.stderr
    (tmp_path / "program.py").write_text(_PROGRAM)
    api.running.away = False
    paid = await asyncio.to_thread(
        judged, "program.py", within=200, cwd=tmp_path,
        ADDRESS=address, KEY=api.texts[SHOP], DEBTOR=DEBTOR_IBAN,
    )  # fmt: skip
    assert paid.returncode == 0, paid.stdout + paid.stderr
    assert recorded(api) == 1
    assert paid.stdout.strip() in api.running.started
