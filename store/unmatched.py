"""The task about unmatched deliveries: one for each partner reference of an account."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Final, NamedTuple

from sqlmodel import Session

from domain.lifecycle.questions import TASK_DUE_WITHIN, TASK_OWNER
from store.tables.people import TaskRow

#: The kind of the question.
UNMATCHED: Final = "unmatched"


class Reference(NamedTuple):
    """What deliveries are about: a partner's own id, on one of our accounts."""

    partner: str
    account: str
    reference: str

    @property
    def task_id(self) -> str:
        """The id of its task. There is only ever one, so a dismissed task stays closed."""
        named = "\x1f".join((UNMATCHED, *self))
        return f"task_{hashlib.sha256(named.encode()).hexdigest()[:20]}"


def ask_whose(session: Session, about: Reference, since: datetime, now: datetime) -> bool:
    """Open a task that asks people about these deliveries. False if they were asked before."""
    if session.get(TaskRow, about.task_id) is not None:
        return False
    partner, account, reference = about
    session.add(
        TaskRow(
            task_id=about.task_id,
            partner=partner,
            partner_account=account,
            partner_reference=reference,
            kind=UNMATCHED,
            question=(
                f"{partner} has sent notifications about {reference} on account {account} since "
                f"{since:%Y-%m-%d %H:%M} UTC, but no payment has this reference. Find out whether "
                "they are about one of our payments."
            ),
            owner=TASK_OWNER,
            due_at=now + TASK_DUE_WITHIN,
            opened_at=now,
        )
    )
    return True


def close_matched(session: Session, about: Reference, now: datetime) -> None:
    """Close the task about deliveries whose payment is now known, if it is open."""
    task = session.get(TaskRow, about.task_id, with_for_update=True)
    if task is not None and task.closed_at is None:
        task.closed_at = now
        session.add(task)
