"""Attempts that the partner turned away are no longer called `not_sent`.

Earlier releases wrote `not_sent` both where no byte had left and where the partner had answered
401 or 429. Which it was cannot be told from the row, so all of them count as turned away: that
asks the partner once too often before such a payment is closed, and never once too seldom.
"""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.execute("UPDATE attempts SET result = 'turned_away' WHERE result = 'not_sent'")
