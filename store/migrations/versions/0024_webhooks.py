"""Webhooks that we send: endpoints, deliveries, attempts. Events may be about endpoints too."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from store.columns import Moment

revision = "0024"
down_revision = "0023"

_NAMING = {"fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s"}


def _number() -> sa.types.TypeEngine[int]:
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _let_events_be_about_others()
    op.create_table(
        "webhook_endpoints",
        sa.Column("endpoint_id", sa.String(), nullable=False),
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("url_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("types", sa.String(), nullable=False),
        sa.Column("secret_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("old_secret_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("old_secret_until", Moment(), nullable=True),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("disabled_at", Moment(), nullable=True),
        sa.Column("disabled_why", sa.String(), nullable=True),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("failing_since", Moment(), nullable=True),
        sa.Column("warned_at", Moment(), nullable=True),
        sa.Column("retry_at", Moment(), nullable=True),
        sa.Column("served_at", Moment(), nullable=False),
        sa.Column("leased_until", Moment(), nullable=True),
        sa.Column("events", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("endpoint_id"),
    )
    op.create_index("ix_webhook_endpoints_tenant", "webhook_endpoints", ["tenant", "created_at"])
    _partial(
        "ix_webhook_endpoints_enabled",
        "webhook_endpoints",
        ["served_at"],
        sa.column("disabled_why").is_(None),
    )
    op.create_table(
        "webhook_deliveries",
        sa.Column("number", _number(), nullable=False, autoincrement=True),
        sa.Column("delivery_id", sa.String(), nullable=False),
        sa.Column("endpoint_id", sa.String(), nullable=False),
        sa.Column("event_id", sa.String(), nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("next_at", Moment(), nullable=True),
        sa.Column("is_dead", sa.Boolean(), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("ended_at", Moment(), nullable=True),
        sa.PrimaryKeyConstraint("number"),
        sa.ForeignKeyConstraint(["endpoint_id"], ["webhook_endpoints.endpoint_id"]),
        sa.UniqueConstraint("delivery_id"),
        sa.UniqueConstraint("endpoint_id", "event_id", name="uq_webhook_deliveries_event"),
    )
    op.create_index(
        "ix_webhook_deliveries_endpoint", "webhook_deliveries", ["endpoint_id", "number"]
    )
    _partial(
        "ix_webhook_deliveries_pending",
        "webhook_deliveries",
        ["endpoint_id", "position"],
        sa.column("next_at").is_not(None),
    )
    _partial(
        "ix_webhook_deliveries_dead",
        "webhook_deliveries",
        ["endpoint_id", "number"],
        sa.column("is_dead", sa.Boolean()).is_(True),
    )
    op.create_table(
        "webhook_attempts",
        sa.Column("number", _number(), nullable=False, autoincrement=True),
        sa.Column("delivery_number", _number(), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.Column("took_ms", sa.Integer(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("why", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("number"),
        sa.ForeignKeyConstraint(["delivery_number"], ["webhook_deliveries.number"]),
    )
    op.create_index("ix_webhook_attempts_delivery_number", "webhook_attempts", ["delivery_number"])
    op.create_table(
        "webhook_requests",
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.Column("result", sa.String(), nullable=False),
        sa.Column("asked_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "key"),
    )


def _partial(name: str, table: str, columns: list[str], that: sa.ColumnElement[bool]) -> None:
    op.create_index(name, table, columns, sqlite_where=that, postgresql_where=that)


def _let_events_be_about_others() -> None:
    """An endpoint is no lifecycle, so its events cannot refer to one."""
    if op.get_bind().dialect.name == "postgresql":
        op.drop_constraint("events_resource_id_fkey", "events", type_="foreignkey")
        return
    op.drop_index("ix_events_unplaced", "events")
    with op.batch_alter_table("events", naming_convention=_NAMING) as events:
        events.drop_constraint("fk_events_resource_id_lifecycles", type_="foreignkey")
    _partial("ix_events_unplaced", "events", ["tenant", "number"], sa.column("position").is_(None))
