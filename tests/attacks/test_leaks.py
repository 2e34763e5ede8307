"""Attacks on what is written into logs and histories in clear."""

from __future__ import annotations

import pytest
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session

from store.tables.people import TaskRow
from tests.clock import START
from tests.store.books import Store


def test_a_failing_statement_does_not_tell_its_values(store: Store) -> None:
    def transaction(session: Session) -> None:
        session.add(
            TaskRow(
                task_id="t", resource_id="nobody's", kind="k", question="the aviary's rent",
                owner="o", due_at=START, opened_at=START,
            )
        )  # fmt: skip

    with pytest.raises(DBAPIError) as failed:
        store.database.write_now(transaction)
    assert "aviary" not in str(failed.value)
