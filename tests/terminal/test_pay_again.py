"""A file given again: what was paid is shown as it stands, whatever speaks against the rest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.terminal.conftest import Alone
from tests.terminal.homes import as_operator, enrolled
from tests.terminal.test_pay import AS_OF, a_file

_BAD_NAME = {"<Nm>Bakkerij De Molen</Nm>": f"<Nm>{'B' * 71}</Nm>"}


def _pay(
    alone: Alone, file: Path, *options: str, **changed: str
) -> tuple[int, list[dict[str, Any]]]:
    ran = alone.run("pay", str(file), *AS_OF, "--wait", "0", "--json", *options, **changed)
    return ran.code, ran.rows


def test_with_the_bad_lines_no_longer_left_out(alone: Alone, tmp_path: Path) -> None:
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
    told = alone.run("pay", str(file), *AS_OF, "--wait", "0").out
    assert "Known from an earlier run" in told
    assert "Nothing new is paid. Pay the others" in told
    assert all(payment_id in told for payment_id in paid)


def test_with_its_account_mapped_no_more(alone: Alone, tmp_path: Path) -> None:
    file = a_file(tmp_path, "GONE", 3)
    _, first = _pay(alone, file)
    code, again = _pay(alone, file, FINALITY_DEBTORS="{}")
    assert code == 0
    assert [row["payment_id"] for row in again] == [row["payment_id"] for row in first]


def test_with_other_content_nothing_is_said_to_be_known(alone: Alone, tmp_path: Path) -> None:
    _pay(alone, a_file(tmp_path, "EDITED", 3))
    edited = a_file(tmp_path, "EDITED", 3, {"Salary March": "Salary May"})
    code, rows = _pay(alone, edited)
    assert code == 2
    assert all("DU01" in str(row["reason"]) for row in rows)
    assert all("`finality file show EDITED`" in str(row["reason"]) for row in rows)


def test_with_a_signature_that_is_none(alone: Alone, tmp_path: Path) -> None:
    file = a_file(tmp_path, "UNSIGNED", 3)
    _, first = _pay(alone, file)
    code, again = _pay(alone, file, "--operator", "mallory")
    assert code == 2
    assert [row["payment_id"] for row in again] == [row["payment_id"] for row in first]


def test_without_any_account_the_same_is_said_once_and_where_to_look(
    alone: Alone, tmp_path: Path
) -> None:
    file = a_file(tmp_path, "NOBODY", 12)
    ran = alone.run("pay", str(file), *AS_OF, FINALITY_DEBTORS="{}")
    assert ran.code == 2
    assert "Does `finality up` run in this folder?" in ran.out
    assert ran.out.count("is not mapped to an account") == 1
    assert "1 and 11 more" in ran.out


def test_under_a_halt_it_says_why_nothing_is_sent(alone: Alone, tmp_path: Path) -> None:
    alone.run("list")  # Makes the store.
    enrolled(alone.terminal.home)
    alice = as_operator(alone.terminal.home, "alice")
    alone.run("halt", "--by", "alice", "--why", "audit", **alice)
    file = a_file(tmp_path, "HALTED", 3)
    ran = alone.run("pay", str(file), *AS_OF, "--wait", "0", **alice)
    assert ran.code == 0
    assert "not sent yet: sending is halted" in ran.out


def test_beside_a_possible_duplicate_its_known_lines_are_shown(
    alone: Alone, tmp_path: Path
) -> None:
    code, [earlier, *_] = _pay(alone, a_file(tmp_path, "EARLIER", 3))
    assert code == 0
    file = a_file(tmp_path, "BESIDE", 3, {"BESIDE-0000": "EARLIER-0000"})
    code, first = _pay(alone, file, "--skip-invalid")
    known = {row["payment_id"] for row in first if row["payment_id"]}
    assert (code, len(known)) == (1, 2)
    code, again = _pay(alone, file)
    assert code == 2
    assert {row["payment_id"] for row in again if row["payment_id"]} == known
    told = alone.run("pay", str(file), *AS_OF, "--wait", "0").out
    assert all(payment_id in told for payment_id in known)
    assert f"--acknowledge {earlier['payment_id']}" in told
