"""Account data as apps and people see it: accounts, balances and transactions, with their age.

While a bank is away this is the last good data. Of a listing that is under way nothing is shown.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, and_, or_
from sqlmodel import Session, col, select

from domain.account_data.accounts import Balance, BalanceKind, LinkedAccount
from domain.account_data.transactions import Booking, Transaction
from domain.ids import hashed
from domain.lifecycle.resource import UnknownResource
from domain.money import Money
from store.account_sealing import opened_details, opened_line
from store.database import Database
from store.keyring import Keyring
from store.tables.account_data import (
    AccountFeedRow,
    BalanceRow,
    LinkedAccountRow,
    TransactionRow,
)

_ID_LENGTH: Final = 32
_HEX: Final = "0123456789abcdef"


@dataclass(frozen=True)
class AccountRecord:
    """An account, with its balances and the age of all that is known of it.

    Attributes:
        ends: the last four characters of its number, which stay when its data is erased.
        balances_read_at, read_at: when the balances, and the transactions, were last read whole.
        is_linked: whether its consent still covers it.
        erase_at, erased_at: when its data will be, or was, erased.
        failed_since, why: since when the bank brings nothing, and why; None and empty if all is
            well.
        drift: what the last reading showed outside the known contract.
    """

    account_id: str
    tenant: str
    consent_id: str
    partner: str
    partner_account: str
    account: LinkedAccount
    ends: str
    balances: tuple[Balance, ...]
    balances_read_at: datetime | None
    read_at: datetime | None
    is_linked: bool
    erase_at: datetime | None
    erased_at: datetime | None
    failed_since: datetime | None
    why: str
    drift: tuple[str, ...]


@dataclass(frozen=True)
class TransactionRecord:
    """A transaction, with what the bank wrote of it."""

    transaction_id: str
    account_id: str
    day: date
    transaction: Transaction
    raw: Any
    became: str | None
    """The id of the booked one that a pending one has become."""
    gone_at: datetime | None
    """When a pending one was no longer listed."""
    place: TransactionPlace


class TransactionPlace(NamedTuple):
    """A place in the list of an account's transactions."""

    day: date
    identity: str
    ordinal: int


@dataclass(frozen=True)
class WantedTransactions:
    """The criteria of a list of transactions, the newest first. None matches every one.

    Attributes:
        days_from, days_to: the first and the last day, both included.
        with_gone: also pending ones that were booked or vanished.
    """

    account_id: str
    tenant: str | None = None
    booking: Booking | None = None
    days_from: date | None = None
    days_to: date | None = None
    with_gone: bool = False
    after: TransactionPlace | None = None


@dataclass(frozen=True)
class TransactionsFound:
    """A page of transactions. `is_cut`: there are more that match."""

    account: AccountRecord
    records: list[TransactionRecord]
    is_cut: bool


