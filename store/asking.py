"""The tasks of a resource: each question is open once, and closed when it is no longer asked."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlmodel import Session

from domain.lifecycle.change import Change, ChangeKind
from domain.lifecycle.questions import TASK_DUE_WITHIN, Question
from store.changes import events_of
from store.page import page_of
from store.tables.lifecycles import LifecycleRow
from store.tables.people import TaskRow


def write_tasks(
    rows: Sequence[TaskRow], resource_id: str, questions: Mapping[str, Question], now: datetime
) -> tuple[list[TaskRow], list[Change]]:
    """Open a task for each question, and close tasks whose question is no longer asked.

    Args:
        rows: all tasks about the resource, open or closed.
        questions: by their kind.

    Returns:
        The tasks that are new, for the caller to store, and what changed.
    """
    known = {row.task_id: row for row in rows}
    open_before = {row.task_id for row in rows if row.closed_at is None}
    wanted = [_ask(known, resource_id, kind, questions[kind], now) for kind in questions]
    ids = {row.task_id for row in wanted}
    changes = [_change(ChangeKind.TASK_OPENED, row) for row in wanted
               if row.task_id not in open_before]  # fmt: skip
    for row in rows:
        if row.task_id not in ids and row.closed_at is None:
            row.closed_at = now
            changes.append(_change(ChangeKind.TASK_CLOSED, row))
    return [row for row in wanted if row.task_id not in known], changes


def ask(
    session: Session, resource: LifecycleRow, kind: str, question: Question, now: datetime
) -> None:
    """Open a task about a resource that cannot be folded. The same question is open only once.

    The next fold closes it, like every question that is no longer asked.

    Args:
        resource: its row, locked.
    """
    page = page_of(session, resource.resource_id)
    known = {row.task_id: row for row in page.tasks}
    open_before = {row.task_id for row in page.tasks if row.closed_at is None}
    asked = _ask(known, resource.resource_id, kind, question, now)
    if asked.task_id not in known:
        page.add(asked)
    if asked.task_id not in open_before:
        session.add_all(events_of(resource, [_change(ChangeKind.TASK_OPENED, asked)], now))


def _change(kind: ChangeKind, row: TaskRow) -> Change:
    return Change(kind, {"task_id": row.task_id, "task_kind": row.kind})


def _ask(
    known: Mapping[str, TaskRow],
    resource_id: str,
    kind: str,
    question: Question,
    now: datetime,
) -> TaskRow:
    """The task of this question, opened unless it is open."""
    asked = f"{resource_id}\x1f{kind}\x1f{question.text}"
    task_id = f"task_{hashlib.sha256(asked.encode()).hexdigest()[:20]}"
    due_at = question.due_at or now + TASK_DUE_WITHIN
    row = known.get(task_id)
    if row is None:
        row = TaskRow(
            task_id=task_id,
            resource_id=resource_id,
            kind=kind,
            question=question.text,
            owner=question.owner,
            due_at=due_at,
            opened_at=now,
        )
    elif row.closed_at is not None:
        row.closed_at, row.due_at = None, due_at
    return row
