"""What every lifecycle has: the resource, its instructions with their books, and its evidence.

Rows are mapped to domain values explicitly, as SQLModel tables do not validate.
"""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from sqlalchemy import Boolean, Column, Index, LargeBinary, Text, UniqueConstraint, column
from sqlmodel import Field, SQLModel

from store.columns import Moment, moment, where


class LifecycleRow(SQLModel, table=True):
    """A resource of any lifecycle, and how it stands as last folded.

    What only one kind has is in a table of that kind, one row for each resource.
    """

    __tablename__ = "lifecycles"
    __table_args__: ClassVar[tuple[object, ...]] = (
        UniqueConstraint("tenant", "key", name="uq_lifecycles_tenant_key"),
        # Queries of upkeep.
        where(
            "ix_lifecycles_tell_at", "tell_at", "resource_id", that=column("tell_at").is_not(None)
        ),
        where(
            "ix_lifecycles_escalates_at",
            "escalates_at",
            "resource_id",
            that=column("escalates_at").is_not(None),
        ),
        where(
            "ix_lifecycles_unstarted",
            "created_at",
            "resource_id",
            that=column("started_at").is_(None) & column("is_over", Boolean).is_(False),
        ),
        # Lists for people, the newest first.
        Index("ix_lifecycles_created_at", "created_at"),
        Index("ix_lifecycles_tenant", "tenant", "created_at"),
        Index("ix_lifecycles_partner", "partner", "partner_account", "created_at"),
        Index("ix_lifecycles_state", "state", "created_at", "resource_id"),
    )

    resource_id: str = Field(primary_key=True)
    kind: str
    """The lifecycle's name, such as `payment`."""
    tenant: str
    key: str
    """The caller's own, unique in the tenant over all kinds."""
    fingerprint: str
    fingerprint_version: int
    partner: str
    partner_account: str
    rail: str = ""
    """The route at the partner; empty if the kind has none."""
    request_sealed: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    """The request, which never changes. It has names and account numbers."""
    profile_json: str = Field(sa_column=Column(Text, nullable=False))
    submit_before: datetime = Field(sa_column=moment(nullable=False))
    submit_from: datetime | None = Field(default=None, sa_column=moment())
    execute_by: datetime | None = Field(default=None, sa_column=moment())
    state: str
    certainty: str
    folded_json: str = Field(sa_column=Column(Text, nullable=False))
    """What its kind folded from all evidence."""
    evidence_hash: str
    is_over: bool = False
    events: int = 0
    """How many events there are about it."""
    reads: int = 0
    last_asked_at: datetime | None = Field(default=None, sa_column=moment())
    not_before: datetime | None = Field(default=None, sa_column=moment())
    waiting_for: str | None = None
    needs_person: bool = False
    silent_since: datetime | None = Field(default=None, sa_column=moment())
    """When one of its steps first found the partner silent; None once a step is answered."""
    gate_passed_at: datetime | None = Field(default=None, sa_column=moment())
    escalates_at: datetime | None = Field(default=None, sa_column=moment())
    """When the next task is due to open by time alone; None if no task is."""
    owed_at: datetime | None = Field(default=None, sa_column=moment())
    """When its run has to do the next step; None if nothing is owed."""
    notify_at: datetime | None = Field(default=None, sa_column=moment("tell_at"))
    """When upkeep notifies its run, unless the run acts first; None if nothing is owed."""
    read_turn_at: datetime | None = Field(default=None, sa_column=moment())
    """When the next read may be made, if the partner's quota makes it wait; else None."""
    read_line: str | None = None
    """The line in which that read waits."""
    cancel_asked_at: datetime | None = Field(default=None, sa_column=moment())
    created_at: datetime = Field(sa_column=moment(nullable=False))
    updated_at: datetime = Field(sa_column=moment(nullable=False, index=True))
    started_at: datetime | None = Field(default=None, sa_column=moment())


class InstructionRow(SQLModel, table=True):
    """One thing asked of one partner, with the exact request, sealed, once it is built."""

    __tablename__ = "instructions"

    instruction_id: str = Field(primary_key=True)
    resource_id: str = Field(index=True, foreign_key="lifecycles.resource_id")
    kind: str
    partner: str
    partner_account: str
    generation: int = 1
    request_sealed: bytes | None = Field(default=None, sa_column=Column(LargeBinary))
    request_generation: int = 0
    closed: str | None = None
    closed_at: datetime | None = Field(default=None, sa_column=moment())
    submit_before: datetime | None = Field(default=None, sa_column=moment())
    """Its own deadline, if not the order's: a cancel may be asked for long after the order."""
    reopened: str | None = None
    """Why it was closed, before it turned out that it may have been sent."""
    held: bool = False
    """Whether the partner is known to have it: it gave a reference, or an operator found that it
    executed it."""


