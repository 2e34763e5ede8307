"""Account data: accounts of consents, their balances and transactions, and how far they were read.

Account numbers, names and the bank's own texts are sealed. Amounts and days are in the clear,
because people filter by them.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import ClassVar, Final

from sqlalchemy import BigInteger, Boolean, Column, Index, LargeBinary, Text, column, literal_column
from sqlmodel import Field, SQLModel

from store.columns import moment, where

#: As the partial index and the queries spell it.
IS_PENDING: Final = literal_column("booking") == literal_column("'pending'")


class AccountFeedRow(SQLModel, table=True):
    """The reading of the accounts of one consent."""

    __tablename__ = "account_feeds"
    __table_args__: ClassVar[tuple[object, ...]] = (
        where("ix_account_feeds_due_at", "due_at", "consent_id",
              that=column("due_at").is_not(None)),
    )  # fmt: skip

    consent_id: str = Field(primary_key=True, foreign_key="lifecycles.resource_id")
    tenant: str
    partner: str
    partner_account: str
    due_at: datetime | None = Field(default=None, sa_column=moment())
    """When its run has to do the next step; None if nothing is owed any more."""
    turn: int = 0
    """Counts the steps that were begun. Only the step that was begun last may record."""
    leased_until: datetime | None = Field(default=None, sa_column=moment())
    """Until when the step that was begun last is taken to be under way."""
    accounts_due_at: datetime = Field(sa_column=moment(nullable=False))
    accounts_read_at: datetime | None = Field(default=None, sa_column=moment())
    attended_until: datetime | None = Field(default=None, sa_column=moment())
    """Until when the user is taken to be there; None if the user is not."""
    attended_sealed: bytes | None = Field(default=None, sa_column=Column(LargeBinary))
    """The user's address of that time."""
    failures: int = 0
    """Readings in a row that brought nothing."""
    failed_since: datetime | None = Field(default=None, sa_column=moment())
    not_before: datetime | None = Field(default=None, sa_column=moment())
    why: str = Field(default="", sa_column=Column(Text, nullable=False))
    """Why the last reading brought nothing; empty if it brought something."""


class LinkedAccountRow(SQLModel, table=True):
    """One account. It stays the same when a newer consent of its user covers it."""

    __tablename__ = "linked_accounts"
    __table_args__: ClassVar[tuple[object, ...]] = (
        Index("ix_linked_accounts_tenant", "tenant", "account_id"),
        where("ix_linked_accounts_erase_at", "erase_at", "account_id",
              that=column("erase_at").is_not(None)),
    )  # fmt: skip

    account_id: str = Field(primary_key=True)
    tenant: str
    consent_id: str = Field(index=True, foreign_key="account_feeds.consent_id")
    """The consent by which it is read, or was last."""
    identity_hash: str = Field(unique=True)
    """A keyed hash of its user, its bank and its number."""
    partner: str
    partner_account: str
    currency: str | None = None
    ends: str = ""
    """The last four characters of its number."""
    details_sealed: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    linked_at: datetime = Field(sa_column=moment(nullable=False))
    is_linked: bool = True
    """Whether the consent covers it."""
    erase_at: datetime | None = Field(default=None, sa_column=moment())
    """When its data is erased; None while it may be read."""
    erased_at: datetime | None = Field(default=None, sa_column=moment())
    balances_due_at: datetime = Field(sa_column=moment(nullable=False))
    balances_read_at: datetime | None = Field(default=None, sa_column=moment())
    due_at: datetime = Field(sa_column=moment(nullable=False))
    """When its transactions are listed next."""
    read_at: datetime | None = Field(default=None, sa_column=moment())
    """When the last listing began that was read to its end."""
    steady_at: datetime | None = Field(default=None, sa_column=moment())
    """When the last of those began during which the list did not move."""
    phase: str = ""
    """What the listing under way needs next; empty if none is under way."""
    listing: int = 0
    """The number of the listing under way, or of the last one."""
    published: int = 0
    """The last listing that was read to its end. What later ones brought is not shown yet."""
    began_at: datetime | None = Field(default=None, sa_column=moment())
    since: date | None = None
    """From which day the listing is read; None: as far back as the bank shows."""
    cursor_sealed: bytes | None = Field(default=None, sa_column=Column(LargeBinary))
    pages: int = 0
    """Pages of this listing that are stored."""
    checked: int = 0
    """Pages that were looked at again, to see whether the list moved."""
    rolling_hash: str = ""
    """Of all pages so far, of the listing or of the second look."""
    head_pages: int = 0
    """How many pages are looked at again: up to the last one with a pending line."""
    head_hash: str = ""
    """Of these pages, as the listing had them."""
    again: int = 0
    """Listings begun again in a row because the list moved."""
    drift: str = Field(default="", sa_column=Column(Text, nullable=False))
    """What the last reading showed outside the known contract."""


class AccountReadRow(SQLModel, table=True):
    """One unattended reading, for the bank's quota."""

    __tablename__ = "account_reads"
    __table_args__: ClassVar[tuple[object, ...]] = (
        Index("ix_account_reads_subject", "subject", "scope", "read_at"),
    )

    number: int | None = Field(default=None, primary_key=True)
    subject: str
    """The account, or the consent whose accounts were listed."""
    scope: str
    read_at: datetime = Field(sa_column=moment(nullable=False))


class BalanceRow(SQLModel, table=True):
    """One balance of the last reading."""

    __tablename__ = "account_balances"

    account_id: str = Field(primary_key=True, foreign_key="linked_accounts.account_id")
    position: int = Field(primary_key=True)
    """In the bank's order."""
    kind: str
    amount_minor: int = Field(sa_column=Column(BigInteger, nullable=False))
    currency: str
    day: date | None = None
    changed_at: datetime | None = Field(default=None, sa_column=moment())
    includes_credit: bool = False


class TransactionRow(SQLModel, table=True):
    """One transaction of an account."""

    __tablename__ = "account_transactions"
    __table_args__: ClassVar[tuple[object, ...]] = (
        Index("ix_account_transactions_day", "account_id", "day", "identity", "ordinal"),
        where("ix_account_transactions_pending", "account_id", "identity",
              that=IS_PENDING),
        where("ix_account_transactions_unproven", "account_id", "identity",
              that=column("is_proven", Boolean).is_(False)),
    )  # fmt: skip

    account_id: str = Field(primary_key=True, foreign_key="linked_accounts.account_id")
    identity: str = Field(primary_key=True)
    """A keyed hash of what makes it this transaction."""
    ordinal: int = Field(primary_key=True)
    """Counts the transactions of which the bank shows the same."""
    booking: str
    day: date
    """By which it is listed: that of booking, else of value, else of the first reading."""
    booked_on: date | None = None
    valued_on: date | None = None
    amount_minor: int = Field(sa_column=Column(BigInteger, nullable=False))
    """Negative if the account paid."""
    currency: str
    line_sealed: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    first_listing: int
    seen_listing: int
    is_proven: bool = True
    """False if it may be the same line again, because the list moved between two pages."""
    gone_at: datetime | None = Field(default=None, sa_column=moment())
    """When a pending one was no longer listed."""
    became: str | None = None
    """The identity and ordinal of the booked one that it has become."""
