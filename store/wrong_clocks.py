"""The task about a machine whose clock is wrong: one per machine."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Final

from sqlmodel import Session

from domain.lifecycle.questions import TASK_DUE_WITHIN, TASK_OWNER
from store.locks import hold
from store.tables.people import TaskRow

#: The kind of the question.
CLOCK: Final = "clock"


def ask_to_set(session: Session, process: str, differences: str, now: datetime) -> None:
    """Open a task that asks people to set the clock of the process's machine, unless it is open.

    While every process waits for its clock, no payment is worked on, so nothing else would ask. A
    person may close the task if the machine is gone. It opens again if the clock is still wrong.

    Args:
        process: `machine/pid`.
        differences: how far its clock is from the others, in words.
    """
    hold(session, CLOCK)
    task_id = _task_id(process)
    task = session.get(TaskRow, task_id)
    if task is not None and task.closed_at is None:
        return
    session.merge(
        TaskRow(
            task_id=task_id,
            kind=CLOCK,
            question=(
                f"The clock of {process} is {differences}. This process does nothing until the "
                "clocks agree. Set its clock with NTP. If every process reports this, check the "
                "other clock."
            ),
            owner=TASK_OWNER,
            due_at=now + TASK_DUE_WITHIN,
            opened_at=now,
        )
    )


def close_set(session: Session, process: str, now: datetime) -> None:
    """Close the task about the clock of the process's machine, if it is open."""
    task = session.get(TaskRow, _task_id(process), with_for_update=True)
    if task is not None and task.closed_at is None:
        task.closed_at = now
        session.add(task)


def _task_id(process: str) -> str:
    """The id of the machine's task. All its processes share it, so the next one can close it."""
    named = "\x1f".join((CLOCK, process.rpartition("/")[0] or process))
    return f"task_{hashlib.sha256(named.encode()).hexdigest()[:20]}"
