"""A collection's whole life from the terminal, with Stripe's simulator, Temporal and a worker."""

from __future__ import annotations

import json
import secrets
import sys
import urllib.parse
import urllib.request
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
import pytest_asyncio

from local.child import start_child
from local.simulator import Simulator, start_simulator
from local.temporal_server import free_port, start_dev_server
from partners.stripe.registration import STRIPE
from store.keyring import Keyring
from tests.polling import until
from tests.terminal.conftest import Ran, Terminal
from workflows.attributes import SEARCH_ATTRIBUTES

_TIMES: Final = {"write_within": 15, "answer_within": 15}
CARD: Final = ("--payment-method", "pm_card_visa")


@dataclass(frozen=True)
class Shop:
    """A home whose one account is with the simulator."""

    terminal: Terminal
    simulator: Simulator
    log: Path

    def run(self, *arguments: str) -> Ran:
        return self.terminal.run(*arguments)

    def shown(self, payment_id: str) -> dict[str, Any]:
        [row] = self.run("show", payment_id, "--json").rows
        return row

    async def happen(self, payment_id: str, intervention: str, **param: object) -> None:
        """Let something happen to the collection at the partner."""
        reference = self.shown(payment_id)["partner_reference"]
        body = {"fault": intervention, "param": param}
        await self.simulator.control("POST", f"payments/{reference}", body)


@pytest_asyncio.fixture(scope="module")
async def shop(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shop]:
    home = tmp_path_factory.mktemp("shop")
    logs = home / "logs"
    logs.mkdir()
    Keyring.make(home / "keyring")
    temporal = await start_dev_server(
        db_filename=home / "temporal.db",
        port=free_port(),
        ui_port=None,
        log_file=logs / "temporal.log",
        search_attributes=SEARCH_ATTRIBUTES,
    )
    simulator = await start_simulator(
        "stripe", port=free_port(), db_file=home / "stripe.db", log_file=logs / "simulator.log"
    )
    secret, inbound_port = secrets.token_hex(24), free_port()
    account = {
        "base_url": simulator.base_url,
        "simulated": True,
        **_TIMES,
        **STRIPE.simulated(secret),
    }
    settings = {
        "temporal_address": temporal.address,
        "partners": {"stripe": {"main": account}},
        "upkeep_every": 2,
        "inbound_port": inbound_port,
    }
    (home / "up.json").write_text(json.dumps(settings))
    worker = start_child(
        [sys.executable, "-m", "cli", "worker", "--inbound"],
        log_file=logs / "worker.log",
        env={"FINALITY_HOME": str(home)},
    )
    url = f"http://127.0.0.1:{inbound_port}/webhooks/stripe/main"
    await simulator.control("POST", "webhooks", {"url": url, "secret": secret})
    try:
        yield Shop(Terminal(home), simulator, logs / "worker.log")
    finally:
        worker.kill()
        worker.wait()
        await simulator.stop()
        temporal.kill()


async def test_money_is_held_captured_in_part_refunded_and_disputed(shop: Shop) -> None:
    held = shop.run(
        "collect", "--amount", "10EUR", "--key", "h", *CARD, "--capture", "manual", "--json"
    )
    assert held.code == 0, held.err
    [row] = held.rows
    payment_id = row["payment_id"]
    assert (row["state"], row["authorised_minor"], row["captured_minor"]) == ("authorised", 1000, 0)

    assert shop.run("refund", payment_id, "1EUR", "--key", "r").code == 2, "nothing is taken yet"
    assert shop.run("capture", payment_id, "10.01EUR", "--key", "c").code == 2
    taken = shop.run("capture", payment_id, "6EUR", "--key", "c")
    assert taken.code == 0, taken.err
    assert "capture c of 6.00 EUR: done" in taken.out
    assert f"{payment_id} is partly_captured" in taken.out
    again = shop.run("capture", payment_id, "6EUR", "--key", "c", "--json")
    assert (again.rows[0]["is_replay"], again.rows[0]["captured_minor"]) == (True, 600)

    back = shop.run("refund", payment_id, "2.50EUR", "--key", "r", "--json")
    assert back.code == 0, back.err
    [refund] = back.rows
    assert refund["claim"]["state"] in ("pending", "done")
    over = shop.run("refund", payment_id, "3.51EUR", "--key", "r2")
    assert (over.code, "more than is left (3.50 EUR)" in over.err) == (2, True)

    assert shop.run("capture", payment_id, "4EUR", "--key", "rest", "--wait", "60").code == 0
    await shop.happen(payment_id, "dispute", amount=300)

    def is_disputed() -> bool:
        return any(each["kind"] == "dispute" for each in shop.shown(payment_id)["reversals"])

    until(is_disputed, "the dispute is shown", 90)
    row = shop.shown(payment_id)
    assert [each["key"] for each in row["captures"]] == ["c", "rest"]
    [refund, dispute] = row["reversals"]
    assert (refund["kind"], refund["amount_minor"], refund["key"]) == ("refund", 250, "r")
    assert (dispute["state"], dispute["is_open"]) == ("needs_evidence", True)
    assert row["captured_minor"] == 1000
    book = await shop.simulator.control("GET", "book")
    assert len(book["refunds"]) == 1


async def test_the_payer_is_given_a_page_and_the_address_is_in_no_log(shop: Shop) -> None:
    asked = (
        "collect", "--amount", "7EUR", "--key", "sca", "--return-url", "https://acme.test/back",
        "--payment-method", "pm_card_threeDSecure2Required",
    )  # fmt: skip
    ran = shop.run(*asked)
    assert ran.code == 0, ran.err
    assert "is awaiting_user" in ran.out
    assert "The payer has to open a page and confirm there by " in ran.out
    url = ran.out.strip().splitlines()[-1]
    [row] = shop.run(*asked, "--json").rows
    assert row["action"]["url"] == url
    assert shop.run("show", row["payment_id"], "--link").out == f"{url}\n"
    assert url not in shop.run("show", row["payment_id"], "--exchanges").out
    pressed = urllib.parse.urlencode({"outcome": "complete"}).encode()
    opener = urllib.request.build_opener(_Stay())
    opener.open(urllib.request.Request(url, data=pressed), timeout=30).close()

    def is_captured() -> bool:
        return bool(shop.shown(row["payment_id"])["state"] == "captured")

    until(is_captured, "it is captured", 90)
    attempt = urllib.parse.urlsplit(url).query
    assert attempt not in shop.log.read_text()
    assert shop.run("show", row["payment_id"], "--link").code == 1


class _Stay(urllib.request.HTTPRedirectHandler):
    """The way back to the shop leads to a name that does not exist."""

    def http_error_303(self, req: Any, fp: Any, code: Any, msg: Any, headers: Any) -> Any:
        return fp


def test_a_decline_is_told_by_the_code_and_its_reason(shop: Shop) -> None:
    method = "pm_card_chargeDeclinedInsufficientFunds"
    ran = shop.run("collect", "--amount", "8EUR", "--key", "no", "--payment-method", method)
    assert ran.code == 1
    assert "is rejected" in ran.out
    assert "insufficient_funds" in ran.out
