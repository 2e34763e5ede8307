"""Commands, halts, waits, and what makes two orders the same payment."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from store.columns import Moment

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "commands",
        sa.Column("payment_id", sa.String(), nullable=False),
        sa.Column("command_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("evidence_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("about", sa.String(), nullable=False),
        sa.Column("asked_at", Moment(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("outcome_at", Moment(), nullable=True),
        sa.Column("told_at", Moment(), nullable=True),
        sa.ForeignKeyConstraint(["payment_id"], ["payments.payment_id"]),
        sa.PrimaryKeyConstraint("payment_id", "command_id"),
    )
    op.create_index("ix_commands_told_at", "commands", ["told_at"], unique=False)
    op.create_table(
        "halts",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("partner", sa.String(), nullable=True),
        sa.Column("tenant", sa.String(), nullable=True),
        sa.Column("rail", sa.String(), nullable=True),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("halted_at", Moment(), nullable=False),
        sa.Column("lifted_at", Moment(), nullable=True),
        sa.Column("lifted_by", sa.String(), nullable=True),
        sa.Column("told_at", Moment(), nullable=True),
        sa.PrimaryKeyConstraint("number"),
    )
    # Payments of the first release have no intent hash: they are compared with nothing.
    with op.batch_alter_table("payments") as payments:
        payments.add_column(sa.Column("intent_hash", sa.String(), nullable=True))
        payments.add_column(sa.Column("intent_batch", sa.String(), nullable=True))
        payments.add_column(sa.Column("acknowledged", sa.String(), nullable=True))
        payments.add_column(sa.Column("acknowledged_by", sa.String(), nullable=True))
        for moment in (
            "submit_from",
            "execute_by",
            "gate_passed_at",
            "cancel_asked_at",
            "escalates_at",
            "owed_at",
        ):
            payments.add_column(sa.Column(moment, Moment(), nullable=True))
        payments.create_index(payments.f("ix_payments_escalates_at"), ["escalates_at"])
        payments.create_index(payments.f("ix_payments_owed_at"), ["owed_at"])
        payments.create_index(payments.f("ix_payments_intent_hash"), ["intent_hash"], unique=False)
    with op.batch_alter_table("instructions") as instructions:
        instructions.add_column(sa.Column("submit_before", Moment(), nullable=True))
        instructions.add_column(
            sa.Column("found_executed", sa.Boolean(), nullable=False, server_default=sa.false())
        )
    # Nothing was ever delivered to the first release: there are no rows to take over.
    with op.batch_alter_table("inbox") as inbox:
        inbox.drop_constraint("uq_inbox_event", type_="unique")
        inbox.add_column(
            sa.Column("partner_account", sa.String(), nullable=False, server_default="")
        )
        inbox.add_column(sa.Column("told_at", Moment(), nullable=True))
        inbox.create_unique_constraint(
            "uq_inbox_event", ["partner", "partner_account", "event_key"]
        )
        inbox.create_index("ix_inbox_unread", ["read_at", "told_at"], unique=False)
