"""Objects that are made at a partner before payments, each once."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from store.columns import Moment

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    # What earlier releases made is found by its reference, and then kept here.
    op.create_table(
        "prepared",
        sa.Column("partner", sa.String(), nullable=False),
        sa.Column("place", sa.String(), nullable=False),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("identity_hash", sa.String(), nullable=False),
        sa.Column("reference", sa.String(), nullable=True),
        sa.Column("shown_hash", sa.String(), nullable=True),
        sa.Column("made_at", Moment(), nullable=True),
        sa.Column("leased_until", Moment(), nullable=True),
        sa.Column("leased_by", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("partner", "place", "purpose", "identity_hash"),
    )
