"""A file given again: what was paid is shown as it stands, whatever speaks against the rest."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from local.demo_file import DEBTOR_IBAN
from store.keyring import Keyring
from tests.terminal.conftest import Terminal
from tests.terminal.test_pay import AS_OF, a_file

_BAD_NAME = {"<Nm>Bakkerij De Molen</Nm>": f"<Nm>{'B' * 71}</Nm>"}


@pytest.fixture
def alone(tmp_path: Path) -> tuple[Terminal, dict[str, str]]:
    """Without servers: what is recorded stays unsent, and is known all the same."""
    Keyring.make(tmp_path / "keyring")
    account = {"base_url": "http://127.0.0.1:1", "login_id": "l", "api_key": "k", "simulated": True}
    environment = {
        "FINALITY_CURRENCYCLOUD": json.dumps({"a": account}),
        "FINALITY_DEBTORS": json.dumps({DEBTOR_IBAN: {"partner_account": "a"}}),
        "FINALITY_TEMPORAL_ADDRESS": "127.0.0.1:1",
    }
    return Terminal(tmp_path), environment


def _pay(
    alone: tuple[Terminal, dict[str, str]], file: Path, *options: str, **changed: str
) -> tuple[int, list[dict[str, Any]]]:
    terminal, environment = alone
    ran = terminal.run(
        "pay", str(file), *AS_OF, "--wait", "0", "--json", *options, **{**environment, **changed}
    )
    return ran.code, ran.rows


def test_with_the_bad_lines_no_longer_left_out(
    alone: tuple[Terminal, dict[str, str]], tmp_path: Path
) -> None:
    file = a_file(tmp_path, "AGAIN", 4, _BAD_NAME)
    code, first = _pay(alone, file, "--skip-invalid")
    assert code == 1
    paid = {row["payment_id"] for row in first if row["payment_id"]}
    assert len(paid) == 3
    code, again = _pay(alone, file)
    assert code == 2
    assert len(again) == 4
    known = [row for row in again if row["payment_id"]]
    assert {row["payment_id"] for row in known} == paid
    assert {row["state"] for row in known} == {"created"}
    terminal, environment = alone
    told = terminal.run("pay", str(file), *AS_OF, "--wait", "0", **environment).out
    assert "Known from an earlier run" in told
    assert "Nothing new is paid. Pay the others" in told
    assert all(payment_id in told for payment_id in paid)


def test_with_its_account_mapped_no_more(
    alone: tuple[Terminal, dict[str, str]], tmp_path: Path
) -> None:
    file = a_file(tmp_path, "GONE", 3)
    _, first = _pay(alone, file)
    code, again = _pay(alone, file, FINALITY_DEBTORS="{}")
    assert code == 0
    assert [row["payment_id"] for row in again] == [row["payment_id"] for row in first]


def test_with_other_content_nothing_is_said_to_be_known(
    alone: tuple[Terminal, dict[str, str]], tmp_path: Path
) -> None:
    _pay(alone, a_file(tmp_path, "EDITED", 3))
    edited = a_file(tmp_path, "EDITED", 3, {"Salary March": "Salary May"})
    code, rows = _pay(alone, edited)
    assert code == 2
    assert all("DU01" in str(row["reason"]) for row in rows)


def test_without_any_account_the_same_is_said_once_and_where_to_look(
    alone: tuple[Terminal, dict[str, str]], tmp_path: Path
) -> None:
    terminal, environment = alone
    file = a_file(tmp_path, "NOBODY", 12)
    ran = terminal.run("pay", str(file), *AS_OF, **{**environment, "FINALITY_DEBTORS": "{}"})
    assert ran.code == 2
    assert "does `finality up` run in this folder?" in ran.out
    assert ran.out.count("is not mapped to an account") == 1
    assert "1 and 11 more" in ran.out


def test_under_a_halt_it_says_why_nothing_is_sent(
    alone: tuple[Terminal, dict[str, str]], tmp_path: Path
) -> None:
    terminal, environment = alone
    environment["FINALITY_OPERATORS"] = json.dumps({"alice": "a secret of alice's"})
    environment["FINALITY_OPERATOR_SECRET"] = "a secret of alice's"
    terminal.run("halt", "--by", "alice", "--why", "audit", **environment)
    file = a_file(tmp_path, "HALTED", 3)
    ran = terminal.run("pay", str(file), *AS_OF, "--wait", "0", **environment)
    assert ran.code == 0
    assert "Sending is halted" in ran.out
