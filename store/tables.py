"""Every table. Rows are mapped to domain values explicitly, as SQLModel tables do not validate."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Index,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
    column,
)
from sqlmodel import Field, SQLModel

from store.columns import Moment


def _moment(
    name: str | None = None, *, index: bool = False, nullable: bool = True
) -> Column[datetime]:
    """A column of moments in UTC.

    It is named after its field, unless the first release used another name: a process of an older
    release may still run on the same database.
    """
    return Column(name, Moment(), index=index, nullable=nullable)


def _where(name: str, *columns: str, that: ColumnElement[bool]) -> Index:
    """A partial index of the few rows that upkeep queries, not of all rows.

    A database uses it only if the query spells the condition as the index does. So SQLAlchemy
    writes both: `IS NULL` and `IS NOT NULL`, which both databases also infer from a comparison, and
    `.is_(False)`.
    """
    return Index(name, *columns, sqlite_where=that, postgresql_where=that)


class PaymentRow(SQLModel, table=True):
    """An order, and its payment as last folded. `order_sealed` has names and account numbers."""

    __tablename__ = "payments"
    __table_args__: ClassVar[tuple[object, ...]] = (
        UniqueConstraint("tenant", "key", name="uq_payments_tenant_key"),
        # Queries of upkeep.
        _where("ix_payments_tell_at", "tell_at", "payment_id", that=column("tell_at").is_not(None)),
        _where(
            "ix_payments_escalates_at",
            "escalates_at",
            "payment_id",
            that=column("escalates_at").is_not(None),
        ),
        _where(
            "ix_payments_unstarted",
            "created_at",
            "payment_id",
            that=column("started_at").is_(None) & column("is_over", Boolean).is_(False),
        ),
        # Lists for people, the newest first.
        Index("ix_payments_created_at", "created_at"),
        Index("ix_payments_tenant", "tenant", "created_at"),
        Index("ix_payments_partner", "partner", "partner_account", "created_at"),
        Index("ix_payments_state", "state", "created_at", "payment_id"),
        _where(
            "ix_payments_intent_batch",
            "intent_batch",
            "created_at",
            that=column("intent_batch").is_not(None),
        ),
    )

    payment_id: str = Field(primary_key=True)
    tenant: str
    key: str
    fingerprint: str
    fingerprint_version: int
    partner: str
    partner_account: str
    rail: str
    end_to_end_hash: str = Field(index=True)
    amount_minor: int = Field(sa_column=Column(BigInteger, nullable=False))
    currency: str
    creditor_masked: str
    order_sealed: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    profile_json: str = Field(sa_column=Column(Text, nullable=False))
    submit_before: datetime = Field(sa_column=_moment(nullable=False))
    state: str
    certainty: str
    payment_json: str = Field(sa_column=Column(Text, nullable=False))
    evidence_hash: str
    is_over: bool = False
    reads: int = 0
    last_asked_at: datetime | None = Field(default=None, sa_column=_moment())
    not_before: datetime | None = Field(default=None, sa_column=_moment())
    waiting_for: str | None = None
    needs_person: bool = False
    silent_since: datetime | None = Field(default=None, sa_column=_moment())
    """When one of its steps first found the partner silent; None once a step is answered."""
    intent_hash: str | None = Field(default=None, index=True)
    """Equal for orders of the same intent; None for orders that were never compared."""
    intent_batch: str | None = None
    """The file the order came with. Lines of one file are not compared with each other."""
    acknowledged: str | None = None
    """Ids of payments that somebody said this one does not repeat, separated by commas."""
    acknowledged_by: str | None = None
    """The operator who said so, if one did."""
    submit_from: datetime | None = Field(default=None, sa_column=_moment())
    execute_by: datetime | None = Field(default=None, sa_column=_moment())
    gate_passed_at: datetime | None = Field(default=None, sa_column=_moment())
    escalates_at: datetime | None = Field(default=None, sa_column=_moment())
    """When the next task is due to open by time alone; None if no task is."""
    owed_at: datetime | None = Field(default=None, sa_column=_moment())
    """When its run has to do the next step; None if nothing is owed."""
    notify_at: datetime | None = Field(default=None, sa_column=_moment("tell_at"))
    """When upkeep notifies its run, unless the run acts first; None if nothing is owed."""
    read_turn_at: datetime | None = Field(default=None, sa_column=_moment())
    """When the next read may be made, if the partner's quota makes it wait; else None."""
    read_line: str | None = None
    """The line in which that read waits."""
    cancel_asked_at: datetime | None = Field(default=None, sa_column=_moment())
    created_at: datetime = Field(sa_column=_moment(nullable=False))
    updated_at: datetime = Field(sa_column=_moment(nullable=False, index=True))
    started_at: datetime | None = Field(default=None, sa_column=_moment())


