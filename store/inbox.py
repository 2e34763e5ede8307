"""The inbox: numbered deliveries (webhooks), and which of them a read has covered.

A delivery only causes a read of its resource. A read notes the resource's highest number before it
asks the partner, and marks the rows up to that number when it is recorded.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, cast

import sqlalchemy
from sqlalchemy import ColumnElement, bindparam, func, update
from sqlmodel import Session, col, select

from domain.lifecycle.notifying import YOUNG, next_notification
from store.clocks import no_later
from store.database import Database
from store.keyring import Keyring
from store.locks import hold
from store.page import plain_rows
from store.parts import in_parts
from store.tables.lifecycles import InstructionRow, LifecycleRow
from store.tables.partners import IS_OBJECT, InboxRow, ReferenceRow
from store.unmatched import Reference, ask_whose, close_matched

#: We store a partner's reference within seconds of its answer, or of a lookup. If a delivery has
#: matched no resource for this long, a person has to look.
MATCHED_WITHIN: Final = timedelta(hours=1)

_NEWEST_UNREAD: Final = sqlalchemy.select(func.max(col(InboxRow.received_at))).where(
    col(InboxRow.resource_id) == bindparam("resource_id"), col(InboxRow.read_at).is_(None)
)
_HIGHEST: Final = sqlalchemy.select(func.max(col(InboxRow.number))).where(
    col(InboxRow.resource_id) == bindparam("resource_id")
)
_IS_UNMATCHED: Final = (
    sqlalchemy.select(col(InboxRow.number))
    .where(
        col(InboxRow.partner) == bindparam("partner"),
        col(InboxRow.partner_account) == bindparam("account"),
        col(InboxRow.partner_reference) == bindparam("reference"),
        col(InboxRow.resource_id).is_(None),
    )
    .limit(1)
)


@dataclass(frozen=True)
class Arrival:
    """Whether a delivery is new, and which resource it is about, if that is known."""

    is_new: bool
    tenant: str | None = None
    payment_id: str | None = None
    kind: str = field(default="", compare=False)
    """The kind of the resource that it is about; empty if none is known."""


class Inbox:
    """Stores each delivery once, by the partner's event key, however often it is delivered."""

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
        """Store one delivery and find its resource. It stays unmatched while there is none.

        Only resources of the account whose secret verified the delivery can match.
        """
        sealed = self._keyring.seal(body, _context(partner, partner_account, event_key))

        def transaction(session: Session) -> Arrival:
            hold(
                session,
                _event(partner, partner_account, event_key),
                _named(Reference(partner, partner_account, partner_reference)),
            )
            owner = _owner(session, partner, partner_account, partner_reference)
            tenant, payment_id = (owner.tenant, owner.resource_id) if owner else (None, None)
            kind = owner.kind if owner else ""
            known = session.exec(
                select(InboxRow.number).where(
                    InboxRow.partner == partner,
                    InboxRow.partner_account == partner_account,
                    InboxRow.event_key == event_key,
                )
            ).one_or_none()
            if known is not None:
                return Arrival(False, tenant, payment_id, kind)
            received_at = no_later(session, now)
            session.add(
                InboxRow(
                    partner=partner,
                    partner_account=partner_account,
                    event_key=event_key,
                    resource_id=payment_id,
                    partner_reference=partner_reference,
                    received_at=received_at,
                    unmatched_since=None if payment_id else received_at,
                    notify_at=now + YOUNG if payment_id else None,
                    body_sealed=sealed,
                )
            )
            return Arrival(True, tenant, payment_id, kind)

        return await self._database.write(transaction)

    async def known(
        self, partner: str, partner_account: str, event_keys: Collection[str]
    ) -> set[str]:
        """Those of these events that were delivered before."""

        def query(session: Session) -> set[str]:
            return {
                key
                for some in in_parts(event_keys)
                for key in session.exec(
                    select(InboxRow.event_key).where(
                        InboxRow.partner == partner,
                        InboxRow.partner_account == partner_account,
                        col(InboxRow.event_key).in_(some),
                    )
                )
            }

        return await self._database.read(query)

    async def have_read(
        self,
        partner: str,
        partner_account: str,
        *,
        why: str,
        after: str,
        now: datetime,
        limit: int,
    ) -> str | None:
        """Have open resources of an account read, as a delivery about each of them would.

        Each of them is read once for each `why`, however often this is repeated. The relay notifies
        their runs.

        Args:
            after: the resource to go on after; "" for the first page.

        Returns:
            The last resource of this page; None if there are no more.
        """

        def transaction(session: Session) -> str | None:
            has_object = select(ReferenceRow.number).where(
                ReferenceRow.resource_id == LifecycleRow.resource_id, IS_OBJECT
            )
            open_ones = (
                select(LifecycleRow)
                .where(LifecycleRow.partner == partner)
                .where(LifecycleRow.partner_account == partner_account)
                .where(LifecycleRow.resource_id > after, col(LifecycleRow.is_over).is_(False))
                .where(has_object.exists())
                .order_by(LifecycleRow.resource_id)
                .limit(limit)
                .with_for_update()
            )
            rows = session.exec(open_ones).all()
            keys = {row.resource_id: f"{why}/{row.resource_id}" for row in rows}
            same = select(InboxRow.event_key).where(
                InboxRow.partner == partner,
                InboxRow.partner_account == partner_account,
                col(InboxRow.event_key).in_(keys.values()),
            )
            known = set(session.exec(same))
            for resource_id, key in keys.items():
                if key not in known:
                    session.add(
                        InboxRow(
                            partner=partner,
                            partner_account=partner_account,
                            event_key=key,
                            resource_id=resource_id,
                            received_at=no_later(session, now),
                            notify_at=now + YOUNG,
                            body_sealed=self._keyring.seal(
                                b"", _context(partner, partner_account, key)
                            ),
                        )
                    )
            return rows[-1].resource_id if len(rows) == limit else None

        return await self._database.write(transaction)

    async def unnotified(self, now: datetime, *, limit: int) -> list[tuple[str, str]]:
        """(tenant, resource id) of resources whose runs must be notified of an unread delivery.

        Ended resources are included, since later evidence reopens them. A run is notified again at
        certain ages until a read has covered the delivery, because a run may be notified and end
        before it reads.
        """
        rows = (
            select(LifecycleRow.tenant, LifecycleRow.resource_id)
            .where(LifecycleRow.resource_id == InboxRow.resource_id)
            .where(col(InboxRow.notify_at) <= now)
            .order_by(col(InboxRow.notify_at), col(InboxRow.number))
            .limit(limit)
        )
        found = await self._database.read(lambda session: session.exec(rows).all())
        return list(dict.fromkeys((tenant, payment_id) for tenant, payment_id in found))

    async def notified(self, payment_ids: Collection[str], now: datetime) -> None:
        """Note that the runs of these resources were notified of what `unnotified` returned."""
        rows = (
            select(InboxRow)
            .where(col(InboxRow.resource_id).in_(payment_ids))
            .where(col(InboxRow.notify_at) <= now)
        )

        def transaction(session: Session) -> None:
            for found in session.exec(rows):
                found.notify_at = next_notification(found.received_at, now)
                session.add(found)

        await self._database.write(transaction)

    async def unmatched(self, now: datetime, *, limit: int) -> list[Reference]:
        """References of deliveries that have matched nothing for an hour, without a task yet."""
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
        """Open a task about deliveries that `unmatched` returned. False if none was opened.

        None is opened if their resource was found meanwhile, or if people were asked before.
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


def put_for(
    session: Session, keyring: Keyring, row: LifecycleRow, event_key: str, now: datetime
) -> None:
    """Store a delivery about a resource whose lock is held: it came to us, so we know whose it is.

    It has no body: whatever it brought is stored elsewhere.
    """
    session.add(
        InboxRow(
            partner=row.partner,
            partner_account=row.partner_account,
            event_key=event_key,
            resource_id=row.resource_id,
            received_at=now,
            notify_at=now + YOUNG,
            body_sealed=keyring.seal(b"", _context(row.partner, row.partner_account, event_key)),
        )
    )


def news_at(session: Session, resource_id: str) -> datetime | None:
    """When the newest delivery that no read has covered yet arrived; None if there is none."""
    ((newest,),) = plain_rows(session, _NEWEST_UNREAD, {"resource_id": resource_id})
    return cast(datetime | None, newest)


def highest(session: Session, resource_id: str) -> int:
    """The resource's highest number, noted before a read is sent. 0 if nothing arrived."""
    ((number,),) = plain_rows(session, _HIGHEST, {"resource_id": resource_id})
    return number or 0


