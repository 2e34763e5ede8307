"""A process of ours that ends with us."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from local.child import start_child
from tests.local.machine import ROOT
from tests.polling import until

START_A_CHILD_AND_WAIT = """
import pathlib, sys
from local.child import start_child
child = start_child(["/bin/sh", "-c", sys.argv[1]], log_file=pathlib.Path(sys.argv[2]))
print(child.pid, flush=True)
sys.stdin.read()
"""


def test_it_gets_our_environment_and_prints_to_its_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("before\n")
    child = start_child(["/bin/sh", "-c", "echo $WORD $HOME"], log_file=log, env={"WORD": "hello"})
    assert child.wait() == 0
    assert log.read_text() == f"before\nhello {os.environ['HOME']}\n"


def test_a_log_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        start_child(["/bin/true"], log_file=tmp_path / "absent" / "log")


linux = pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux tells a child of its parent's end"
)


@linux
def test_it_is_told_to_end_when_we_are_killed(tmp_path: Path) -> None:
    log = tmp_path / "log"
    script = "trap 'echo told; exit' TERM; echo ready; while :; do sleep 0.02; done"
    parent = subprocess.Popen(
        [sys.executable, "-c", START_A_CHILD_AND_WAIT, script, str(log)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
    )
    until(lambda: log.exists() and "ready" in log.read_text(), "the child's start")
    parent.kill()
    parent.communicate()
    until(lambda: "told" in log.read_text(), "the child's end")


@linux
def test_it_outlives_the_thread_that_asked_for_it(tmp_path: Path) -> None:
    letterbox = tmp_path / "letterbox"
    os.mkfifo(letterbox)
    children: list[subprocess.Popen[bytes]] = []
    asking = threading.Thread(
        target=lambda: children.append(
            start_child(["/bin/cat", str(letterbox)], log_file=tmp_path / "log")
        )
    )
    asking.start()
    thread = Path("/proc/self/task") / str(asking.native_id)
    asking.join()
    until(lambda: not thread.exists(), "the end of the thread")
    letterbox.write_text("still here\n")  # waits for a reader, so for the child
    assert children[0].wait() == 0
    assert (tmp_path / "log").read_text() == "still here\n"