class InstructionRow(SQLModel, table=True):
    """One thing asked of one partner, with the exact request, sealed, once it is built."""

    __tablename__ = "instructions"
    __table_args__: ClassVar[tuple[object, ...]] = (
        UniqueConstraint(
            "partner", "partner_account", "partner_reference", name="uq_instructions_reference"
        ),
    )

    instruction_id: str = Field(primary_key=True)
    payment_id: str = Field(index=True, foreign_key="payments.payment_id")
    kind: str
    partner: str
    partner_account: str
    partner_reference: str | None = None
    generation: int = 1
    request_sealed: bytes | None = Field(default=None, sa_column=Column(LargeBinary))
    request_generation: int = 0
    closed: str | None = None
    closed_at: datetime | None = Field(default=None, sa_column=_moment())
    submit_before: datetime | None = Field(default=None, sa_column=_moment())
    """Its own deadline, if not the order's: a cancel may be asked for long after the order."""
    reopened: str | None = None
    """Why it was closed, before it turned out that it may have been sent."""
    found_executed: bool = False
    """Whether an operator found that the partner executed it."""


class AttemptRow(SQLModel, table=True):
    """One time bytes may leave. The row is written before they do."""

    __tablename__ = "attempts"

    instruction_id: str = Field(primary_key=True, foreign_key="instructions.instruction_id")
    number: int = Field(primary_key=True)
    generation: int
    opened_at: datetime = Field(sa_column=_moment(nullable=False))
    write_before: datetime = Field(sa_column=_moment(nullable=False))
    ends_by: datetime = Field(sa_column=_moment(nullable=False))
    result: str
    answer: str | None = None
    closed_at: datetime | None = Field(default=None, sa_column=_moment())
    server_error: bool = False
    not_before: datetime | None = Field(default=None, sa_column=_moment())
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
    payment_id: str = Field(index=True, foreign_key="payments.payment_id")
    instruction_id: str
    report_json: str = Field(sa_column=Column(Text, nullable=False))
    heard_at: datetime = Field(sa_column=_moment(nullable=False))


class ExchangeRow(SQLModel, table=True):
    """One request and its answer, redacted and sealed, whether or not it brought a report."""

    __tablename__ = "exchanges"

    number: int | None = Field(default=None, primary_key=True)
    payment_id: str = Field(index=True, foreign_key="payments.payment_id")
    instruction_id: str
    report_id: str | None = None
    heard_at: datetime = Field(sa_column=_moment(nullable=False))
    summary: str = Field(sa_column=Column(Text, nullable=False))
    exchange_sealed: bytes = Field(sa_column=Column(LargeBinary, nullable=False))


class MovementRow(SQLModel, table=True):
    """Money that moved: one row per booking."""

    __tablename__ = "movements"

    payment_id: str = Field(primary_key=True, foreign_key="payments.payment_id")
    movement_id: str = Field(primary_key=True)
    kind: str
    amount_minor: int = Field(sa_column=Column(BigInteger, nullable=False))
    currency: str
    booked_at: datetime | None = Field(default=None, sa_column=_moment())


class InboxRow(SQLModel, table=True):
    """A delivery, numbered in the order of arrival. It is marked once a read has covered it."""

    __tablename__ = "inbox"
    __table_args__: ClassVar[tuple[object, ...]] = (
        UniqueConstraint("partner", "partner_account", "event_key", name="uq_inbox_event"),
        _where("ix_inbox_tell_at", "tell_at", "number", that=column("tell_at").is_not(None)),
        _where(
            "ix_inbox_unmatched",
            "unmatched_since",
            "number",
            that=column("unmatched_since").is_not(None),
        ),
    )

    number: int | None = Field(default=None, primary_key=True)
    partner: str
    partner_account: str
    """The account whose secret verified it. It says nothing about another account's payments."""
    event_key: str
    payment_id: str | None = Field(default=None, index=True)
    partner_reference: str | None = Field(default=None, index=True)
    received_at: datetime = Field(sa_column=_moment(nullable=False))
    notify_at: datetime | None = Field(default=None, sa_column=_moment("tell_at"))
    """When the relay next notifies the payment's run. None once a read has covered it, and as long
    as its payment is not known."""
    unmatched_since: datetime | None = Field(default=None, sa_column=_moment())
    """When it arrived. None once it is matched with a payment, or people were asked about it."""
    read_at: datetime | None = Field(default=None, sa_column=_moment())
    body_sealed: bytes = Field(sa_column=Column(LargeBinary, nullable=False))


