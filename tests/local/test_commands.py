"""Running somebody else's tool."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from local.commands import CommandFailed, run
from local.progress import StderrProgress
from tests.polling import until


def quiet(what: str, elapsed: timedelta) -> None: ...


def test_what_a_command_printed_is_returned() -> None:
    text = run(
        ["/bin/sh", "-c", "echo $WORD; echo err >&2"],
        what="",
        progress=quiet,
        limit=timedelta(seconds=10),
        env={"WORD": "out"},
    )
    assert text == "out\nerr\n"


def test_a_failure_tells_the_last_words() -> None:
    with pytest.raises(CommandFailed, match=r"sh ended with exit code 3: line 5\n") as caught:
        run(
            ["/bin/sh", "-c", "for i in 1 2 3 4 5 6 7 8 9 10 11 12; do echo line $i; done; exit 3"],
            what="",
            progress=quiet,
            limit=timedelta(seconds=10),
        )
    assert str(caught.value).endswith("line 12")


def test_a_command_that_cannot_be_started_is_a_failure() -> None:
    with pytest.raises(CommandFailed, match="/absent could not be started: No such file"):
        run(["/absent"], what="", progress=quiet, limit=timedelta(seconds=10))


def test_a_command_that_takes_too_long_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    with pytest.raises(CommandFailed, match="sh did not end within 1 s"):
        run(
            ["/bin/sh", "-c", f"sleep 1000 & echo $! > {note}; wait"],
            what="",
            progress=quiet,
            limit=timedelta(seconds=1),
        )
    started = Path("/proc") / note.read_text().strip()
    if Path("/proc/self").exists():
        until(lambda: _gone(started), "the end of what the command started")


def test_the_person_who_waits_is_told_what_and_for_how_long(tmp_path: Path) -> None:
    told: list[tuple[str, timedelta]] = []
    go_on = tmp_path / "go-on"

    def hear(what: str, elapsed: timedelta) -> None:
        told.append((what, elapsed))
        if len(told) == 2:
            go_on.touch()

    run(
        ["/bin/sh", "-c", f"while [ ! -e {go_on} ]; do sleep 0.02; done"],
        what="building",
        progress=hear,
        limit=timedelta(seconds=30),
    )
    assert [what for what, _ in told] == ["building", "building"]
    assert timedelta(seconds=1) <= told[0][1] < told[1][1]


def test_in_a_log_a_line_comes_at_once_and_then_every_15_seconds(
    capsys: pytest.CaptureFixture[str],
) -> None:
    progress = StderrProgress()
    for second in range(32):
        progress("building", timedelta(seconds=second))
    progress("fetching", timedelta(seconds=1))
    progress.done()
    assert capsys.readouterr().err.splitlines() == [
        "building … 0 s",
        "building … 15 s",
        "building … 30 s",
        "fetching … 1 s",
    ]


def _gone(process: Path) -> bool:
    """Ended, if perhaps not yet collected by its parent."""
    try:
        return " Z " in (process / "stat").read_text()
    except FileNotFoundError:
        return True
