"""Turns to read, which payments take in two lines for each login."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from store.columns import Moment

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.create_table(
        "read_lines",
        sa.Column("partner", sa.String(), nullable=False),
        sa.Column("login_hash", sa.String(), nullable=False),
        sa.Column("soon_until", Moment(), nullable=False),
        sa.Column("late_until", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("partner", "login_hash"),
    )
    op.add_column("payments", sa.Column("read_turn_at", Moment(), nullable=True))
    op.add_column("payments", sa.Column("read_line", sa.String(), nullable=True))
