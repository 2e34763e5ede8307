"""Rounds of upkeep, by which a database that was set back is found."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from store.columns import Moment

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "installation",
        sa.Column("installation", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("installation"),
    )
    op.create_table(
        "rounds",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("nonce", sa.String(), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("number", "nonce"),
    )
    with op.batch_alter_table("halts") as halts:
        halts.add_column(sa.Column("doubted_at", Moment(), nullable=True))
    # Earlier releases doubted every payment before anything else happened.
    op.execute("UPDATE halts SET doubted_at = halted_at")
