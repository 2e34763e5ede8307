"""The tables of webhooks that we send: endpoints, deliveries, attempts, and keys of requests."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    UniqueConstraint,
    column,
)
from sqlmodel import Field, SQLModel

from store.columns import moment, where


class WebhookEndpointRow(SQLModel, table=True):
    """An address of a tenant that receives events.

    One that was deleted keeps its row, without address and secrets, as long as its deliveries are
    kept.
    """

    __tablename__ = "webhook_endpoints"
    __table_args__: ClassVar[tuple[object, ...]] = (
        Index("ix_webhook_endpoints_tenant", "tenant", "created_at"),
        where("ix_webhook_endpoints_enabled", "served_at", that=column("disabled_why").is_(None)),
    )

    endpoint_id: str = Field(primary_key=True)
    tenant: str
    url_sealed: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    """Sealed: many receivers have a secret in their path."""
    description: str
    types: str
    """Of events, separated by commas; empty: all."""
    secret_sealed: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    old_secret_sealed: bytes | None = Field(default=None, sa_column=Column(LargeBinary))
    old_secret_until: datetime | None = Field(default=None, sa_column=moment())
    created_at: datetime = Field(sa_column=moment(nullable=False))
    disabled_at: datetime | None = Field(default=None, sa_column=moment())
    disabled_why: str | None = None
    """A word of `Disabled`; None while it is enabled."""
    position: int = Field(sa_column=Column(BigInteger, nullable=False))
    """The last event of the tenant for which a delivery was made or not needed."""
    failures: int = 0
    failing_since: datetime | None = Field(default=None, sa_column=moment())
    warned_at: datetime | None = Field(default=None, sa_column=moment())
    retry_at: datetime | None = Field(default=None, sa_column=moment())
    served_at: datetime = Field(sa_column=moment(nullable=False))
    """When a process last took its turn. The endpoint that waits longest comes first."""
    leased_until: datetime | None = Field(default=None, sa_column=moment())
    """A process delivers to it until then, or has died."""
    events: int = 0
    """How many events there are about it."""


class WebhookDeliveryRow(SQLModel, table=True):
    """One event for one endpoint, until it is delivered or given up."""

    __tablename__ = "webhook_deliveries"
    __table_args__: ClassVar[tuple[object, ...]] = (
        UniqueConstraint("endpoint_id", "event_id", name="uq_webhook_deliveries_event"),
        Index("ix_webhook_deliveries_endpoint", "endpoint_id", "number"),
        where(
            "ix_webhook_deliveries_pending",
            "endpoint_id",
            "position",
            that=column("next_at").is_not(None),
        ),
        where(
            "ix_webhook_deliveries_dead",
            "endpoint_id",
            "number",
            that=column("is_dead", Boolean).is_(True),
        ),
    )

    number: int | None = Field(
        default=None,
        sa_column=Column(
            BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True
        ),
    )
    delivery_id: str = Field(unique=True)
    endpoint_id: str = Field(foreign_key="webhook_endpoints.endpoint_id")
    event_id: str
    """The same for every endpoint and every retry: the receiver tells repeats by it."""
    type: str
    position: int = Field(sa_column=Column(BigInteger, nullable=False))
    """Of the event; 0 for a test."""
    tries: int = 0
    """Since it was made, or asked for again."""
    next_at: datetime | None = Field(default=None, sa_column=moment())
    """When it is tried again; None: it is delivered or given up."""
    is_dead: bool = False
    created_at: datetime = Field(sa_column=moment(nullable=False))
    ended_at: datetime | None = Field(default=None, sa_column=moment())


class WebhookAttemptRow(SQLModel, table=True):
    """One time a delivery was sent, and what came of it. The answer's body is not kept."""

    __tablename__ = "webhook_attempts"

    number: int | None = Field(
        default=None,
        sa_column=Column(
            BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True
        ),
    )
    delivery_number: int = Field(
        sa_column=Column(
            BigInteger().with_variant(Integer, "sqlite"),
            ForeignKey("webhook_deliveries.number"),
            nullable=False,
            index=True,
        )
    )
    at: datetime = Field(sa_column=moment(nullable=False))
    took_ms: int
    status: int | None = None
    """Of HTTP; None: no answer."""
    why: str | None = None
    """Why it failed."""


class WebhookRequestRow(SQLModel, table=True):
    """The idempotency key of a request about webhooks, and what it stands for."""

    __tablename__ = "webhook_requests"

    tenant: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    fingerprint: str
    result: str
    """The id of what was made or changed, and more where the answer needs it."""
    asked_at: datetime = Field(sa_column=moment(nullable=False))