def mark_read(session: Session, resource_id: str, through: int, now: datetime) -> None:
    """Mark the rows that had arrived before the read was sent. Later ones stay unread."""
    if not through:
        return  # Nothing had arrived.
    covered = (
        update(InboxRow)
        .where(col(InboxRow.resource_id) == resource_id)
        .where(col(InboxRow.number) <= through)
        .where(col(InboxRow.read_at).is_(None))
    )
    session.exec(covered.values(read_at=now, notify_at=None))


def match_reference(
    session: Session, instruction: InstructionRow, reference: str, now: datetime
) -> None:
    """Match deliveries that came before we knew the partner's reference with their resource.

    If a task asks people about them, it is closed.
    """
    about = Reference(instruction.partner, instruction.partner_account, reference)
    hold(session, _named(about))
    if not plain_rows(session, _IS_UNMATCHED, about._asdict()):
        return  # Then no task asks about it either.
    for found in session.exec(select(InboxRow).where(*_unmatched(about))):
        found.resource_id, found.unmatched_since = instruction.resource_id, None
        found.notify_at = found.received_at + YOUNG
        session.add(found)
    session.flush()
    close_matched(session, about, now)


def _unmatched(about: Reference) -> tuple[ColumnElement[bool], ...]:
    """Selects the unmatched deliveries of this reference."""
    return (
        col(InboxRow.partner) == about.partner,
        col(InboxRow.partner_account) == about.account,
        col(InboxRow.partner_reference) == about.reference,
        col(InboxRow.resource_id).is_(None),
    )


def _owner(session: Session, partner: str, account: str, reference: str) -> LifecycleRow | None:
    """The resource that has the reference, locked.

    The lock makes a resource's inbox numbers grow in the order of commits. So when a read notes the
    highest number, all smaller ones of the resource are visible too.
    """
    resource_id = session.exec(
        select(ReferenceRow.resource_id).where(
            ReferenceRow.partner == partner,
            ReferenceRow.partner_account == account,
            ReferenceRow.reference == reference,
            IS_OBJECT,
        )
    ).one_or_none()
    if resource_id is None:
        return None
    return session.get(LifecycleRow, resource_id, with_for_update=True)


def _event(partner: str, account: str, event_key: str) -> str:
    return f"inbox/event/{partner}/{account}/{event_key}"


def _named(about: Reference) -> str:
    return f"inbox/reference/{about.partner}/{about.account}/{about.reference}"


def _context(partner: str, account: str, event_key: str) -> str:
    """The context that a sealed body is bound to."""
    return f"inbox/{partner}/{account}/{event_key}"
