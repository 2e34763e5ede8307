"""Attempts that can be told apart, and what a database that was set back has to remember."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from store.columns import Moment

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    op.add_column("attempts", sa.Column("nonce", sa.String(), nullable=False, server_default=""))
    op.add_column("instructions", sa.Column("reopened", sa.String(), nullable=True))
    op.add_column("halts", sa.Column("since", Moment(), nullable=True))
