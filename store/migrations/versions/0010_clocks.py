"""The clocks of our processes, and which payments were last written by one that was ahead."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from store.columns import Moment

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.create_table(
        "clocks",
        sa.Column("process", sa.String(), nullable=False),
        sa.Column("read_at", Moment(), nullable=False),
        sa.Column("ahead_of_temporal_ms", sa.BigInteger(), nullable=False),
        sa.Column("ahead_of_database_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("process"),
    )
    op.create_index("ix_clocks_read_at", "clocks", ["read_at"], unique=False)
    op.create_index("ix_payments_updated_at", "payments", ["updated_at"], unique=False)
