"""`finality file`: what became of a whole file, on a stack that runs."""

from __future__ import annotations

from pathlib import Path

from lxml import etree

from local.demo_file import demo_file
from messages.pain001 import read
from tests.terminal.conftest import Terminal


def test_a_paid_file_is_listed_shown_told_and_too_late_to_cancel(
    terminal: Terminal, tmp_path: Path
) -> None:
    path = tmp_path / "file.xml"
    path.write_bytes(demo_file(24))
    message_id = read(path).message_id
    paid = terminal.run(
        "pay", str(path), "--as-of", "2026-03-17", "--skip-invalid", "--wait", "5", "--json"
    )
    ids = {row["payment_id"] for row in paid.rows if row.get("payment_id")}
    assert ids, paid.err
    assert message_id in {row["message_id"] for row in terminal.run("file", "list", "--json").rows}

    shown = terminal.run("file", "show", message_id, "--json").rows
    assert len(shown) == 24
    assert {row["payment_id"] for row in shown if row["payment_id"]} == ids
    assert all(row["payment_id"] or row["refusals"] for row in shown)

    out = tmp_path / "status.xml"
    told = terminal.run("file", "status", message_id, "--out", str(out))
    assert told.code == 0, told.err
    root = etree.parse(out).getroot()
    assert len(list(root.iterfind(".//{*}TxSts"))) == 24
    assert [one.text for one in root.iterfind(".//{*}OrgnlMsgId")] == [message_id]

    first = terminal.run("file", "cancel", message_id, "--wait", "0", "--json")
    again = terminal.run("file", "cancel", message_id, "--wait", "0", "--json")
    assert {row["payment_id"] for row in first.rows} == ids
    assert [row["line"] for row in again.rows] == [row["line"] for row in first.rows]
    everything_done = all(row["outcome"] == "done" for row in again.rows)
    assert (again.code == 0) == everything_done


def test_a_file_that_nobody_took_is_named(terminal: Terminal) -> None:
    for command in ("show", "status", "cancel"):
        ran = terminal.run("file", command, "NO-SUCH-FILE")
        assert ran.code == 2
        assert "NO-SUCH-FILE" in ran.err


def test_a_version_that_is_not_there_is_answered_with_those_that_are(terminal: Terminal) -> None:
    ran = terminal.run("file", "status", "X", "--version", "pain.002.001.99")
    assert ran.code == 2
    assert "pain.002.001.14" in ran.err
