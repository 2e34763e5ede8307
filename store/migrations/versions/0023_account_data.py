"""Account data: accounts of consents, balances, transactions, and how far they were read."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from store.columns import Moment

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    op.create_table(
        "account_feeds",
        sa.Column("consent_id", sa.String(), nullable=False),
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("partner", sa.String(), nullable=False),
        sa.Column("partner_account", sa.String(), nullable=False),
        sa.Column("due_at", Moment(), nullable=True),
        sa.Column("turn", sa.Integer(), nullable=False),
        sa.Column("leased_until", Moment(), nullable=True),
        sa.Column("accounts_due_at", Moment(), nullable=False),
        sa.Column("accounts_read_at", Moment(), nullable=True),
        sa.Column("attended_until", Moment(), nullable=True),
        sa.Column("attended_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("failed_since", Moment(), nullable=True),
        sa.Column("not_before", Moment(), nullable=True),
        sa.Column("why", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("consent_id"),
        sa.ForeignKeyConstraint(["consent_id"], ["lifecycles.resource_id"]),
    )
    _partial(
        "ix_account_feeds_due_at", "account_feeds", ["due_at", "consent_id"], _is_set("due_at")
    )
    op.create_table(
        "linked_accounts",
        sa.Column("account_id", sa.String(), nullable=False),
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("consent_id", sa.String(), nullable=False),
        sa.Column("identity_hash", sa.String(), nullable=False),
        sa.Column("partner", sa.String(), nullable=False),
        sa.Column("partner_account", sa.String(), nullable=False),
        sa.Column("currency", sa.String(), nullable=True),
        sa.Column("ends", sa.String(), nullable=False),
        sa.Column("details_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("linked_at", Moment(), nullable=False),
        sa.Column("is_linked", sa.Boolean(), nullable=False),
        sa.Column("erase_at", Moment(), nullable=True),
        sa.Column("erased_at", Moment(), nullable=True),
        sa.Column("balances_due_at", Moment(), nullable=False),
        sa.Column("balances_read_at", Moment(), nullable=True),
        sa.Column("due_at", Moment(), nullable=False),
        sa.Column("read_at", Moment(), nullable=True),
        sa.Column("steady_at", Moment(), nullable=True),
        sa.Column("phase", sa.String(), nullable=False),
        sa.Column("listing", sa.Integer(), nullable=False),
        sa.Column("published", sa.Integer(), nullable=False),
        sa.Column("began_at", Moment(), nullable=True),
        sa.Column("since", sa.Date(), nullable=True),
        sa.Column("cursor_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("pages", sa.Integer(), nullable=False),
        sa.Column("checked", sa.Integer(), nullable=False),
        sa.Column("rolling_hash", sa.String(), nullable=False),
        sa.Column("head_pages", sa.Integer(), nullable=False),
        sa.Column("head_hash", sa.String(), nullable=False),
        sa.Column("again", sa.Integer(), nullable=False),
        sa.Column("drift", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("account_id"),
        sa.ForeignKeyConstraint(["consent_id"], ["account_feeds.consent_id"]),
        sa.UniqueConstraint("identity_hash"),
    )
    op.create_index("ix_linked_accounts_consent_id", "linked_accounts", ["consent_id"])
    op.create_index("ix_linked_accounts_tenant", "linked_accounts", ["tenant", "account_id"])
    _partial(
        "ix_linked_accounts_erase_at",
        "linked_accounts",
        ["erase_at", "account_id"],
        _is_set("erase_at"),
    )
    op.create_table(
        "account_reads",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("scope", sa.String(), nullable=False),
        sa.Column("read_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
    )
    op.create_index("ix_account_reads_subject", "account_reads", ["subject", "scope", "read_at"])
    op.create_table(
        "account_balances",
        sa.Column("account_id", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("day", sa.Date(), nullable=True),
        sa.Column("changed_at", Moment(), nullable=True),
        sa.Column("includes_credit", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "position"),
        sa.ForeignKeyConstraint(["account_id"], ["linked_accounts.account_id"]),
    )
    op.create_table(
        "account_transactions",
        sa.Column("account_id", sa.String(), nullable=False),
        sa.Column("identity", sa.String(), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("booking", sa.String(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("booked_on", sa.Date(), nullable=True),
        sa.Column("valued_on", sa.Date(), nullable=True),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("line_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("first_listing", sa.Integer(), nullable=False),
        sa.Column("seen_listing", sa.Integer(), nullable=False),
        sa.Column("is_proven", sa.Boolean(), nullable=False),
        sa.Column("gone_at", Moment(), nullable=True),
        sa.Column("became", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("account_id", "identity", "ordinal"),
        sa.ForeignKeyConstraint(["account_id"], ["linked_accounts.account_id"]),
    )
    op.create_index(
        "ix_account_transactions_day",
        "account_transactions",
        ["account_id", "day", "identity", "ordinal"],
    )
    _partial(
        "ix_account_transactions_pending",
        "account_transactions",
        ["account_id", "identity"],
        sa.literal_column("booking") == sa.literal_column("'pending'"),
    )
    _partial(
        "ix_account_transactions_unproven",
        "account_transactions",
        ["account_id", "identity"],
        sa.column("is_proven", sa.Boolean()).is_(False),
    )


def _is_set(name: str) -> sa.ColumnElement[bool]:
    return sa.column(name).is_not(None)


def _partial(name: str, table: str, columns: list[str], that: sa.ColumnElement[bool]) -> None:
    op.create_index(name, table, columns, sqlite_where=that, postgresql_where=that)
