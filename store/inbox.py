"""The inbox: what arrived unasked, numbered, and which of it a read has covered."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, bindparam, func, update
from sqlmodel import Session, col, select

from domain.notifying import YOUNG, next_notification
from store.clocks import no_later
from store.database import Database
from store.keyring import Keyring
from store.locks import hold
from store.tables import InboxRow, InstructionRow, PaymentRow
from store.unmatched import Reference, ask_whose, close_matched

#: A partner's reference is stored within seconds of its answer, or of a lookup. After so long a
#: delivery that still matches no payment needs a person.
MATCHED_WITHIN: Final = timedelta(hours=1)

_NEWEST_UNREAD: Final = select(func.max(InboxRow.received_at)).where(
    InboxRow.payment_id == bindparam("payment_id"), col(InboxRow.read_at).is_(None)
)

_UNREAD: Final = select(InboxRow).where(
    InboxRow.payment_id == bindparam("payment_id"),
    col(InboxRow.number) <= bindparam("through"),
    col(InboxRow.read_at).is_(None),
)


@dataclass(frozen=True)
class Arrival:
    """What became of a delivery: whether it is new, and whose payment it is about."""

    is_new: bool
    tenant: str | None = None
    payment_id: str | None = None


class Inbox:
    """Rows are put once by the partner's own event key, whoever delivers them how often."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database = database
        self._keyring = keyring

    async def put(
        self,
        *,
        partner: str,
        partner_account: str,
        event_key: str,
        partner_reference: str,
        body: bytes,
        now: datetime,
    ) -> Arrival:
        """Keep one arrival and find its payment; parked where there is none (yet).

        Only payments of the account whose secret proved the delivery are looked at.
        """
        sealed = self._keyring.seal(body, _context(partner, partner_account, event_key))

        def transaction(session: Session) -> Arrival:
            hold(
                session,
                _event(partner, partner_account, event_key),
                _named(Reference(partner, partner_account, partner_reference)),
            )
            owner = _owner(session, partner, partner_account, partner_reference)
            tenant, payment_id = (owner.tenant, owner.payment_id) if owner else (None, None)
            known = session.exec(
                select(InboxRow.number).where(
                    InboxRow.partner == partner,
                    InboxRow.partner_account == partner_account,
                    InboxRow.event_key == event_key,
                )
            ).one_or_none()
            if known is not None:
                return Arrival(False, tenant, payment_id)
            received_at = no_later(session, now)
            session.add(
                InboxRow(
                    partner=partner,
                    partner_account=partner_account,
                    event_key=event_key,
                    payment_id=payment_id,
                    partner_reference=partner_reference,
                    received_at=received_at,
                    unmatched_since=None if payment_id else received_at,
                    notify_at=now + YOUNG if payment_id else None,
                    body_sealed=sealed,
                )
            )
            return Arrival(True, tenant, payment_id)

        return await self._database.write(transaction)

    async def highest(self, payment_id: str) -> int:
        """The number to note before a read is asked; 0 when nothing arrived."""

        def query(session: Session) -> int:
            numbers = select(func.max(InboxRow.number)).where(InboxRow.payment_id == payment_id)
            return session.exec(numbers).one() or 0

        return await self._database.read(query)

    async def unnotified(self, now: datetime, *, limit: int) -> list[tuple[str, str]]:
        """(tenant, payment id) of payments whose runs are to be told of something unread.

        At their end too: evidence that comes after it reopens them. Told again at some ages until
        a read has covered it, since a run may be told and end before it reads.
        """
        rows = (
            select(PaymentRow.tenant, PaymentRow.payment_id)
            .where(PaymentRow.payment_id == InboxRow.payment_id)
            .where(col(InboxRow.notify_at) <= now)
            .order_by(col(InboxRow.notify_at), col(InboxRow.number))
            .limit(limit)
        )
        found = await self._database.read(lambda session: session.exec(rows).all())
        return list(dict.fromkeys((tenant, payment_id) for tenant, payment_id in found))

    async def notified(self, payment_ids: Collection[str], now: datetime) -> None:
        """Note that the runs of these payments were told of what `untold` had found."""
        rows = (
            select(InboxRow)
            .where(col(InboxRow.payment_id).in_(payment_ids))
            .where(col(InboxRow.notify_at) <= now)
        )

        def transaction(session: Session) -> None:
            for found in session.exec(rows):
                found.notify_at = next_notification(found.received_at, now)
                session.add(found)

        await self._database.write(transaction)

    async def unmatched(self, now: datetime, *, limit: int) -> list[Reference]:
        """References of deliveries that matched no payment for an hour; nobody was asked yet."""
        rows = (
            select(InboxRow.partner, InboxRow.partner_account, InboxRow.partner_reference)
            .where(col(InboxRow.unmatched_since) <= now - MATCHED_WITHIN)
            .where(col(InboxRow.partner_reference).is_not(None))
            .order_by(col(InboxRow.unmatched_since), col(InboxRow.number))
            .limit(limit)
        )
        found = await self._database.read(lambda session: session.exec(rows).all())
        return list(
            dict.fromkeys(
                Reference(partner, account, str(reference)) for partner, account, reference in found
            )
        )

    async def ask_whose(self, about: Reference, now: datetime) -> bool:
        """Open the task about deliveries that `unmatched` found; False where none was opened.

        There is none where their payment was found meanwhile, or people were asked before.
        """

        def transaction(session: Session) -> bool:
            hold(session, _named(about))
            these = _unmatched(about)
            since = session.exec(select(func.min(InboxRow.received_at)).where(*these)).one()
            if since is None:
                return False
            session.exec(update(InboxRow).where(*these).values(unmatched_since=None))
            return ask_whose(session, about, since, now)

        return await self._database.write(transaction)