class TaskRow(SQLModel, table=True):
    """A question to people, with owner and due date. The same question is open only once."""

    __tablename__ = "tasks"
    __table_args__: ClassVar[tuple[object, ...]] = (
        _where("ix_tasks_open", "due_at", "task_id", that=column("closed_at").is_(None)),
    )

    task_id: str = Field(primary_key=True)
    payment_id: str | None = Field(default=None, index=True, foreign_key="payments.payment_id")
    """None if the question is about unmatched deliveries or about a machine's clock."""
    partner: str | None = None
    partner_account: str | None = None
    partner_reference: str | None = None
    """These three name the unmatched deliveries that the question is about; otherwise None."""
    kind: str
    question: str = Field(sa_column=Column(Text, nullable=False))
    owner: str
    due_at: datetime = Field(sa_column=_moment(nullable=False))
    opened_at: datetime = Field(sa_column=_moment(nullable=False))
    closed_at: datetime | None = Field(default=None, sa_column=_moment())
    closed_by: str | None = None
    """The operator who dismissed it; None if it was answered."""
    closed_why: str | None = Field(default=None, sa_column=Column(Text))


class CommandRow(SQLModel, table=True):
    """A command of a person or an app about a payment, once per command id, and its outcome."""

    __tablename__ = "commands"
    __table_args__: ClassVar[tuple[object, ...]] = (
        _where("ix_commands_untold", "asked_at", that=column("told_at").is_(None)),
    )

    payment_id: str = Field(primary_key=True, foreign_key="payments.payment_id")
    command_id: str = Field(primary_key=True)
    kind: str
    fingerprint: str
    by: str
    why: str = Field(default="", sa_column=Column(Text, nullable=False))
    evidence_sealed: bytes | None = Field(default=None, sa_column=Column(LargeBinary))
    about: str = ""
    """Of a NOT_EXECUTED proposal: a digest of what was known; the proposal is void once more is
    known. Of a cancel or abandon: the id of the CANCEL instruction made for it. Otherwise empty."""
    asked_at: datetime = Field(sa_column=_moment(nullable=False))
    outcome: str
    outcome_at: datetime | None = Field(default=None, sa_column=_moment())
    notified_at: datetime | None = Field(default=None, sa_column=_moment("told_at"))
    """When the payment's run was notified of it; at once if the run asked for it itself."""


class HaltRow(SQLModel, table=True):
    """A halt of new sends, for everything or a part. It is in force until it is lifted."""

    __tablename__ = "halts"

    number: int | None = Field(default=None, primary_key=True)
    partner: str | None = None
    tenant: str | None = None
    rail: str | None = None
    by: str
    why: str = Field(sa_column=Column(Text, nullable=False))
    halted_at: datetime = Field(sa_column=_moment(nullable=False))
    lifted_at: datetime | None = Field(default=None, sa_column=_moment())
    lifted_by: str | None = None
    notified_at: datetime | None = Field(default=None, sa_column=_moment("told_at"))
    """When, after it was lifted, all payments it had held back were marked to be notified."""
    since: datetime | None = Field(default=None, sa_column=_moment())
    """If the database was set back: the moment from which it may have closed payments whose sends
    it had forgotten. None if that is not known."""
    doubted_at: datetime | None = Field(default=None, sa_column=_moment())
    """If the database was set back: when everything that may have been sent was counted as sent."""


class InstallationRow(SQLModel, table=True):
    """One row with a random id. It tells this database from any other, but not from its copies."""

    __tablename__ = "installation"

    installation: str = Field(primary_key=True)


class RoundRow(SQLModel, table=True):
    """One round of upkeep. Temporal remembers the last one that ended."""

    __tablename__ = "rounds"

    number: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    nonce: str = Field(primary_key=True)
    at: datetime = Field(sa_column=_moment(nullable=False))


class ListingRow(SQLModel, table=True):
    """How far a partner's list of one of our accounts has been compared with our attempts."""

    __tablename__ = "listings"

    partner: str = Field(primary_key=True)
    partner_account: str = Field(primary_key=True)
    place: str = Field(primary_key=True)
    """Where the account was, as in the profiles of payments; empty in rows of earlier releases."""
    through: datetime = Field(sa_column=_moment(nullable=False))
    """When the newest compared payment was created, by the partner's clock."""


class StrangerRow(SQLModel, table=True):
    """A payment that a partner lists under one of our keys, but that we did not know or had closed
    as unsent."""

    __tablename__ = "strangers"

    partner: str = Field(primary_key=True)
    partner_account: str = Field(primary_key=True)
    place: str = Field(primary_key=True)
    partner_key: str = Field(primary_key=True)
    partner_reference: str
    created_at: datetime = Field(sa_column=_moment(nullable=False))
    found_at: datetime = Field(sa_column=_moment(nullable=False))


