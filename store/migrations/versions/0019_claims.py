"""Amounts that captures and refunds claim, and the sealed addresses at which payers act."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from store.columns import Moment

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    op.create_table(
        "claims",
        sa.Column("instruction_id", sa.String(), nullable=False),
        sa.Column("payment_id", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("claimed_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("instruction_id"),
        sa.ForeignKeyConstraint(["instruction_id"], ["instructions.instruction_id"]),
        sa.ForeignKeyConstraint(["payment_id"], ["payments.payment_id"]),
    )
    op.create_index("ix_claims_payment_id", "claims", ["payment_id"])
    op.create_table(
        "actions",
        sa.Column("report_id", sa.String(), nullable=False),
        sa.Column("resource_id", sa.String(), nullable=False),
        sa.Column("as_of", Moment(), nullable=False),
        sa.Column("url_sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("report_id"),
        sa.ForeignKeyConstraint(["report_id"], ["reports.report_id"]),
        sa.ForeignKeyConstraint(["resource_id"], ["lifecycles.resource_id"]),
    )
    op.create_index("ix_actions_resource_id", "actions", ["resource_id"])