def news_at(session: Session, payment_id: str) -> datetime | None:
    """When the newest of what no read has covered yet arrived."""
    return session.exec(_NEWEST_UNREAD, params={"payment_id": payment_id}).one()


def mark_read(session: Session, payment_id: str, through: int, now: datetime) -> None:
    """Mark rows that had arrived before the read was asked; later ones stay unread."""
    rows = session.exec(_UNREAD, params={"payment_id": payment_id, "through": through})
    for found in rows:
        found.read_at, found.notify_at = now, None
        session.add(found)


def match_reference(
    session: Session, partner: str, reference: str, payment_id: str, now: datetime
) -> None:
    """Give rows that came before we knew the partner's reference to their payment.

    Where people were asked whose they are, that is answered.
    """
    payment = session.get(PaymentRow, payment_id)
    assert payment is not None, "a reference is stored for a payment that is"
    about = Reference(partner, payment.partner_account, reference)
    hold(session, _named(about))
    for found in session.exec(select(InboxRow).where(*_unmatched(about))):
        found.payment_id, found.unmatched_since = payment_id, None
        found.notify_at = found.received_at + YOUNG
        session.add(found)
    close_matched(session, about, now)


def _unmatched(about: Reference) -> tuple[ColumnElement[bool], ...]:
    """What is true of deliveries of this reference that no payment has."""
    return (
        col(InboxRow.partner) == about.partner,
        col(InboxRow.partner_account) == about.account,
        col(InboxRow.partner_reference) == about.reference,
        col(InboxRow.payment_id).is_(None),
    )


def _owner(session: Session, partner: str, account: str, reference: str) -> PaymentRow | None:
    """The payment under the reference, locked.

    The lock makes a payment's numbers grow in the order of commits: a number is given only when
    all smaller ones of the payment can be seen, and a read notes the highest it sees.
    """
    payment_id = session.exec(
        select(InstructionRow.payment_id).where(
            InstructionRow.partner == partner,
            InstructionRow.partner_account == account,
            InstructionRow.partner_reference == reference,
        )
    ).one_or_none()
    if payment_id is None:
        return None
    return session.get(PaymentRow, payment_id, with_for_update=True)


def _event(partner: str, account: str, event_key: str) -> str:
    return f"inbox/event/{partner}/{account}/{event_key}"


def _named(about: Reference) -> str:
    return f"inbox/reference/{about.partner}/{about.account}/{about.reference}"


def _context(partner: str, account: str, event_key: str) -> str:
    """What a sealed body is bound to."""
    return f"inbox/{partner}/{account}/{event_key}"
