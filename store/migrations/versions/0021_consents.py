"""Consents: what only they have, their callbacks, and what users brought back."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from store.columns import Moment

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    op.create_table(
        "consents",
        sa.Column("consent_id", sa.String(), nullable=False),
        sa.Column("regime", sa.String(), nullable=False),
        sa.Column("user_hash", sa.String(), nullable=False),
        sa.Column("renews", sa.String(), nullable=True),
        sa.Column("renew_by", Moment(), nullable=True),
        sa.PrimaryKeyConstraint("consent_id"),
        sa.ForeignKeyConstraint(["consent_id"], ["lifecycles.resource_id"]),
        sa.ForeignKeyConstraint(["renews"], ["lifecycles.resource_id"]),
    )
    op.create_index("ix_consents_user_hash", "consents", ["user_hash"])
    op.create_index("ix_consents_renews", "consents", ["renews"])
    has_end = sa.column("renew_by").is_not(None)
    op.create_index(
        "ix_consents_renew_by",
        "consents",
        ["renew_by", "consent_id"],
        sqlite_where=has_end,
        postgresql_where=has_end,
    )
    op.create_table(
        "callbacks",
        sa.Column("state_hash", sa.String(), nullable=False),
        sa.Column("consent_id", sa.String(), nullable=False),
        sa.Column("instruction_id", sa.String(), nullable=False),
        sa.Column("session_hash", sa.String(), nullable=False),
        sa.Column("issuer", sa.String(), nullable=True),
        sa.Column("secrets_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("made_at", Moment(), nullable=False),
        sa.Column("answered_at", Moment(), nullable=True),
        sa.PrimaryKeyConstraint("state_hash"),
        sa.UniqueConstraint("instruction_id"),
        sa.ForeignKeyConstraint(["consent_id"], ["lifecycles.resource_id"]),
        sa.ForeignKeyConstraint(["instruction_id"], ["instructions.instruction_id"]),
    )
    op.create_index("ix_callbacks_consent_id", "callbacks", ["consent_id"])
    op.create_table(
        "consent_answers",
        sa.Column("instruction_id", sa.String(), nullable=False),
        sa.Column("state_hash", sa.String(), nullable=True),
        sa.Column("answer_sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("instruction_id"),
        sa.ForeignKeyConstraint(["instruction_id"], ["instructions.instruction_id"]),
        sa.ForeignKeyConstraint(["state_hash"], ["callbacks.state_hash"]),
    )
