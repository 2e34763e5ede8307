"""`finality up` serves the API: a first payment by a key of the command line."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

from assembly import assembled
from local.demo_file import DEBTOR_IBAN
from local.stack import Stack
from settings import Settings
from tests.terminal.conftest import Terminal


def ask(
    stack: Stack, method: str, path: str, key: str, body: object = None, **headers: str
) -> tuple[int, Any]:
    """Status and body of one request."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{stack.ports.api}{path}",
        None if body is None else json.dumps(body).encode(),
        {"Authorization": f"Bearer {key}", "Content-Type": "application/json", **headers},
        method=method,
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


async def test_a_first_payment_over_http_settles_and_its_events_say_so(
    terminal: Terminal, stack: Stack
) -> None:
    made = terminal.run("api-key", "new", "--name", "first", "--json")
    assert made.code == 0, made.err
    key = made.rows[0]["key"]
    order = {
        "instructed_amount": {"minor": 1250, "currency": "EUR"},
        "debtor": {"name": "We GmbH"},
        "debtor_account": {"iban": DEBTOR_IBAN},
        "creditor": {"name": "Jan de Vries"},
        "creditor_account": {"iban": "NL91ABNA0417164300"},
        "remittance_information": "Invoice over HTTP",
    }
    headers = {"Idempotency-Key": "over-http"}
    status, payment = ask(stack, "POST", "/v1/payments", key, order, **headers)
    assert status in (201, 202), payment
    path = f"/v1/payments/{payment['id']}"
    for _ in range(8):
        status, payment = ask(stack, "GET", f"{path}?wait=20", key)
        if payment["state"] == "settled":
            break
    assert payment["state"] == "settled"
    assert payment["display"]["funds"] == "debit"
    assert ask(stack, "POST", "/v1/payments", key, order, **headers)[0] == 200
    _, events = ask(stack, "GET", f"/v1/events?related={payment['id']}", key)
    types = [each["type"] for each in events["data"]]
    assert types[0] == "payment.created"
    assert "payment.movement_booked" in types
    assert events["data"][-1]["sequence"] == len(types)
    log = stack.log("api").read_text()
    assert DEBTOR_IBAN not in log
    assert key.rpartition("_")[2] not in log
    async with assembled(Settings(home=stack.home)) as assembly:
        (used,) = await assembly.api_keys.all()
        assert used.last_used_at is not None
        await assembly.api_keys.revoke(used.key_id, assembly.clock.now())
    assert ask(stack, "GET", path, key)[0] == 401
