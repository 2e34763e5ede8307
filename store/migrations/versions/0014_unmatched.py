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
    op.add_column("inbox", sa.Column("asked_at", Moment(), nullable=True))
    for name, table, columns, that in (
        ("ix_tasks_open", "tasks", ["due_at", "task_id"], _lacks("closed_at")),
        ("ix_inbox_unmatched", "inbox", ["received_at", "number"],
         _lacks("payment_id") & _lacks("asked_at")),
    ):  # fmt: skip
        op.create_index(name, table, columns, sqlite_where=that, postgresql_where=that)


def _lacks(name: str) -> sa.ColumnElement[bool]:
    return sa.column(name).is_(None)
