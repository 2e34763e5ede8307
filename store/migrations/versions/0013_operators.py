"""Operators with their public keys, what they signed, and what was refused."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from store.columns import Moment

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    # Operators of earlier releases were settings: they are enrolled anew, each with a key.
    op.create_table(
        "operators",
        sa.Column("key_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("added_at", Moment(), nullable=False),
        sa.Column("added_by", sa.String(), nullable=False),
        sa.Column("removed_at", Moment(), nullable=True),
        sa.Column("removed_by", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("key_id"),
    )
    op.create_index("ix_operators_name", "operators", ["name"], unique=False)
    op.create_table(
        "signatures",
        sa.Column("statement_hash", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("command_id", sa.String(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("statement", sa.Text(), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sa.Column("recorded_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("statement_hash"),
    )
    op.create_index("ix_signatures_subject", "signatures", ["kind", "subject"], unique=False)
    op.create_table(
        "refused_signatures",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("claimed", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("first_at", Moment(), nullable=False),
        sa.Column("last_at", Moment(), nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
    )
    op.create_index("ix_refused_signatures_claimed", "refused_signatures", ["claimed"])
    op.create_index("ix_refused_signatures_subject", "refused_signatures", ["subject"])
