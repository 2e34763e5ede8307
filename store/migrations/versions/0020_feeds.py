"""How far each partner's list of events was read."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from store.columns import Moment

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    op.create_table(
        "feeds",
        sa.Column("partner", sa.String(), nullable=False),
        sa.Column("partner_account", sa.String(), nullable=False),
        sa.Column("place", sa.String(), nullable=False),
        sa.Column("through", Moment(), nullable=False),
        sa.Column("cursor", sa.String(), nullable=True),
        sa.Column("read_at", Moment(), nullable=True),
        sa.Column("due_at", Moment(), nullable=False),
        sa.Column("read_turn_at", Moment(), nullable=True),
        sa.PrimaryKeyConstraint("partner", "partner_account", "place"),
    )
