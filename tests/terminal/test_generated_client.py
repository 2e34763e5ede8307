"""A client that was generated from the OpenAPI document alone makes a payment: it is true."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path

import pytest

from local.demo_file import DEBTOR_IBAN
from local.stack import Stack
from tests.judges.environment import judged
from tests.terminal.conftest import Terminal
from tests.terminal.test_client import new_key

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
from judged_client.api.payments import create_payment, get_payment
from judged_client.models import PaymentBody, PaymentState, ProblemBody

client = AuthenticatedClient(base_url=os.environ["ADDRESS"], token=os.environ["KEY"])
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
    for _ in range(8):
        payment = get_payment.sync(payment.id, client=client, wait=20)
        if payment.state is PaymentState.SETTLED:
            break
    assert payment.state is PaymentState.SETTLED, payment
    events = list_events.sync(client=client, related=payment.id).data
    assert [each.sequence for each in events] == list(range(1, len(events) + 1))
    order.creditor_account.iban = "NL91ABNA0417164301"
    refused = create_payment.sync(client=client, body=order, idempotency_key="wrong")
    assert isinstance(refused, ProblemBody), refused
    assert refused.errors[0].pointer == "/creditor_account/iban"
    print(payment.id)
"""


@pytest.mark.timeout(400)
def test_a_generated_client_makes_a_payment(
    terminal: Terminal, stack: Stack, tmp_path: Path
) -> None:
    address = f"http://127.0.0.1:{stack.ports.api}"
    with urllib.request.urlopen(f"{address}/openapi.json", timeout=60) as answer:
        document = json.load(answer)
    (tmp_path / "openapi.json").write_text(json.dumps(document))
    (tmp_path / "config.yml").write_text(_CONFIG)
    generated = judged(
        "-m", "openapi_python_client", "generate", "--path", "openapi.json", "--meta", "none",
        "--config", "config.yml", "--output-path", "judged_client", "--fail-on-warning",
        within=200, cwd=tmp_path,
    )  # fmt: skip
    assert generated.returncode == 0, generated.stdout + generated.stderr
    (tmp_path / "program.py").write_text(_PROGRAM)
    paid = judged(
        "program.py", within=180, cwd=tmp_path,
        ADDRESS=address, KEY=new_key(terminal, "generated"), DEBTOR=DEBTOR_IBAN,
    )  # fmt: skip
    assert paid.returncode == 0, paid.stdout + paid.stderr
    shown = terminal.run("show", paid.stdout.strip(), "--json")
    assert shown.rows[0]["state"] in ("settled", "final")
