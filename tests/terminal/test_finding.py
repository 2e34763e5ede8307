"""`list` and `show` by what people know of a payment."""

from __future__ import annotations

from pathlib import Path

import pytest

from local.demo_file import EXECUTION_DATE
from store.keyring import Keyring
from tests.terminal.conftest import Terminal
from tests.terminal.test_pay import a_file


def test_a_payment_is_listed_and_shown_by_its_reference_and_its_file(
    terminal: Terminal, tmp_path: Path
) -> None:
    file = a_file(tmp_path, "FIND")
    rows = terminal.run("pay", str(file), "--as-of", EXECUTION_DATE.isoformat(), "--json").rows
    first = rows[0]
    (found,) = terminal.run("list", "--end-to-end-id", first["end_to_end_id"], "--json").rows
    assert found["payment_id"] == first["payment_id"]
    of_file = terminal.run("list", "--file", "FIND", "--json").rows
    assert {row["payment_id"] for row in of_file} == {row["payment_id"] for row in rows}
    shown = terminal.run("show", "--end-to-end-id", first["end_to_end_id"])
    assert shown.code == 0
    assert first["payment_id"] in shown.out
    cut = terminal.run("list", "--file", "FIND", "--limit", "1")
    assert (cut.code, "there are more; --limit" in cut.err) == (0, len(rows) > 1)


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("list", "--amount", "12"), "12.50EUR"),
        (("list", "--amount", "1.234EUR"), "finer than the currency"),
        (("list", "--state", "paid"), "there is no 'paid'; known: "),
        (("list", "--day", "yesterday"), "--day"),
        (("show",), "options that find the payment"),
        (("show", "pay_1", "--tenant", "shop"), "not both"),
        (("show", "--creditor", "Nobody"), "no payment matches"),
    ],
)
def test_a_search_that_cannot_be_made_or_finds_nothing_says_why(
    tmp_path: Path, command: tuple[str, ...], said: str
) -> None:
    Keyring.make(tmp_path / "keyring")
    ran = Terminal(tmp_path).run(*command)
    assert ran.code == 2
    # A terminal's frame around an error breaks its lines.
    assert said in " ".join(ran.err.replace("│", " ").split())


def test_the_version_is_printed_alone(tmp_path: Path) -> None:
    ran = Terminal(tmp_path).run("--version")
    assert (ran.code, ran.out.startswith("finality "), ran.out.count("\n")) == (0, True, 1)
