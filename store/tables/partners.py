"""What we keep about partners: references, deliveries, lists, logins, quotas, prepared objects."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Final

from sqlalchemy import Column, LargeBinary, String, UniqueConstraint, column, literal_column
from sqlmodel import Field, SQLModel

from store.columns import moment, where

#: The two kinds of references, as the partial indexes and the queries spell them.
IS_OBJECT: Final = literal_column("kind") == literal_column("'object'")
IS_END_TO_END: Final = literal_column("kind") == literal_column("'end_to_end'")


class ReferenceRow(SQLModel, table=True):
    """An id by which somebody else names an instruction. An instruction may have many.

    An object at a partner belongs to one instruction. An end-to-end id, of which a hash is stored,
    may be used again.
    """

    __tablename__ = "partner_references"
    __table_args__: ClassVar[tuple[object, ...]] = (
        where("uq_partner_references_object", "reference", "partner", "partner_account",
              that=IS_OBJECT, unique=True),
        where("ix_partner_references_end_to_end", "reference", that=IS_END_TO_END),
    )  # fmt: skip

    number: int | None = Field(default=None, primary_key=True)
    partner: str
    partner_account: str
    kind: str
    reference: str
    resource_id: str = Field(foreign_key="lifecycles.resource_id")
    instruction_id: str = Field(index=True, foreign_key="instructions.instruction_id")


class InboxRow(SQLModel, table=True):
    """A delivery, numbered in the order of arrival. It is marked once a read has covered it."""

    __tablename__ = "inbox"
    __table_args__: ClassVar[tuple[object, ...]] = (
        UniqueConstraint("partner", "partner_account", "event_key", name="uq_inbox_event"),
        where("ix_inbox_tell_at", "tell_at", "number", that=column("tell_at").is_not(None)),
        where(
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
    resource_id: str | None = Field(default=None, index=True)
    partner_reference: str | None = Field(default=None, index=True)
    received_at: datetime = Field(sa_column=moment(nullable=False))
    notify_at: datetime | None = Field(default=None, sa_column=moment("tell_at"))
    """When the relay next notifies the payment's run. None once a read has covered it, and as long
    as its payment is not known."""
    unmatched_since: datetime | None = Field(default=None, sa_column=moment())
    """When it arrived. None once it is matched with a payment, or people were asked about it."""
    read_at: datetime | None = Field(default=None, sa_column=moment())
    body_sealed: bytes = Field(sa_column=Column(LargeBinary, nullable=False))


class ListingRow(SQLModel, table=True):
    """How far a partner's list of one of our accounts has been compared with our attempts."""

    __tablename__ = "listings"

    partner: str = Field(primary_key=True)
    partner_account: str = Field(primary_key=True)
    place: str = Field(primary_key=True)
    """Where the account was, as in the profiles of payments; empty in rows of earlier releases."""
    through: datetime = Field(sa_column=moment(nullable=False))
    """When the newest compared payment was created, by the partner's clock."""


class FeedRow(SQLModel, table=True):
    """How far the events of one of our accounts were read from the partner's list."""

    __tablename__ = "feeds"

    partner: str = Field(primary_key=True)
    partner_account: str = Field(primary_key=True)
    place: str = Field(primary_key=True)
    """Where the account was, as in the profiles of payments."""
    through: datetime = Field(sa_column=moment(nullable=False))
    """When the newest event that was read happened, by the partner's clock."""
    cursor: str | None = None
    """From where to go on, in the partner's words."""
    read_at: datetime | None = Field(default=None, sa_column=moment())
    """When the feed was last read to its end, by our clock; None if it never was."""
    due_at: datetime = Field(sa_column=moment(nullable=False))
    """When it is read next."""
    read_turn_at: datetime | None = Field(default=None, sa_column=moment())
    """When the next page may be read, if the partner's quota makes it wait; else None."""


class StrangerRow(SQLModel, table=True):
    """A payment that a partner lists under one of our keys, but that we did not know or had closed
    as unsent."""

    __tablename__ = "strangers"

    partner: str = Field(primary_key=True)
    partner_account: str = Field(primary_key=True)
    place: str = Field(primary_key=True)
    partner_key: str = Field(primary_key=True)
    partner_reference: str
    created_at: datetime = Field(sa_column=moment(nullable=False))
    found_at: datetime = Field(sa_column=moment(nullable=False))


class PartnerAccountRow(SQLModel, table=True):
    """A login with a partner, shared by all processes."""

    __tablename__ = "partner_accounts"

    partner: str = Field(primary_key=True)
    login_hash: str = Field(primary_key=True)
    credentials_hash: str = Field(sa_column=Column(String, nullable=False))
    token_sealed: bytes | None = Field(default=None, sa_column=Column(LargeBinary))
    token_at: datetime | None = Field(default=None, sa_column=moment())
    leased_until: datetime | None = Field(default=None, sa_column=moment())
    leased_by: str | None = None
    failures_in_row: int = 0
    refused_why: str | None = None
    refused_at: datetime | None = Field(default=None, sa_column=moment())
    refused_hash: str | None = None
    """A hash of the credentials refused last. They stay refused, even if others were used since."""


class ReadLinesRow(SQLModel, table=True):
    """The two lines of payments that wait to be read with one login, shared by all processes.

    Each moment says up to when that line's share of the quota is given away.
    """

    __tablename__ = "read_lines"

    partner: str = Field(primary_key=True)
    login_hash: str = Field(primary_key=True)
    soon_until: datetime = Field(sa_column=moment(nullable=False))
    late_until: datetime = Field(sa_column=moment(nullable=False))


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
    made_at: datetime | None = Field(default=None, sa_column=moment())
    leased_until: datetime | None = Field(default=None, sa_column=moment())
    leased_by: str | None = None
