"""The place at which a partner's list was compared, beside the name of the account."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from store.columns import Moment

revision = "0017"
down_revision = "0016"

_ACCOUNT = ("partner", "partner_account")


def upgrade() -> None:
    # A primary key is changed by a new table: SQLite has no other way. What was there before has
    # no place, and counts as of the place that is compared next.
    op.create_table(
        "listings_at",
        *(sa.Column(name, sa.String(), nullable=False) for name in _ACCOUNT),
        # A process of the release before, which still runs, writes none.
        sa.Column("place", sa.String(), nullable=False, server_default=""),
        sa.Column("through", Moment(), nullable=False),
        sa.PrimaryKeyConstraint(*_ACCOUNT, "place"),
    )
    op.execute(
        "INSERT INTO listings_at (partner, partner_account, place, through) "
        "SELECT partner, partner_account, '', through FROM listings"
    )
    op.drop_table("listings")
    op.rename_table("listings_at", "listings")
    op.create_table(
        "strangers_at",
        *(sa.Column(name, sa.String(), nullable=False) for name in (*_ACCOUNT, "partner_key")),
        sa.Column("place", sa.String(), nullable=False, server_default=""),
        sa.Column("partner_reference", sa.String(), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("found_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint(*_ACCOUNT, "place", "partner_key"),
    )
    op.execute(
        "INSERT INTO strangers_at (partner, partner_account, place, partner_key, "
        "partner_reference, created_at, found_at) SELECT partner, partner_account, '', "
        "partner_key, partner_reference, created_at, found_at FROM strangers"
    )
    op.drop_table("strangers")
    op.rename_table("strangers_at", "strangers")
