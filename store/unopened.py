"""Tasks about payments whose order cannot be opened, because its key is not in the keyring."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlmodel import Session, col, select

from domain.lifecycle.questions import Question
from store.asking import ask
from store.keyring import Keyring, KeyringError
from store.keys import missing, sealed_with
from store.tables.lifecycles import LifecycleRow
from store.tables.people import TaskRow

#: The kind of the question.
SEALED: Final = "sealed"


def ask_to_open(payment_id: str, why: KeyringError, now: datetime, session: Session) -> None:
    """Open a task that names the missing key. The next fold that opens the order closes it."""
    row = session.get_one(LifecycleRow, payment_id, with_for_update=True, populate_existing=True)
    ask(session, row, SEALED, Question(f"its order cannot be opened: {why}"), now)


def unopened(session: Session, keyring: Keyring, *, limit: int) -> list[str]:
    """Ids of open payments whose key is missing and that have no such task yet.

    If no key is missing any more, ids of payments that have such a task: they may open now.
    """
    asked = select(LifecycleRow.resource_id).where(
        LifecycleRow.resource_id == TaskRow.resource_id,
        TaskRow.kind == SEALED,
        col(TaskRow.closed_at).is_(None),
    )
    lacking = missing(session, keyring)
    if not lacking:
        return list(session.exec(asked.limit(limit)))
    found: list[str] = []
    for key_id in lacking:
        rows = (
            select(LifecycleRow.resource_id)
            .where(col(LifecycleRow.is_over).is_(False), sealed_with(key_id))
            .where(col(LifecycleRow.resource_id).not_in(asked))
            .order_by(LifecycleRow.resource_id)
            .limit(limit - len(found))
        )
        found += session.exec(rows)
    return found
