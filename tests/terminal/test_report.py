"""`finality report`, as people and programs read it."""

from __future__ import annotations

import csv
from io import StringIO
from pathlib import Path

import pytest

from local.demo_file import EXECUTION_DATE
from store.keyring import Keyring
from tests.terminal.conftest import Terminal
from tests.terminal.test_pay import a_file


def test_what_was_paid_is_in_the_totals_for_people_and_for_programs(
    terminal: Terminal, tmp_path: Path
) -> None:
    file = a_file(tmp_path, "TOTALS")
    paid = terminal.run("pay", str(file), "--as-of", EXECUTION_DATE.isoformat(), "--json").rows
    rows = terminal.run("report", "payments", "--json").rows
    assert sum(row["recorded"] for row in rows) >= len(paid)
    lines = list(csv.DictReader(StringIO(terminal.run("report", "payments", "--csv").out)))
    assert [line["currency"] for line in lines] == [row["currency"] for row in rows]
    for row in rows:
        for unit in ("", "_minor"):
            outcomes = ("executed", "returned", "not_executed", "open")
            assert row[f"recorded{unit}"] == sum(row[f"{each}{unit}"] for each in outcomes)
    shown = terminal.run("report", "payments")
    assert (shown.code, rows[0]["partner"] in shown.out) == (0, True)
    assert terminal.run("report", "unresolved", "--csv").out.startswith("payment_id,tenant,")


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("report", "profits"), "there is no 'profits'; known: payments, fees, unresolved"),
        (("report", "fees", "--from", "2026-02-02", "--to", "2026-02-01"), "give a later day"),
        (("report", "fees", "--from", "2020-01-01"), "longer than 366 days"),
        (("report", "fees", "--csv", "--json"), "not both"),
    ],
)
def test_a_report_that_cannot_be_made_says_why(
    tmp_path: Path, command: tuple[str, ...], said: str
) -> None:
    Keyring.make(tmp_path / "keyring")
    ran = Terminal(tmp_path).run(*command)
    assert ran.code == 2
    # A terminal's frame around an error breaks its lines.
    assert said in " ".join(ran.err.replace("│", " ").split())


def test_a_day_without_payments_is_said_to_be_empty(tmp_path: Path) -> None:
    Keyring.make(tmp_path / "keyring")
    ran = Terminal(tmp_path).run("report", "payments", "--from", "2020-01-01", "--to", "2020-01-02")
    assert (ran.code, ran.out) == (0, "Nothing from 2020-01-01 to 2020-01-02.\n")
