"""`finality file`: what became of a whole file, on a stack that runs."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from lxml import etree

from tests.terminal.conftest import Alone, Terminal
from tests.terminal.test_pay import AS_OF, a_file


def test_a_paid_file_is_listed_shown_told_and_too_late_to_cancel(
    terminal: Terminal, tmp_path: Path
) -> None:
    file = a_file(tmp_path, "WHOLE", 6)
    paid = terminal.run("pay", str(file), *AS_OF, "--json")
    assert paid.code == 0, paid.err
    ids = [row["payment_id"] for row in paid.rows]
    assert "WHOLE" in {row["message_id"] for row in terminal.run("file", "list", "--json").rows}

    shown = terminal.run("file", "show", "WHOLE", "--json").rows
    assert [row["payment_id"] for row in shown] == ids
    assert {row["state"] for row in shown} == {"settled"}

    out = tmp_path / "status.xml"
    told = terminal.run("file", "status", "WHOLE", "--out", str(out))
    assert told.code == 0, told.err
    root = etree.parse(out).getroot()
    assert len(list(root.iterfind(".//{*}TxSts"))) == 6
    assert [one.text for one in root.iterfind(".//{*}OrgnlMsgId")] == ["WHOLE"]

    for _ in range(2):
        cancelled = terminal.run("file", "cancel", "WHOLE", "--json")
        assert cancelled.code == 1
        assert [row["payment_id"] for row in cancelled.rows] == ids
        assert {row["outcome"] for row in cancelled.rows} == {"too_late"}
        assert {row["state"] for row in cancelled.rows} == {"settled"}


def test_a_file_that_was_not_sent_is_cancelled_whole(alone: Alone, tmp_path: Path) -> None:
    file = a_file(tmp_path, "UNSENT", 4)
    paid = alone.run("pay", str(file), *AS_OF, "--wait", "0", "--json")
    one = alone.run("cancel", paid.rows[0]["payment_id"], "--json").rows[0]
    assert (one["file"], one["line"], one["key"]) == ("UNSENT", 1, paid.rows[0]["key"])
    cancelled = alone.run("file", "cancel", "UNSENT", "--json")
    assert cancelled.code == 0
    assert [row["payment_id"] for row in cancelled.rows] == [r["payment_id"] for r in paid.rows]
    assert {(row["outcome"], row["state"]) for row in cancelled.rows} == {("done", "cancelled")}
    told = alone.run("file", "cancel", "UNSENT")
    assert (told.code, "4 of 4 payments are cancelled." in told.out) == (0, True)


def test_a_message_id_that_begins_with_a_dash_is_no_option(alone: Alone, tmp_path: Path) -> None:
    file = a_file(tmp_path, "-DASH-1", 3)
    assert alone.run("pay", f"./{file.name}", *AS_OF, "--wait", "0").code == 2, "another folder"
    assert alone.run("pay", str(file), *AS_OF, "--wait", "0").code == 0
    assert len(alone.run("file", "show", "-DASH-1", "--json").rows) == 3
    assert alone.run("file", "status", "-DASH-1", "--json").rows[0]["file"] == "-DASH-1"
    misspelt = alone.run("file", "cancel", "-DASH-1", "--wiat", "0")
    assert misspelt.code == 2
    assert "extra argument" in misspelt.err
    assert alone.run("file", "cancel", "-DASH-1").code == 0


def test_a_file_of_which_nothing_was_recorded_is_not_said_cancelled(
    alone: Alone, tmp_path: Path
) -> None:
    file = a_file(tmp_path, "REFUSED", 3)
    assert alone.run("pay", str(file), *AS_OF, "--wait", "0", "--json").code == 0
    _unrecord(alone, "")
    ran = alone.run("file", "cancel", "REFUSED")
    assert ran.code == 2
    assert "no line of 'REFUSED' has a payment to cancel" in ran.err


def test_lines_not_recorded_yet_keep_a_cancel_from_being_whole(
    alone: Alone, tmp_path: Path
) -> None:
    file = a_file(tmp_path, "PARTLY", 3)
    [first, *_] = alone.run("pay", str(file), *AS_OF, "--wait", "0", "--json").rows
    _unrecord(alone, first["payment_id"])
    ran = alone.run("file", "cancel", "PARTLY")
    assert ran.code == 1
    assert "1 of 1 payments are cancelled." in ran.out
    assert "2 lines are not recorded" in ran.out


def _unrecord(alone: Alone, but: str) -> None:
    """As if the process had died between keeping the lines and recording their payments."""
    database = sqlite3.connect(alone.terminal.home / "finality.db")
    with database:
        database.execute("UPDATE lifecycles SET key = 'other' || key WHERE resource_id != ?", [but])
    database.close()


def test_a_file_that_nobody_took_is_named(terminal: Terminal) -> None:
    for command in ("show", "status", "cancel"):
        ran = terminal.run("file", command, "NO-SUCH-FILE")
        assert ran.code == 2
        assert "NO-SUCH-FILE" in ran.err


def test_a_version_that_is_not_there_is_answered_with_those_that_are(terminal: Terminal) -> None:
    ran = terminal.run("file", "status", "X", "--version", "pain.002.001.99")
    assert ran.code == 2
    assert "pain.002.001.14" in ran.err
