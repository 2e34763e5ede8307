"""The other commands, as a person meets them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Final

from local.demo_file import EXECUTION_DATE
from local.simulated_partner import SIMULATOR
from local.stack import Ports, Stack
from local.temporal_server import is_taken
from partners.registry import Partners
from store.keyring import Keyring
from tests.terminal.conftest import Terminal
from tests.terminal.homes import home
from tests.terminal.test_pay import a_file

#: A free port for everything that `up` starts, so that a `finality up` beside the tests, with the
#: default ports, does not make them fail.
ANY_PORTS: Final = tuple(word for port in fields(Ports) for word in (f"--{port.name}-port", "0"))


def test_show_tells_the_whole_story_without_account_numbers(
    terminal: Terminal, tmp_path: Path
) -> None:
    file = a_file(tmp_path, "STORY")
    as_of = EXECUTION_DATE.isoformat()
    (row, *_) = terminal.run("pay", str(file), "--as-of", as_of, "--json").rows
    shown = terminal.run("show", row["payment_id"], "--exchanges")
    assert shown.code == 0
    for expected in ("Sent by our provider", "attempt 1 opened", "partner says 'completed'",
                     "waits for", "the watch for returns; next look at", row["partner_reference"],
                     "POST /v2/payments/create"):  # fmt: skip
        assert expected in shown.out
    iban = file.read_text().split("<CdtrAcct><Id><IBAN>")[1][:22]
    assert iban not in shown.out
    assert f"{iban[:4]}…{iban[-4:]}" in shown.out


def test_show_of_an_unknown_payment_says_where_to_look(terminal: Terminal) -> None:
    shown = terminal.run("show", "pay_nothing")
    assert shown.code == 2
    assert "finality list" in shown.err


def test_doctor_finds_a_running_stack_well(terminal: Terminal) -> None:
    ran = terminal.run("doctor")
    assert ran.code == 0, ran.out
    assert "✗" not in ran.out
    said = " ".join(ran.out.split())
    assert "logged in, answers, webhook secret set" in said
    assert "halts: none" in said


def test_doctor_says_that_a_partner_does_not_answer_and_that_sends_are_halted(
    tmp_path: Path,
) -> None:
    with home(tmp_path) as made:
        assert made.signed("halt", "--by", "alice", "--why", "audit").code == 0
        account = {"base_url": "http://127.0.0.1:1", "login_id": "l", "api_key": "canary"}
        ran = made.run("doctor", FINALITY_CURRENCYCLOUD=json.dumps({"a": account}))
    said = " ".join(ran.out.split())
    assert ran.code == 1
    assert "✗ partner currencycloud/a: http://127.0.0.1:1, no login: " in said
    assert "✗ halts: number 1, everything, holds back 0 open payments: audit" in said
    assert "canary" not in ran.out + ran.err


def test_doctor_names_a_remedy_for_everything_that_is_missing(tmp_path: Path) -> None:
    Keyring.make(tmp_path / "keyring")
    ran = Terminal(tmp_path).run("doctor", FINALITY_TEMPORAL_ADDRESS="127.0.0.1:1")
    assert ran.code == 1
    assert ran.out.count("✗") == ran.out.count("→") == 2
    assert "finality up" in ran.out


def test_a_home_without_keys_is_said_in_one_line(tmp_path: Path) -> None:
    ran = Terminal(tmp_path / "new").run("list")
    assert ran.code == 2
    assert ran.err.startswith("finality: there is no keyring at")
    assert "Traceback" not in ran.err


def test_a_wrong_setting_is_named_without_its_value(tmp_path: Path) -> None:
    ran = Terminal(tmp_path).run(
        "list", FINALITY_CURRENCYCLOUD='{"main": {"base_url": "x", "api_key": "canary-secret"}}'
    )
    assert ran.code == 2
    assert "FINALITY_CURRENCYCLOUD__MAIN__LOGIN_ID" in ran.err
    assert "canary" not in ran.out + ran.err


def test_a_second_up_in_the_same_home_says_that_one_runs(terminal: Terminal) -> None:
    ran = terminal.run("up", *ANY_PORTS)
    assert ran.code == 2
    assert "already runs" in ran.err


def test_up_names_the_option_for_a_port_that_is_taken(terminal: Terminal, tmp_path: Path) -> None:
    port = str(json.loads((terminal.home / "up.json").read_text())["ui_url"].rpartition(":")[2])
    ran = Terminal(tmp_path).run("up", *ANY_PORTS, "--ui-port", port)
    assert ran.code == 2
    assert "--ui-port" in ran.err


def test_up_has_an_account_with_every_simulator(terminal: Terminal, stack: Stack) -> None:
    written = json.loads((terminal.home / "up.json").read_text())["partners"]
    simulated = [name for name, each in Partners.registrations().items() if each.is_simulated]
    assert list(written) == list(stack.partners) == simulated
    partners = Partners.model_validate(written)
    addresses = [partners.accounts(name)[SIMULATOR].base_url for name in simulated]
    assert len(set(addresses)) == len(simulated)
    signed = [name for name in simulated if Partners.registrations()[name].webhooks is not None]
    assert all(partners.accounts(name)[SIMULATOR].webhook_secrets for name in signed)


async def test_beside_up_a_card_is_charged_without_any_settings(
    terminal: Terminal, stack: Stack
) -> None:
    ran = terminal.run(
        "collect", "--amount", "5EUR", "--key", "beside-up", "--payment-method", "pm_card_visa",
        "--json",
    )  # fmt: skip
    assert ran.code == 0, ran.err
    [row] = ran.rows
    assert row["state"] == "captured"
    book = await stack.partners[row["partner"]].simulator.control("GET", "book")
    charges = [each for each in book["charges"] if each["amount"] == 500]
    assert [each["payment_intent"] for each in charges] == [row["partner_reference"]]


def test_up_ends_everything_before_itself_when_told_once(tmp_path: Path) -> None:
    Keyring.make(tmp_path / "keyring")
    with subprocess.Popen(
        [sys.executable, "-m", "cli", "up", *ANY_PORTS],
        env={**os.environ, "FINALITY_HOME": str(tmp_path)},
        stdout=subprocess.PIPE,
        text=True,
    ) as up:
        assert up.stdout is not None
        said = iter(up.stdout.readline, "")
        assert any("Ctrl-C ends everything" in line for line in said)
        address = json.loads((tmp_path / "up.json").read_text())["temporal_address"]
        up.send_signal(signal.SIGINT)
        assert up.wait(60) == 0
    assert not is_taken(int(address.rpartition(":")[2]))
    assert not (tmp_path / "up.json").exists()
