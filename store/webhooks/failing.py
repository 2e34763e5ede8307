"""The task about a webhook endpoint that nothing reaches: one per endpoint."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Final

from sqlmodel import Session

from domain.lifecycle.questions import TASK_OWNER
from store.tables.people import TaskRow

#: The kind of the question.
WEBHOOK_FAILING: Final = "webhook_failing"


def ask_to_mend(
    session: Session, tenant: str, endpoint_id: str, since: datetime, due_at: datetime,
    now: datetime,
) -> None:  # fmt: skip
    """Open a task that asks people to have the receiver mended, until the endpoint is disabled.

    The caller holds the endpoint's row. The task closes itself when the endpoint answers again.
    """
    session.merge(
        TaskRow(
            task_id=_task_id(endpoint_id),
            kind=WEBHOOK_FAILING,
            question=(
                f"Webhook endpoint {endpoint_id} of tenant {tenant} has accepted nothing since "
                f"{since:%Y-%m-%d %H:%M} UTC. If it accepts nothing until "
                f"{due_at:%Y-%m-%d %H:%M} UTC, it is disabled. Tell its owner. `finality webhooks "
                f"deliveries {endpoint_id}` shows what it answered."
            ),
            owner=TASK_OWNER,
            due_at=due_at,
            opened_at=now,
        )
    )


def close_failing(session: Session, endpoint_id: str, now: datetime) -> None:
    """Close the task about the endpoint, if it is open."""
    task = session.get(TaskRow, _task_id(endpoint_id), with_for_update=True)
    if task is not None and task.closed_at is None:
        task.closed_at = now
        session.add(task)


def _task_id(endpoint_id: str) -> str:
    named = "\x1f".join((WEBHOOK_FAILING, endpoint_id))
    return f"task_{hashlib.sha256(named.encode()).hexdigest()[:20]}"
