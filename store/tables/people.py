"""The tables of what people are asked and decide: tasks, halts, operators, signatures."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from sqlalchemy import Column, Index, LargeBinary, Text, column
from sqlmodel import Field, SQLModel

from store.columns import moment, where


class TaskRow(SQLModel, table=True):
    """A question to people, with owner and due date. The same question is open only once."""

    __tablename__ = "tasks"
    __table_args__: ClassVar[tuple[object, ...]] = (
        where("ix_tasks_open", "due_at", "task_id", that=column("closed_at").is_(None)),
    )

    task_id: str = Field(primary_key=True)
    resource_id: str | None = Field(default=None, index=True, foreign_key="lifecycles.resource_id")
    """None if the question is about unmatched deliveries or about a machine's clock."""
    partner: str | None = None
    partner_account: str | None = None
    partner_reference: str | None = None
    """These three name the unmatched deliveries that the question is about; otherwise None."""
    kind: str
    question: str = Field(sa_column=Column(Text, nullable=False))
    owner: str
    due_at: datetime = Field(sa_column=moment(nullable=False))
    opened_at: datetime = Field(sa_column=moment(nullable=False))
    closed_at: datetime | None = Field(default=None, sa_column=moment())
    closed_by: str | None = None
    """The operator who dismissed it; None if it was answered."""
    closed_why: str | None = Field(default=None, sa_column=Column(Text))


class HaltRow(SQLModel, table=True):
    """A halt of new sends, for everything or a part. It is in force until it is lifted."""

    __tablename__ = "halts"

    number: int | None = Field(default=None, primary_key=True)
    partner: str | None = None
    tenant: str | None = None
    rail: str | None = None
    by: str
    why: str = Field(sa_column=Column(Text, nullable=False))
    halted_at: datetime = Field(sa_column=moment(nullable=False))
    lifted_at: datetime | None = Field(default=None, sa_column=moment())
    lifted_by: str | None = None
    notified_at: datetime | None = Field(default=None, sa_column=moment("told_at"))
    """When, after it was lifted, all payments it had held back were marked to be notified."""
    since: datetime | None = Field(default=None, sa_column=moment())
    """If the database was set back: the moment from which it may have closed payments whose sends
    it had forgotten. None if that is not known."""
    doubted_at: datetime | None = Field(default=None, sa_column=moment())
    """If the database was set back: when everything that may have been sent was counted as sent."""


class OperatorRow(SQLModel, table=True):
    """A key with which a person signs. Rows are never deleted: old signatures refer to them."""

    __tablename__ = "operators"

    key_id: str = Field(primary_key=True)
    """The public key in hexadecimal. No two operators, past or present, have the same one."""
    name: str = Field(index=True)
    public_key: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    added_at: datetime = Field(sa_column=moment(nullable=False))
    added_by: str
    removed_at: datetime | None = Field(default=None, sa_column=moment())
    removed_by: str | None = None


class SignatureRow(SQLModel, table=True):
    """A statement that an operator signed. It was verified when it was recorded."""

    __tablename__ = "signatures"
    __table_args__: ClassVar[tuple[object, ...]] = (
        Index("ix_signatures_subject", "kind", "subject"),
    )

    statement_hash: str = Field(primary_key=True)
    kind: str
    subject: str
    command_id: str
    by: str
    public_key: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    statement: str = Field(sa_column=Column(Text, nullable=False))
    signature: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    recorded_at: datetime = Field(sa_column=moment(nullable=False))


class RefusalRow(SQLModel, table=True):
    """A refused signature: the name that was claimed, the subject, and the reason."""

    __tablename__ = "refused_signatures"

    number: int | None = Field(default=None, primary_key=True)
    claimed: str = Field(index=True)
    kind: str
    subject: str = Field(index=True)
    why: str = Field(sa_column=Column(Text, nullable=False))
    first_at: datetime = Field(sa_column=moment(nullable=False))
    last_at: datetime = Field(sa_column=moment(nullable=False))
    times: int