class AccountData:
    """Reads what is stored of accounts."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database = database
        self._keyring = keyring

    async def accounts(
        self,
        *,
        tenant: str | None = None,
        consent_id: str | None = None,
        after: str | None = None,
        limit: int,
    ) -> tuple[list[AccountRecord], bool]:
        """Accounts by id, and whether there are more.

        Args:
            after: the id of the last account of the page before.

        Raises:
            KeyringError: one of them cannot be opened.
        """
        rows = select(LinkedAccountRow).order_by(col(LinkedAccountRow.account_id)).limit(limit + 1)
        if tenant is not None:
            rows = rows.where(LinkedAccountRow.tenant == tenant)
        if consent_id is not None:
            rows = rows.where(LinkedAccountRow.consent_id == consent_id)
        if after is not None:
            rows = rows.where(LinkedAccountRow.account_id > after)

        def query(session: Session) -> tuple[list[AccountRecord], bool]:
            found = session.exec(rows).all()
            return [self._account(session, row) for row in found[:limit]], len(found) > limit

        return await self._database.read(query)

    async def account(self, account_id: str, tenant: str | None) -> AccountRecord:
        """One account. Another tenant's looks unknown.

        Raises:
            UnknownResource: the tenant has no such account.
            KeyringError: it cannot be opened.
        """

        def query(session: Session) -> AccountRecord:
            return self._account(session, _require(session, account_id, tenant))

        return await self._database.read(query)

    async def transactions(self, wanted: WantedTransactions, *, limit: int) -> TransactionsFound:
        """The transactions of an account that match, the newest first.

        Raises:
            UnknownResource: the tenant has no such account.
            KeyringError: one of them cannot be opened.
        """

        def query(session: Session) -> TransactionsFound:
            account = _require(session, wanted.account_id, wanted.tenant)
            rows = (
                select(TransactionRow)
                .where(*_clauses(wanted, account.published))
                .order_by(
                    col(TransactionRow.day).desc(),
                    col(TransactionRow.identity),
                    col(TransactionRow.ordinal),
                )
                .limit(limit + 1)
            )
            found = session.exec(rows).all()
            return TransactionsFound(
                self._account(session, account),
                [self._transaction(row) for row in found[:limit]],
                is_cut=len(found) > limit,
            )

        return await self._database.read(query)

    def _account(self, session: Session, row: LinkedAccountRow) -> AccountRecord:
        feed = session.get_one(AccountFeedRow, row.consent_id)
        balances = session.exec(
            select(BalanceRow)
            .where(BalanceRow.account_id == row.account_id)
            .order_by(col(BalanceRow.position))
        ).all()
        return AccountRecord(
            account_id=row.account_id,
            tenant=row.tenant,
            consent_id=row.consent_id,
            partner=row.partner,
            partner_account=row.partner_account,
            account=opened_details(self._keyring, row),
            ends=row.ends,
            balances=tuple(map(_balance, balances)),
            balances_read_at=row.balances_read_at,
            read_at=row.read_at,
            is_linked=row.is_linked,
            erase_at=row.erase_at,
            erased_at=row.erased_at,
            failed_since=feed.failed_since,
            why=feed.why,
            drift=tuple(row.drift.splitlines()),
        )

    def _transaction(self, row: TransactionRow) -> TransactionRecord:
        line = opened_line(self._keyring, row)
        return TransactionRecord(
            transaction_id=_id(row.account_id, row.identity, str(row.ordinal)),
            account_id=row.account_id,
            day=row.day,
            transaction=line.transaction,
            raw=line.raw,
            became=_id(row.account_id, *row.became.split(".")) if row.became else None,
            gone_at=row.gone_at,
            place=TransactionPlace(row.day, row.identity, row.ordinal),
        )


def _id(account_id: str, identity: str, ordinal: str) -> str:
    return "txn_" + hashed(account_id, identity, ordinal, length=_ID_LENGTH, alphabet=_HEX)


def _require(session: Session, account_id: str, tenant: str | None) -> LinkedAccountRow:
    row = session.get(LinkedAccountRow, account_id)
    if row is None or tenant not in (None, row.tenant):
        raise UnknownResource(f"no account {account_id}")
    return row


def _clauses(wanted: WantedTransactions, published: int) -> Iterator[ColumnElement[bool]]:
    yield col(TransactionRow.account_id) == wanted.account_id
    yield col(TransactionRow.first_listing) <= published
    yield col(TransactionRow.is_proven).is_(True)
    if not wanted.with_gone:
        yield col(TransactionRow.gone_at).is_(None)
    if wanted.booking is not None:
        yield col(TransactionRow.booking) == wanted.booking
    if wanted.days_from is not None:
        yield col(TransactionRow.day) >= wanted.days_from
    if wanted.days_to is not None:
        yield col(TransactionRow.day) <= wanted.days_to
    if wanted.after is not None:
        day, identity, ordinal = wanted.after
        same_day = col(TransactionRow.day) == day
        same = and_(same_day, col(TransactionRow.identity) == identity)
        yield or_(
            col(TransactionRow.day) < day,
            and_(same_day, col(TransactionRow.identity) > identity),
            and_(same, col(TransactionRow.ordinal) > ordinal),
        )


def _balance(row: BalanceRow) -> Balance:
    return Balance(
        kind=BalanceKind(row.kind),
        amount=Money(minor=row.amount_minor, currency=row.currency),
        day=row.day,
        changed_at=row.changed_at,
        includes_credit=row.includes_credit,
    )
