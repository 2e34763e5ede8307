"""Everything regular is asked for by an indexed moment; what people look for has an index."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from store.columns import Moment

revision = "0004"
down_revision = "0003"

_PAYMENTS = sa.table(
    "payments",
    sa.column("is_over", sa.Boolean()),
    sa.column("owed_at", Moment()),
    sa.column("created_at", Moment()),
    sa.column("tell_at", Moment()),
)
_INBOX = sa.table(
    "inbox",
    sa.column("payment_id", sa.String()),
    sa.column("read_at", Moment()),
    sa.column("received_at", Moment()),
    sa.column("tell_at", Moment()),
)


def upgrade() -> None:
    op.drop_index("ix_inbox_unread", "inbox")
    with op.batch_alter_table("inbox") as inbox:
        inbox.add_column(sa.Column("tell_at", Moment(), nullable=True))
        inbox.drop_column("told_at")
    unread = _INBOX.c.read_at.is_(None) & _INBOX.c.payment_id.is_not(None)
    op.execute(sa.update(_INBOX).where(unread).values(tell_at=_INBOX.c.received_at))
    for name, table in (
        ("ix_payments_open", "payments"),
        ("ix_payments_escalates_at", "payments"),
        ("ix_payments_owed_at", "payments"),
        ("ix_commands_told_at", "commands"),
    ):
        op.drop_index(name, table)
    op.add_column("payments", sa.Column("tell_at", Moment(), nullable=True))
    # Payments that are open are told once: a run that died before the upgrade is found by it.
    owed_at = sa.func.coalesce(_PAYMENTS.c.owed_at, _PAYMENTS.c.created_at)
    is_open = _PAYMENTS.c.is_over.is_(False)
    op.execute(sa.update(_PAYMENTS).where(is_open).values(tell_at=owed_at))
    for name, table, columns, that in (
        ("ix_inbox_tell_at", "inbox", ["tell_at", "number"], _has("tell_at")),
        ("ix_payments_tell_at", "payments", ["tell_at", "payment_id"], _has("tell_at")),
        ("ix_payments_escalates_at", "payments", ["escalates_at", "payment_id"],
         _has("escalates_at")),
        ("ix_payments_unstarted", "payments", ["created_at", "payment_id"],
         _lacks("started_at") & sa.column("is_over", sa.Boolean()).is_(False)),
        ("ix_payments_created_at", "payments", ["created_at"], None),
        ("ix_payments_tenant", "payments", ["tenant", "created_at"], None),
        ("ix_payments_partner", "payments", ["partner", "partner_account", "created_at"], None),
        ("ix_payments_state", "payments", ["state", "created_at", "payment_id"], None),
        ("ix_payments_intent_batch", "payments", ["intent_batch", "created_at"],
         _has("intent_batch")),
        ("ix_tasks_open", "tasks", ["due_at", "task_id"], _lacks("closed_at")),
        ("ix_commands_untold", "commands", ["asked_at"], _lacks("told_at")),
    ):  # fmt: skip
        op.create_index(name, table, columns, sqlite_where=that, postgresql_where=that)


def _has(name: str) -> sa.ColumnElement[bool]:
    return sa.column(name).is_not(None)


def _lacks(name: str) -> sa.ColumnElement[bool]:
    return sa.column(name).is_(None)
