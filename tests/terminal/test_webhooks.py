"""What `finality up` takes from its own simulator."""

from __future__ import annotations

import time
from pathlib import Path

from local.stack import Stack
from tests.terminal.conftest import Terminal
from tests.terminal.test_pay import AS_OF, a_file


async def test_a_return_reaches_a_payment_of_up_by_webhook(
    terminal: Terminal, stack: Stack, tmp_path: Path
) -> None:
    """It is watched for two weeks: no read would find it within this test."""
    paid = terminal.run("pay", str(a_file(tmp_path, "HOOKED", 3)), *AS_OF, "--json")
    row = paid.rows[0]
    assert row["state"] == "settled", paid.err
    fate = {"fault": "fail_after_completed", "param": {}}
    simulator = stack.partners["currencycloud"].simulator
    await simulator.control("POST", f"payments/{row['partner_reference']}", fate)
    deadline = time.monotonic() + 60
    states: dict[str, str] = {}
    while states.get(row["payment_id"]) != "returned":
        assert time.monotonic() < deadline, stack.log("inbound").read_text()
        states = {one["payment_id"]: one["state"] for one in terminal.listed()}


def test_the_log_of_inbound_names_its_accounts_and_no_secret(stack: Stack) -> None:
    said = stack.log("inbound").read_text()
    assert f":{stack.ports.inbound} for currencycloud/simulator" in said
    assert "refused" not in said
