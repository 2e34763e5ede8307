"""Keys that sealed something, each with its canary."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from store.columns import Moment

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    # The first process that opens the store notes its keys: they need a keyring, which is not here.
    op.create_table(
        "keys",
        sa.Column("key_id", sa.String(), nullable=False),
        sa.Column("canary_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("first_used_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("key_id"),
    )