class AttemptRow(SQLModel, table=True):
    """One time bytes may leave. The row is written before they do."""

    __tablename__ = "attempts"

    instruction_id: str = Field(primary_key=True, foreign_key="instructions.instruction_id")
    number: int = Field(primary_key=True)
    generation: int
    opened_at: datetime = Field(sa_column=moment(nullable=False))
    write_before: datetime = Field(sa_column=moment(nullable=False))
    ends_by: datetime = Field(sa_column=moment(nullable=False))
    result: str
    answer: str | None = None
    closed_at: datetime | None = Field(default=None, sa_column=moment())
    server_error: bool = False
    not_before: datetime | None = Field(default=None, sa_column=moment())
    why: str = Field(default="", sa_column=Column(Text, nullable=False))
    nonce: str = ""
    """Random. It tells the attempt from another one with the same number that a set-back database
    has forgotten. Empty for attempts of earlier releases, and for forgotten attempts whose reply
    has not come."""
    partner_key: str | None = Field(default=None, index=True)
    """The idempotency key of its bytes, by which the partner's list is compared with our attempts.
    None for attempts of earlier releases."""


class LookupRow(SQLModel, table=True):
    """One lookup: the partner was asked by our own reference."""

    __tablename__ = "lookups"

    instruction_id: str = Field(primary_key=True, foreign_key="instructions.instruction_id")
    asked_at: datetime = Field(sa_column=Column(Moment(), primary_key=True))
    result: str
    why: str = Field(default="", sa_column=Column(Text, nullable=False))


class ReportRow(SQLModel, table=True):
    """One report. The exchange that brought it, if any, is an `ExchangeRow` with its id."""

    __tablename__ = "reports"

    report_id: str = Field(primary_key=True)
    resource_id: str = Field(index=True, foreign_key="lifecycles.resource_id")
    instruction_id: str
    report_json: str = Field(sa_column=Column(Text, nullable=False))
    heard_at: datetime = Field(sa_column=moment(nullable=False))


class ExchangeRow(SQLModel, table=True):
    """One request and its answer, redacted and sealed, whether or not it brought a report."""

    __tablename__ = "exchanges"

    number: int | None = Field(default=None, primary_key=True)
    resource_id: str = Field(index=True, foreign_key="lifecycles.resource_id")
    instruction_id: str
    report_id: str | None = None
    heard_at: datetime = Field(sa_column=moment(nullable=False))
    summary: str = Field(sa_column=Column(Text, nullable=False))
    exchange_sealed: bytes = Field(sa_column=Column(LargeBinary, nullable=False))


class StateRow(SQLModel, table=True):
    """A state that a resource entered. It is for the timeline only; nothing is decided from it."""

    __tablename__ = "states"

    number: int | None = Field(default=None, primary_key=True)
    resource_id: str = Field(index=True, foreign_key="lifecycles.resource_id")
    state: str
    certainty: str
    entered_at: datetime = Field(sa_column=moment(nullable=False))


class CommandRow(SQLModel, table=True):
    """A command of a person or an app about a resource, once per command id, and its outcome."""

    __tablename__ = "commands"
    __table_args__: ClassVar[tuple[object, ...]] = (
        where("ix_commands_untold", "asked_at", that=column("told_at").is_(None)),
    )

    resource_id: str = Field(primary_key=True, foreign_key="lifecycles.resource_id")
    command_id: str = Field(primary_key=True)
    kind: str
    fingerprint: str
    by: str
    why: str = Field(default="", sa_column=Column(Text, nullable=False))
    evidence_sealed: bytes | None = Field(default=None, sa_column=Column(LargeBinary))
    about: str = ""
    """Of a NOT_EXECUTED proposal: a digest of what was known; the proposal is void once more is
    known. Of a cancel or abandon: the id of the CANCEL instruction made for it. Otherwise empty."""
    asked_at: datetime = Field(sa_column=moment(nullable=False))
    outcome: str
    outcome_at: datetime | None = Field(default=None, sa_column=moment())
    notified_at: datetime | None = Field(default=None, sa_column=moment("told_at"))
    """When the run was notified of it; at once if the run asked for it itself."""
