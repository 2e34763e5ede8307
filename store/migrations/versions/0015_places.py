"""Where in a file a payment stands, found by the payment's key."""

from __future__ import annotations

from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    op.create_index("ix_file_lines_payment", "file_lines", ["tenant", "payment_key"])
