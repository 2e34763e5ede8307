"""Every table. Rows are mapped to domain values explicitly: SQLModel tables do not validate."""

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
    """A column of moments in UTC. Its name is the field's, unless the first release had another:
    a process of an older release may still run on the same database."""
    return Column(name, Moment(), index=index, nullable=nullable)


def _where(name: str, *columns: str, that: ColumnElement[bool]) -> Index:
    """An index of the few rows that upkeep asks for, not of all that ever were.

    A query uses it only where it spells the condition as it is spelled here, so both are made by
    SQLAlchemy: `IS NULL` and `IS NOT NULL`, which both databases also see in a comparison, and
    `.is_(False)`.
    """
    return Index(name, *columns, sqlite_where=that, postgresql_where=that)


class PaymentRow(SQLModel, table=True):
    """An order and what the fold says of it. `order_sealed` has names and account numbers."""

    __tablename__ = "payments"
    __table_args__: ClassVar[tuple[object, ...]] = (
        UniqueConstraint("tenant", "key", name="uq_payments_tenant_key"),
        # For upkeep.
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
        # For people: the newest first.
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
    """When a step for it first found its partner silent; None once one is answered."""
    intent_hash: str | None = Field(default=None, index=True)
    """What makes two orders the same payment; None where they were never compared."""
    intent_batch: str | None = None
    """The file an order came with: its lines are not compared with each other."""
    acknowledged: str | None = None
    """Payment ids somebody said this one does not repeat, by comma."""
    acknowledged_by: str | None = None
    """The operator who said so, where one did."""
    submit_from: datetime | None = Field(default=None, sa_column=_moment())
    execute_by: datetime | None = Field(default=None, sa_column=_moment())
    gate_passed_at: datetime | None = Field(default=None, sa_column=_moment())
    escalates_at: datetime | None = Field(default=None, sa_column=_moment())
    """When the next question to people comes due, though nothing be heard meanwhile."""
    owed_at: datetime | None = Field(default=None, sa_column=_moment())
    """When its run has to do its next step; None when nothing is owed."""
    notify_at: datetime | None = Field(default=None, sa_column=_moment("tell_at"))
    """When upkeep tells its run, should that not act by itself; None when nothing is owed."""
    read_turn_at: datetime | None = Field(default=None, sa_column=_moment())
    """Where the partner's quota keeps the next read waiting: when it may be made, and in which
    line it waits."""
    read_line: str | None = None
    cancel_asked_at: datetime | None = Field(default=None, sa_column=_moment())
    created_at: datetime = Field(sa_column=_moment(nullable=False))
    updated_at: datetime = Field(sa_column=_moment(nullable=False, index=True))
    started_at: datetime | None = Field(default=None, sa_column=_moment())


class InstructionRow(SQLModel, table=True):
    """One thing asked of one partner; the exact request, sealed, once it is built."""

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
    """Its own, where it is not the order's: a cancel may be asked long after."""
    reopened: str | None = None
    """Why it was closed before it turned out that it may have been sent."""
    found_executed: bool = False
    """A person found that the partner executed it."""


class AttemptRow(SQLModel, table=True):
    """One time bytes may leave, written before they do."""

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
    """Random: tells it from an attempt of the same number that a set-back database has forgotten.
    Empty for attempts of earlier releases, and for forgotten ones that nobody has reported."""
    partner_key: str | None = Field(default=None, index=True)
    """The key its bytes carry, by which the partner's list is compared with ours. None of
    attempts that earlier releases made."""


class LookupRow(SQLModel, table=True):
    """One time the partner was asked by our own reference."""

    __tablename__ = "lookups"

    instruction_id: str = Field(primary_key=True, foreign_key="instructions.instruction_id")
    asked_at: datetime = Field(sa_column=Column(Moment(), primary_key=True))
    result: str
    why: str = Field(default="", sa_column=Column(Text, nullable=False))


class ReportRow(SQLModel, table=True):
    """One thing we were told, with the redacted exchange it came from, sealed."""

    __tablename__ = "reports"

    report_id: str = Field(primary_key=True)
    payment_id: str = Field(index=True, foreign_key="payments.payment_id")
    instruction_id: str
    report_json: str = Field(sa_column=Column(Text, nullable=False))
    heard_at: datetime = Field(sa_column=_moment(nullable=False))


class ExchangeRow(SQLModel, table=True):
    """One request and its answer, redacted and sealed, whether or not it told us anything."""

    __tablename__ = "exchanges"

    number: int | None = Field(default=None, primary_key=True)
    payment_id: str = Field(index=True, foreign_key="payments.payment_id")
    instruction_id: str
    report_id: str | None = None
    heard_at: datetime = Field(sa_column=_moment(nullable=False))
    summary: str = Field(sa_column=Column(Text, nullable=False))
    exchange_sealed: bytes = Field(sa_column=Column(LargeBinary, nullable=False))


class MovementRow(SQLModel, table=True):
    """Money that moved, once per booking."""

    __tablename__ = "movements"

    payment_id: str = Field(primary_key=True, foreign_key="payments.payment_id")
    movement_id: str = Field(primary_key=True)
    kind: str
    amount_minor: int = Field(sa_column=Column(BigInteger, nullable=False))
    currency: str
    booked_at: datetime | None = Field(default=None, sa_column=_moment())


class InboxRow(SQLModel, table=True):
    """What arrived unasked, in the order it arrived; marked when a read has covered it."""

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
    """Whose secret proved it: an event of one account says nothing of another's payments."""
    event_key: str
    payment_id: str | None = Field(default=None, index=True)
    partner_reference: str | None = Field(default=None, index=True)
    received_at: datetime = Field(sa_column=_moment(nullable=False))
    notify_at: datetime | None = Field(default=None, sa_column=_moment("tell_at"))
    """When the relay next tells the payment's run; None once a read covers it, and before its
    payment is known."""
    unmatched_since: datetime | None = Field(default=None, sa_column=_moment())
    """When it arrived, as long as no payment has it and people were not asked whose it is."""
    read_at: datetime | None = Field(default=None, sa_column=_moment())
    body_sealed: bytes = Field(sa_column=Column(LargeBinary, nullable=False))


class TaskRow(SQLModel, table=True):
    """A question to a person, with owner and due date. The same question is open once."""

    __tablename__ = "tasks"
    __table_args__: ClassVar[tuple[object, ...]] = (
        _where("ix_tasks_open", "due_at", "task_id", that=column("closed_at").is_(None)),
    )

    task_id: str = Field(primary_key=True)
    payment_id: str | None = Field(default=None, index=True, foreign_key="payments.payment_id")
    """None where the question is about deliveries that match no payment."""
    partner: str | None = None
    partner_account: str | None = None
    partner_reference: str | None = None
    """These three name such deliveries; None where the question is about a payment."""
    kind: str
    question: str = Field(sa_column=Column(Text, nullable=False))
    owner: str
    due_at: datetime = Field(sa_column=_moment(nullable=False))
    opened_at: datetime = Field(sa_column=_moment(nullable=False))
    closed_at: datetime | None = Field(default=None, sa_column=_moment())
    closed_by: str | None = None
    """The operator who dismissed it; None where its answer closed it."""
    closed_why: str | None = Field(default=None, sa_column=Column(Text))


class CommandRow(SQLModel, table=True):
    """What a person or an app asked of a payment, once per command id, and what came of it."""

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
    """What was known when it was asked: a proposal about other evidence counts no more."""
    asked_at: datetime = Field(sa_column=_moment(nullable=False))
    outcome: str
    outcome_at: datetime | None = Field(default=None, sa_column=_moment())
    notified_at: datetime | None = Field(default=None, sa_column=_moment("told_at"))
    """When the payment's run was told of it."""


class HaltRow(SQLModel, table=True):
    """A stop of new sends, for everything or a part; in force until it is lifted."""

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
    """When what it had held back was told that it is lifted."""
    since: datetime | None = Field(default=None, sa_column=_moment())
    """Of a database that was set back: from when on it may have closed payments that it had
    forgotten to have sent; None where that is not known."""
    doubted_at: datetime | None = Field(default=None, sa_column=_moment())
    """Of a database that was set back: when all that may have been sent counted as sent."""


class InstallationRow(SQLModel, table=True):
    """One row: what tells this database from any other, not from its own copies."""

    __tablename__ = "installation"

    installation: str = Field(primary_key=True)


class RoundRow(SQLModel, table=True):
    """One round of upkeep; Temporal remembers the last one that ended."""

    __tablename__ = "rounds"

    number: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    nonce: str = Field(primary_key=True)
    at: datetime = Field(sa_column=_moment(nullable=False))


class ListingRow(SQLModel, table=True):
    """How far a partner's list of one of our accounts has been compared with what we know."""

    __tablename__ = "listings"

    partner: str = Field(primary_key=True)
    partner_account: str = Field(primary_key=True)
    place: str = Field(primary_key=True)
    """Where the account was then, as payments keep it; empty in rows of earlier releases."""
    through: datetime = Field(sa_column=_moment(nullable=False))
    """When the newest payment that was compared was created, by the partner's clock."""


class StrangerRow(SQLModel, table=True):
    """A payment that a partner shows under one of our keys, and that we knew nothing of, or had
    closed as unsent."""

    __tablename__ = "strangers"

    partner: str = Field(primary_key=True)
    partner_account: str = Field(primary_key=True)
    place: str = Field(primary_key=True)
    partner_key: str = Field(primary_key=True)
    partner_reference: str
    created_at: datetime = Field(sa_column=_moment(nullable=False))
    found_at: datetime = Field(sa_column=_moment(nullable=False))


class StateRow(SQLModel, table=True):
    """A state a payment entered, for the timeline; never read to decide anything."""

    __tablename__ = "states"

    number: int | None = Field(default=None, primary_key=True)
    payment_id: str = Field(index=True, foreign_key="payments.payment_id")
    state: str
    certainty: str
    entered_at: datetime = Field(sa_column=_moment(nullable=False))


class OperatorRow(SQLModel, table=True):
    """A key by which one person signs. Rows are never deleted: old signatures refer to them."""

    __tablename__ = "operators"

    key_id: str = Field(primary_key=True)
    """The public key, in hexadecimal: no two operators, then or now, have the same one."""
    name: str = Field(index=True)
    public_key: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    added_at: datetime = Field(sa_column=_moment(nullable=False))
    added_by: str
    removed_at: datetime | None = Field(default=None, sa_column=_moment())
    removed_by: str | None = None


class SignatureRow(SQLModel, table=True):
    """A statement that an operator signed, as it was verified when it was recorded."""

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
    """A signature that was not accepted: who was claimed, for what, and why it was refused."""

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
    """A key that sealed something in this store, with a value that only that key opens."""

    __tablename__ = "keys"

    key_id: str = Field(primary_key=True)
    canary_sealed: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    first_used_at: datetime = Field(sa_column=_moment(nullable=False))


class PartnerAccountRow(SQLModel, table=True):
    """A login with a partner, as all processes share it."""

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
    """The credentials refused last: still refused when others were in use meanwhile."""


class ReadLinesRow(SQLModel, table=True):
    """The two lines of payments to be read with one login, as all processes share them.

    Each moment says up to when the line's share of the quota is given away.
    """

    __tablename__ = "read_lines"

    partner: str = Field(primary_key=True)
    login_hash: str = Field(primary_key=True)
    soon_until: datetime = Field(sa_column=_moment(nullable=False))
    late_until: datetime = Field(sa_column=_moment(nullable=False))


class PreparedRow(SQLModel, table=True):
    """An object that was made at a partner before a payment, or is being made by one payment."""

    __tablename__ = "prepared"

    partner: str = Field(primary_key=True)
    place: str = Field(primary_key=True)
    """Scheme, host, port and login: elsewhere it does not exist."""
    purpose: str = Field(primary_key=True)
    identity_hash: str = Field(primary_key=True)
    """Keyed, of all that tells it apart: names and account numbers."""
    reference: str | None = None
    """The partner's own id; None while it is being made."""
    shown_hash: str | None = None
    """Keyed, of what the partner showed of it when it was made."""
    made_at: datetime | None = Field(default=None, sa_column=_moment())
    leased_until: datetime | None = Field(default=None, sa_column=_moment())
    leased_by: str | None = None


class ClockRow(SQLModel, table=True):
    """A process's clock beside the others, when it last compared them before a step."""

    __tablename__ = "clocks"

    process: str = Field(primary_key=True)
    read_at: datetime = Field(sa_column=_moment(nullable=False, index=True))
    """By Temporal's clock, never by the process's own."""
    ahead_of_temporal_ms: int = Field(sa_column=Column(BigInteger, nullable=False))
    ahead_of_database_ms: int | None = Field(default=None, sa_column=Column(BigInteger))
    """None on SQLite, which has no clock of its own."""


class FileRow(SQLModel, table=True):
    """A file of payments that was taken, by who sent it and its message id."""

    __tablename__ = "files"

    tenant: str = Field(primary_key=True)
    file_key: str = Field(primary_key=True)
    fingerprint: str
    taken_at: datetime = Field(sa_column=_moment(nullable=False))
    message_id: str | None = Field(default=None, index=True)
    """None of files that the first releases took."""
    header_sealed: bytes | None = Field(default=None, sa_column=Column(LargeBinary))
    """What the file says of itself: its sender, version, count and sum."""


class FileLineRow(SQLModel, table=True):
    """A line of a file, of a refused one too; its payment is the one that has its key."""

    __tablename__ = "file_lines"
    __table_args__: ClassVar[tuple[object, ...]] = (
        Index("ix_file_lines_payment", "tenant", "payment_key"),
    )

    tenant: str = Field(primary_key=True)
    file_key: str = Field(primary_key=True)
    position: int = Field(primary_key=True)
    payment_key: str | None = None
    """None where the line was refused."""
    line_sealed: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
