"""What has become of pending transactions that the bank does not list any more."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from sqlmodel import Session, col, select

from domain.account_data.matching import BOOKED_WITHIN, booked_as
from domain.account_data.transactions import Transaction
from store.account_sealing import opened_line
from store.keyring import Keyring
from store.tables.account_data import IS_PENDING, LinkedAccountRow, TransactionRow


class Key(NamedTuple):
    """Names a transaction of an account."""

    identity: str
    ordinal: int

    @property
    def text(self) -> str:
        """As it is stored in `became`."""
        return f"{self.identity}.{self.ordinal}"


def settle_pending(
    session: Session, keyring: Keyring, account: LinkedAccountRow, now: datetime
) -> None:
    """After a steady listing, note which pending transactions are gone, and what they became.

    A booked line that was there while the pending one was still listed is another transaction.
    """
    of = col(TransactionRow.account_id) == account.account_id
    gone = session.exec(
        select(TransactionRow)
        .where(of, IS_PENDING)
        .where(col(TransactionRow.became).is_(None))
        .where(col(TransactionRow.seen_listing) < account.listing)
    ).all()
    for row in gone:
        row.gone_at = row.gone_at or now
        session.add(row)
    waiting = [row for row in gone if row.gone_at and now - row.gone_at <= BOOKED_WITHIN]
    if not waiting:
        return
    first = min(row.seen_listing for row in waiting)
    booked = session.exec(
        select(TransactionRow).where(of, ~IS_PENDING, col(TransactionRow.first_listing) > first)
    ).all()
    taken = set(
        session.exec(
            select(TransactionRow.became).where(of, col(TransactionRow.became).is_not(None))
        ).all()
    )
    # Those that vanished last come first: they have the fewest lines to choose from.
    for last in sorted({row.seen_listing for row in waiting}, reverse=True):
        vanished = {_text(row): row for row in waiting if row.seen_listing == last}
        came = [row for row in booked if row.first_listing > last and _text(row) not in taken]
        became = booked_as(_opened(keyring, vanished.values()), _opened(keyring, came))
        for its, other in became.items():
            vanished[its].became = other
            session.add(vanished[its])
        taken |= {*became.values()}


def _text(row: TransactionRow) -> str:
    return Key(row.identity, row.ordinal).text


def _opened(keyring: Keyring, rows: Iterable[TransactionRow]) -> list[tuple[str, Transaction]]:
    return [(_text(row), opened_line(keyring, row).transaction) for row in rows]
