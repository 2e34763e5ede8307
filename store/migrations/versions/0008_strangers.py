"""What partners show under our keys, compared with what we know of."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from store.columns import Moment

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.add_column("attempts", sa.Column("partner_key", sa.String(), nullable=True))
    op.create_index("ix_attempts_partner_key", "attempts", ["partner_key"])
    account = ("partner", "partner_account")
    op.create_table(
        "listings",
        *(sa.Column(name, sa.String(), nullable=False) for name in account),
        sa.Column("through", Moment(), nullable=False),
        sa.PrimaryKeyConstraint(*account),
    )
    op.create_table(
        "strangers",
        *(sa.Column(name, sa.String(), nullable=False) for name in (*account, "partner_key")),
        sa.Column("partner_reference", sa.String(), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("found_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint(*account, "partner_key"),
    )
