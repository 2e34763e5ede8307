"""What files said of themselves and of their lines."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    # Files of earlier releases have neither: only that they were taken is known of them.
    with op.batch_alter_table("files") as files:
        files.add_column(sa.Column("message_id", sa.String(), nullable=True))
        files.add_column(sa.Column("header_sealed", sa.LargeBinary(), nullable=True))
        files.create_index(files.f("ix_files_message_id"), ["message_id"], unique=False)
    op.create_table(
        "file_lines",
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("file_key", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("payment_key", sa.String(), nullable=True),
        sa.Column("line_sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "file_key", "position"),
    )
