"""The first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from store.columns import Moment

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "files",
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("file_key", sa.String(), nullable=False),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.Column("taken_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "file_key"),
    )
    op.create_table(
        "inbox",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("partner", sa.String(), nullable=False),
        sa.Column("event_key", sa.String(), nullable=False),
        sa.Column("payment_id", sa.String(), nullable=True),
        sa.Column("partner_reference", sa.String(), nullable=True),
        sa.Column("received_at", Moment(), nullable=False),
        sa.Column("read_at", Moment(), nullable=True),
        sa.Column("body_sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
        sa.UniqueConstraint("partner", "event_key", name="uq_inbox_event"),
    )
    with op.batch_alter_table("inbox", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_inbox_partner_reference"), ["partner_reference"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_inbox_payment_id"), ["payment_id"], unique=False)

    op.create_table(
        "partner_accounts",
        sa.Column("partner", sa.String(), nullable=False),
        sa.Column("login_hash", sa.String(), nullable=False),
        sa.Column("credentials_hash", sa.String(), nullable=False),
        sa.Column("token_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("token_at", Moment(), nullable=True),
        sa.Column("leased_until", Moment(), nullable=True),
        sa.Column("leased_by", sa.String(), nullable=True),
        sa.Column("failures_in_row", sa.Integer(), nullable=False),
        sa.Column("refused_why", sa.String(), nullable=True),
        sa.Column("refused_at", Moment(), nullable=True),
        sa.Column("refused_hash", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("partner", "login_hash"),
    )
    op.create_table(
        "payments",
        sa.Column("payment_id", sa.String(), nullable=False),
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.Column("fingerprint_version", sa.Integer(), nullable=False),
        sa.Column("partner", sa.String(), nullable=False),
        sa.Column("partner_account", sa.String(), nullable=False),
        sa.Column("rail", sa.String(), nullable=False),
        sa.Column("end_to_end_hash", sa.String(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("creditor_masked", sa.String(), nullable=False),
        sa.Column("order_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("profile_json", sa.Text(), nullable=False),
        sa.Column("submit_before", Moment(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("certainty", sa.String(), nullable=False),
        sa.Column("payment_json", sa.Text(), nullable=False),
        sa.Column("evidence_hash", sa.String(), nullable=False),
        sa.Column("is_over", sa.Boolean(), nullable=False),
        sa.Column("reads", sa.Integer(), nullable=False),
        sa.Column("last_asked_at", Moment(), nullable=True),
        sa.Column("not_before", Moment(), nullable=True),
        sa.Column("waiting_for", sa.String(), nullable=True),
        sa.Column("needs_person", sa.Boolean(), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("updated_at", Moment(), nullable=False),
        sa.Column("started_at", Moment(), nullable=True),
        sa.PrimaryKeyConstraint("payment_id"),
        sa.UniqueConstraint("tenant", "key", name="uq_payments_tenant_key"),
    )
    with op.batch_alter_table("payments", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_payments_end_to_end_hash"), ["end_to_end_hash"], unique=False
        )
        batch_op.create_index("ix_payments_open", ["is_over", "payment_id"], unique=False)

    op.create_table(
        "exchanges",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("payment_id", sa.String(), nullable=False),
        sa.Column("instruction_id", sa.String(), nullable=False),
        sa.Column("report_id", sa.String(), nullable=True),
        sa.Column("heard_at", Moment(), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("exchange_sealed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["payment_id"],
            ["payments.payment_id"],
        ),
        sa.PrimaryKeyConstraint("number"),
    )
    with op.batch_alter_table("exchanges", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_exchanges_payment_id"), ["payment_id"], unique=False)

    op.create_table(
        "instructions",
        sa.Column("instruction_id", sa.String(), nullable=False),
        sa.Column("payment_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("partner", sa.String(), nullable=False),
        sa.Column("partner_account", sa.String(), nullable=False),
        sa.Column("partner_reference", sa.String(), nullable=True),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("request_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("request_generation", sa.Integer(), nullable=False),
        sa.Column("closed", sa.String(), nullable=True),
        sa.Column("closed_at", Moment(), nullable=True),
        sa.ForeignKeyConstraint(
            ["payment_id"],
            ["payments.payment_id"],
        ),
        sa.PrimaryKeyConstraint("instruction_id"),
        sa.UniqueConstraint(
            "partner", "partner_account", "partner_reference", name="uq_instructions_reference"
        ),
    )
    with op.batch_alter_table("instructions", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_instructions_payment_id"), ["payment_id"], unique=False
        )

    op.create_table(
        "movements",
        sa.Column("payment_id", sa.String(), nullable=False),
        sa.Column("movement_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("booked_at", Moment(), nullable=True),
        sa.ForeignKeyConstraint(
            ["payment_id"],
            ["payments.payment_id"],
        ),
        sa.PrimaryKeyConstraint("payment_id", "movement_id"),
    )
    op.create_table(
        "reports",
        sa.Column("report_id", sa.String(), nullable=False),
        sa.Column("payment_id", sa.String(), nullable=False),
        sa.Column("instruction_id", sa.String(), nullable=False),
        sa.Column("report_json", sa.Text(), nullable=False),
        sa.Column("heard_at", Moment(), nullable=False),
        sa.ForeignKeyConstraint(
            ["payment_id"],
            ["payments.payment_id"],
        ),
        sa.PrimaryKeyConstraint("report_id"),
    )
    with op.batch_alter_table("reports", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_reports_payment_id"), ["payment_id"], unique=False)

    op.create_table(
        "states",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("payment_id", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("certainty", sa.String(), nullable=False),
        sa.Column("entered_at", Moment(), nullable=False),
        sa.ForeignKeyConstraint(
            ["payment_id"],
            ["payments.payment_id"],
        ),
        sa.PrimaryKeyConstraint("number"),
    )
    with op.batch_alter_table("states", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_states_payment_id"), ["payment_id"], unique=False)

    op.create_table(
        "tasks",
        sa.Column("task_id", sa.String(), nullable=False),
        sa.Column("payment_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("question", sa.Text(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("due_at", Moment(), nullable=False),
        sa.Column("opened_at", Moment(), nullable=False),
        sa.Column("closed_at", Moment(), nullable=True),
        sa.ForeignKeyConstraint(
            ["payment_id"],
            ["payments.payment_id"],
        ),
        sa.PrimaryKeyConstraint("task_id"),
    )
    with op.batch_alter_table("tasks", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_tasks_payment_id"), ["payment_id"], unique=False)

    op.create_table(
        "attempts",
        sa.Column("instruction_id", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("opened_at", Moment(), nullable=False),
        sa.Column("write_before", Moment(), nullable=False),
        sa.Column("ends_by", Moment(), nullable=False),
        sa.Column("result", sa.String(), nullable=False),
        sa.Column("answer", sa.String(), nullable=True),
        sa.Column("closed_at", Moment(), nullable=True),
        sa.Column("server_error", sa.Boolean(), nullable=False),
        sa.Column("not_before", Moment(), nullable=True),
        sa.Column("why", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["instruction_id"],
            ["instructions.instruction_id"],
        ),
        sa.PrimaryKeyConstraint("instruction_id", "number"),
    )
    op.create_table(
        "lookups",
        sa.Column("instruction_id", sa.String(), nullable=False),
        sa.Column("asked_at", Moment(), nullable=False),
        sa.Column("result", sa.String(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["instruction_id"],
            ["instructions.instruction_id"],
        ),
        sa.PrimaryKeyConstraint("instruction_id", "asked_at"),
    )


def downgrade() -> None:
    op.drop_table("lookups")
    op.drop_table("attempts")
    with op.batch_alter_table("tasks", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_tasks_payment_id"))

    op.drop_table("tasks")
    with op.batch_alter_table("states", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_states_payment_id"))

    op.drop_table("states")
    with op.batch_alter_table("reports", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_reports_payment_id"))

    op.drop_table("reports")
    op.drop_table("movements")
    with op.batch_alter_table("instructions", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_instructions_payment_id"))

    op.drop_table("instructions")
    with op.batch_alter_table("exchanges", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_exchanges_payment_id"))

    op.drop_table("exchanges")
    with op.batch_alter_table("payments", schema=None) as batch_op:
        batch_op.drop_index("ix_payments_open")
        batch_op.drop_index(batch_op.f("ix_payments_end_to_end_hash"))

    op.drop_table("payments")
    op.drop_table("partner_accounts")
    with op.batch_alter_table("inbox", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_inbox_payment_id"))
        batch_op.drop_index(batch_op.f("ix_inbox_partner_reference"))

    op.drop_table("inbox")
    op.drop_table("files")
