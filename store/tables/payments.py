"""What only a payment has: its amount, its intent, its movements, and the file it came with."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from sqlalchemy import BigInteger, Column, Index, LargeBinary
from sqlmodel import Field, SQLModel

from store.columns import moment


class PaymentRow(SQLModel, table=True):
    """What only a payment has, in the clear: what people search by, and its intent."""

    __tablename__ = "payments"

    payment_id: str = Field(primary_key=True, foreign_key="lifecycles.resource_id")
    amount_minor: int = Field(sa_column=Column(BigInteger, nullable=False))
    currency: str
    creditor_masked: str
    intent_hash: str | None = Field(default=None, index=True)
    """Equal for orders of the same intent; None for orders that were never compared."""
    intent_batch: str | None = None
    """The file the order came with. Lines of one file are not compared with each other."""
    acknowledged: str | None = None
    """Ids of payments that somebody said this one does not repeat, separated by commas."""
    acknowledged_by: str | None = None
    """The operator who said so, if one did."""


class MovementRow(SQLModel, table=True):
    """Money that moved: one row per booking."""

    __tablename__ = "movements"

    payment_id: str = Field(primary_key=True, foreign_key="lifecycles.resource_id")
    movement_id: str = Field(primary_key=True)
    kind: str
    amount_minor: int = Field(sa_column=Column(BigInteger, nullable=False))
    currency: str
    booked_at: datetime | None = Field(default=None, sa_column=moment())


class FileRow(SQLModel, table=True):
    """An accepted file of payments, identified by its sender and message id."""

    __tablename__ = "files"

    tenant: str = Field(primary_key=True)
    file_key: str = Field(primary_key=True)
    fingerprint: str
    taken_at: datetime = Field(sa_column=moment(nullable=False))
    message_id: str | None = Field(default=None, index=True)
    """None until all lines are stored, and in rows of the first releases."""
    header_sealed: bytes | None = Field(default=None, sa_column=Column(LargeBinary))
    """The file's header: its sender, version, count and sum. None as `message_id`."""


class FileLineRow(SQLModel, table=True):
    """A line of an accepted file, also if the line was refused. Its payment has its key."""

    __tablename__ = "file_lines"
    __table_args__: ClassVar[tuple[object, ...]] = (
        Index("ix_file_lines_payment", "tenant", "payment_key"),
    )

    tenant: str = Field(primary_key=True)
    file_key: str = Field(primary_key=True)
    position: int = Field(primary_key=True)
    payment_key: str | None = None
    """None if the line was refused."""
    line_sealed: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