class StateRow(SQLModel, table=True):
    """A state that a payment entered. It is for the timeline only; nothing is decided from it."""

    __tablename__ = "states"

    number: int | None = Field(default=None, primary_key=True)
    payment_id: str = Field(index=True, foreign_key="payments.payment_id")
    state: str
    certainty: str
    entered_at: datetime = Field(sa_column=_moment(nullable=False))


class OperatorRow(SQLModel, table=True):
    """A key with which a person signs. Rows are never deleted: old signatures refer to them."""

    __tablename__ = "operators"

    key_id: str = Field(primary_key=True)
    """The public key in hexadecimal. No two operators, past or present, have the same one."""
    name: str = Field(index=True)
    public_key: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    added_at: datetime = Field(sa_column=_moment(nullable=False))
    added_by: str
    removed_at: datetime | None = Field(default=None, sa_column=_moment())
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
    recorded_at: datetime = Field(sa_column=_moment(nullable=False))


class RefusalRow(SQLModel, table=True):
    """A refused signature: the name that was claimed, the subject, and the reason."""

    __tablename__ = "refused_signatures"

    number: int | None = Field(default=None, primary_key=True)
    claimed: str = Field(index=True)
    kind: str
    subject: str = Field(index=True)
    why: str = Field(sa_column=Column(Text, nullable=False))
    first_at: datetime = Field(sa_column=_moment(nullable=False))
    last_at: datetime = Field(sa_column=_moment(nullable=False))
    times: int


class KeyRow(SQLModel, table=True):
    """A key that has sealed something in this store, with a value that only that key opens."""

    __tablename__ = "keys"

    key_id: str = Field(primary_key=True)
    canary_sealed: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    first_used_at: datetime = Field(sa_column=_moment(nullable=False))


class PartnerAccountRow(SQLModel, table=True):
    """A login with a partner, shared by all processes."""

    __tablename__ = "partner_accounts"

    partner: str = Field(primary_key=True)
    login_hash: str = Field(primary_key=True)
    credentials_hash: str = Field(sa_column=Column(String, nullable=False))
    token_sealed: bytes | None = Field(default=None, sa_column=Column(LargeBinary))
    token_at: datetime | None = Field(default=None, sa_column=_moment())
    leased_until: datetime | None = Field(default=None, sa_column=_moment())
    leased_by: str | None = None
    failures_in_row: int = 0
    refused_why: str | None = None
    refused_at: datetime | None = Field(default=None, sa_column=_moment())
    refused_hash: str | None = None
    """A hash of the credentials refused last. They stay refused, even if others were used since."""


class ReadLinesRow(SQLModel, table=True):
    """The two lines of payments that wait to be read with one login, shared by all processes.

    Each moment says up to when that line's share of the quota is given away.
    """

    __tablename__ = "read_lines"

    partner: str = Field(primary_key=True)
    login_hash: str = Field(primary_key=True)
    soon_until: datetime = Field(sa_column=_moment(nullable=False))
    late_until: datetime = Field(sa_column=_moment(nullable=False))


class PreparedRow(SQLModel, table=True):
    """An object that was created at a partner before a payment, or is being created now."""

    __tablename__ = "prepared"

    partner: str = Field(primary_key=True)
    place: str = Field(primary_key=True)
    """Scheme, host, port and login. The object exists only there."""
    purpose: str = Field(primary_key=True)
    identity_hash: str = Field(primary_key=True)
    """A keyed hash of everything that identifies it, such as names and account numbers."""
    reference: str | None = None
    """The partner's own id; None while the object is being created."""
    shown_hash: str | None = None
    """A keyed hash of what the partner showed of it when it was created."""
    made_at: datetime | None = Field(default=None, sa_column=_moment())
    leased_until: datetime | None = Field(default=None, sa_column=_moment())
    leased_by: str | None = None


class ClockRow(SQLModel, table=True):
    """How far a process's clock was from the others when it last stored a comparison."""

    __tablename__ = "clocks"

    process: str = Field(primary_key=True)
    read_at: datetime = Field(sa_column=_moment(nullable=False, index=True))
    """When it compared, by Temporal's clock and never by the process's own."""
    ahead_of_temporal_ms: int = Field(sa_column=Column(BigInteger, nullable=False))
    ahead_of_database_ms: int | None = Field(default=None, sa_column=Column(BigInteger))
    """None where the database has no clock, as on SQLite."""


class FileRow(SQLModel, table=True):
    """An accepted file of payments, identified by its sender and message id."""

    __tablename__ = "files"

    tenant: str = Field(primary_key=True)
    file_key: str = Field(primary_key=True)
    fingerprint: str
    taken_at: datetime = Field(sa_column=_moment(nullable=False))
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
