"""Objects that are created at a partner before a payment, such as a beneficiary, each once.

Looking for an object and creating it if there is none is a race: several payments to one new
creditor, in one process or in several, would all find nothing and all create one. So the payment
that creates the object holds a lease meanwhile. Nothing is stored in the clear: the object's
identity, and what the partner showed of it, are keyed hashes.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from sqlmodel import Session, col, select

from domain.clock import APART_MAX, Clock
from domain.lifecycle.answers import NotReady, PreparedKey, PreparedObject
from store.clocks import no_later
from store.database import Database
from store.keyring import Keyring
from store.locks import hold
from store.tables.partners import PreparedRow

#: Looking for the object, checking it and creating it takes three calls of up to 20 s each.
LEASE: Final = timedelta(seconds=90)
_LOOK_AGAIN: Final = timedelta(seconds=1)
_PURPOSE: Final = "prepared object"
_SHOWN: Final = "prepared object as shown"


class PreparedObjects:
    """Implements `partners.interface.PreparedBook` for one partner."""

    def __init__(self, database: Database, keyring: Keyring, clock: Clock, partner: str) -> None:
        self._database = database
        self._keyring = keyring
        self._clock = clock
        self._partner = partner

    async def claim(self, key: PreparedKey, by: str) -> PreparedObject | NotReady | None:
        """The object, if it exists.

        Otherwise None if `by` now holds the lease to create it, or NotReady if another payment
        holds the lease.
        """

        def query(session: Session) -> PreparedObject | None:
            found = self._found(session, key)
            return self._object(found) if found and found.reference else None

        # Most creditors are known, and a transaction that writes costs more.
        if (known := await self._database.read(query)) is not None:
            return known

        def transaction(session: Session) -> PreparedObject | NotReady | None:
            row = self._locked(session, key)
            if row.reference is not None:
                return self._object(row)
            now = no_later(session, self._clock.now())
            if row.leased_by not in (None, by) and _is_held(row, now):
                return NotReady(
                    "another payment is having the same creditor created", now + _LOOK_AGAIN
                )
            row.leased_until, row.leased_by = now + LEASE, by
            session.add(row)
            return None

        return await self._database.write(transaction)

    async def extend(self, key: PreparedKey, by: str) -> bool:
        """Renew the lease just before the object is created. False if `by` no longer holds it."""

        def transaction(session: Session) -> bool:
            row = self._locked(session, key)
            now = no_later(session, self._clock.now())
            if row.reference is not None or row.leased_by != by or not _is_held(row, now):
                return False
            row.leased_until = now + LEASE
            session.add(row)
            return True

        return await self._database.write(transaction)

    async def made(self, key: PreparedKey, reference: str, shown: str) -> PreparedObject:
        """Record that the object exists under the partner's id, and release the lease.

        If one was recorded before, that one stays and is returned.
        """

        def transaction(session: Session) -> PreparedObject:
            row = self._locked(session, key)
            if row.reference is None:
                row.reference = reference
                row.shown_hash = self._keyring.macs(shown.encode(), _SHOWN)[0]
                row.made_at = no_later(session, self._clock.now())
                row.leased_until = row.leased_by = None
                session.add(row)
            return self._object(row)

        return await self._database.write(transaction)

    async def forget(self, key: PreparedKey, reference: str, by: str) -> None:
        """Drop an object that was deleted or changed at the partner, and give `by` the lease.

        Nothing happens if another object has been recorded meanwhile.
        """

        def transaction(session: Session) -> None:
            row = self._locked(session, key)
            if row.reference == reference:
                row.reference = row.shown_hash = row.made_at = None
                row.leased_until = no_later(session, self._clock.now()) + LEASE
                row.leased_by = by
                session.add(row)

        await self._database.write(transaction)

    async def release(self, key: PreparedKey, by: str) -> None:
        """Release the lease early: `by` has certainly created nothing."""

        def transaction(session: Session) -> None:
            row = self._locked(session, key)
            if row.leased_by == by:
                row.leased_until = row.leased_by = None
                session.add(row)

        await self._database.write(transaction)

    def _locked(self, session: Session, key: PreparedKey) -> PreparedRow:
        """The object's row, locked, or a new one."""
        macs = self._macs(key)
        hold(session, *(f"prepared/{mac}" for mac in macs))
        return self._found(session, key) or PreparedRow(
            partner=self._partner, place=key.place, purpose=key.purpose, identity_hash=macs[0]
        )

    def _found(self, session: Session, key: PreparedKey) -> PreparedRow | None:
        """The object's row. It may have been stored under any key of the ring."""
        return session.exec(
            select(PreparedRow).where(
                PreparedRow.partner == self._partner,
                PreparedRow.place == key.place,
                PreparedRow.purpose == key.purpose,
                col(PreparedRow.identity_hash).in_(self._macs(key)),
            )
        ).first()

    def _macs(self, key: PreparedKey) -> tuple[str, ...]:
        return self._keyring.macs(key.identity.encode(), _PURPOSE)

    def _object(self, row: PreparedRow) -> PreparedObject:
        assert row.reference is not None
        kept = row.shown_hash

        def is_as_made(shown: str) -> bool:
            return kept in self._keyring.macs(shown.encode(), _SHOWN)

        return PreparedObject(row.reference, is_as_made)


def _is_held(row: PreparedRow, now: datetime) -> bool:
    """Whether a lease is held. One that ends later than any we grant was dated by a fast clock."""
    until = row.leased_until
    return until is not None and now < until <= now + LEASE + APART_MAX
