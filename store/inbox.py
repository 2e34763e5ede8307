"""The inbox: what arrived unasked, numbered, and which of it a read has covered."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func
from sqlmodel import Session, col, select

from store.database import Database
from store.keyring import Keyring
from store.tables import InboxRow


class Inbox:
    """Rows are put once by the partner's own event key, whoever delivers them how often."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database = database
        self._keyring = keyring

    async def put(
        self,
        *,
        partner: str,
        event_key: str,
        partner_reference: str | None,
        payment_id: str | None,
        body: bytes,
        now: datetime,
    ) -> bool:
        """Keep one arrival; False if it was there already."""
        sealed = self._keyring.seal(body, f"inbox/{partner}/{event_key}")

        def transaction(session: Session) -> bool:
            known = session.exec(
                select(InboxRow.number).where(
                    InboxRow.partner == partner, InboxRow.event_key == event_key
                )
            ).one_or_none()
            if known is not None:
                return False
            session.add(
                InboxRow(
                    partner=partner,
                    event_key=event_key,
                    payment_id=payment_id,
                    partner_reference=partner_reference,
                    received_at=now,
                    body_sealed=sealed,
                )
            )
            return True

        return await self._database.write(transaction)

    async def highest(self, payment_id: str) -> int:
        """The number to note before a read is asked; 0 when nothing arrived."""

        def query(session: Session) -> int:
            numbers = select(func.max(InboxRow.number)).where(InboxRow.payment_id == payment_id)
            return session.exec(numbers).one() or 0

        return await self._database.read(query)


def has_news(session: Session, payment_id: str) -> bool:
    """Whether something arrived that no read has covered yet."""
    unread = select(InboxRow.number).where(
        InboxRow.payment_id == payment_id, col(InboxRow.read_at).is_(None)
    )
    return session.exec(unread.limit(1)).first() is not None


def mark_read(session: Session, payment_id: str, through: int, now: datetime) -> None:
    """Mark rows that had arrived before the read was asked; later ones stay unread."""
    rows = session.exec(
        select(InboxRow).where(
            InboxRow.payment_id == payment_id,
            col(InboxRow.number) <= through,
            col(InboxRow.read_at).is_(None),
        )
    )
    for found in rows:
        found.read_at = now
        session.add(found)


def match_reference(session: Session, partner: str, reference: str, payment_id: str) -> None:
    """Give rows that came before we knew the partner's reference to their payment."""
    rows = session.exec(
        select(InboxRow).where(
            InboxRow.partner == partner,
            InboxRow.partner_reference == reference,
            col(InboxRow.payment_id).is_(None),
        )
    )
    for found in rows:
        found.payment_id = payment_id
        session.add(found)
