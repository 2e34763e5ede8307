"""Since when the partner of a payment has not answered."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from store.columns import Moment

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.add_column("payments", sa.Column("silent_since", Moment(), nullable=True))
