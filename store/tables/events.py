"""The table of events: what changed about each resource, in the order in which it did."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from sqlalchemy import BigInteger, Column, Integer, Text, UniqueConstraint, column
from sqlmodel import Field, SQLModel

from store.columns import moment, where


class EventRow(SQLModel, table=True):
    """One change of a resource. It is written by the transaction that made the change, and never
    changes. Only its position is filled in later, once."""

    __tablename__ = "events"
    __table_args__: ClassVar[tuple[object, ...]] = (
        UniqueConstraint("resource_id", "sequence", name="uq_events_sequence"),
        UniqueConstraint("tenant", "position", name="uq_events_position"),
        where("ix_events_unplaced", "tenant", "number", that=column("position").is_(None)),
    )

    number: int | None = Field(
        default=None,
        sa_column=Column(
            BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True
        ),
    )
    """For the order in which unplaced events get their positions. It is no position itself: two
    transactions can commit in the other order."""
    tenant: str
    resource_id: str
    """Of a lifecycle, or of a webhook endpoint."""
    sequence: int
    """Counts the events of its resource from 1, without gaps."""
    position: int | None = Field(default=None, sa_column=Column(BigInteger))
    """Counts the events of its tenant from 1, without gaps. None until somebody lists them."""
    kind: str
    """The resource's kind."""
    change: str
    detail_json: str = Field(sa_column=Column(Text, nullable=False))
    at: datetime = Field(sa_column=moment(nullable=False))
