"""Tasks about deliveries that match no payment."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from store.columns import Moment

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    # SQLite makes the table anew to drop NOT NULL: the index is made anew too, with its condition.
    op.drop_index("ix_tasks_open", "tasks")
    with op.batch_alter_table("tasks") as tasks:
        tasks.alter_column("payment_id", existing_type=sa.String(), nullable=True)
        for name in ("partner", "partner_account", "partner_reference", "closed_by"):
            tasks.add_column(sa.Column(name, sa.String(), nullable=True))
        tasks.add_column(sa.Column("closed_why", sa.Text(), nullable=True))
    op.add_column("inbox", sa.Column("unmatched_since", Moment(), nullable=True))
    op.execute("UPDATE inbox SET unmatched_since = received_at WHERE payment_id IS NULL")
    for name, table, columns, that in (
        ("ix_tasks_open", "tasks", ["due_at", "task_id"], _lacks("closed_at")),
        ("ix_inbox_unmatched", "inbox", ["unmatched_since", "number"], _has("unmatched_since")),
    ):
        op.create_index(name, table, columns, sqlite_where=that, postgresql_where=that)


def _has(name: str) -> sa.ColumnElement[bool]:
    return sa.column(name).is_not(None)


def _lacks(name: str) -> sa.ColumnElement[bool]:
    return sa.column(name).is_(None)
