"""Partner logins, shared by all processes: one login at a time, and none after a refused one."""

from __future__ import annotations

import hashlib
import os
import socket
from datetime import datetime, timedelta
from typing import Final

from sqlmodel import Session

from domain.clock import APART_MAX, Clock
from domain.lifecycle.answers import NotReady
from store.clocks import no_later
from store.database import Database
from store.keyring import Keyring
from store.tables.partners import PartnerAccountRow

#: A login call takes far less time. A process that dies while logging in blocks others this long.
LEASE: Final = timedelta(seconds=60)
_UNCLEAR_PAUSE: Final = timedelta(seconds=5)
_DOUBTFUL_PAUSE: Final = timedelta(minutes=15)
_LOOK_AGAIN: Final = timedelta(milliseconds=500)
_REFUSED_LOOK_AGAIN: Final = timedelta(minutes=5)


class Logins:
    """Implements `partners.interface.LoginBook` for one partner.

    After a refused login no process logs in with those credentials again, because a partner may
    lock the account after four failures. Logins are allowed again with other credentials, or after
    a person calls `forget`.
    """

    def __init__(self, database: Database, keyring: Keyring, clock: Clock, partner: str) -> None:
        self._database = database
        self._keyring = keyring
        self._clock = clock
        self._partner = partner
        self._owner = f"{socket.gethostname()}/{os.getpid()}"

    async def token(self, login: str, credentials_hash: str) -> str | None:
        """The current token of the login, if these credentials obtained one."""

        def query(session: Session) -> str | None:
            row = session.get(PartnerAccountRow, (self._partner, _hash(login)))
            if row is None or row.token_sealed is None or row.credentials_hash != credentials_hash:
                return None
            return self._keyring.open(row.token_sealed, self._context(login)).decode()

        return await self._database.read(query)

    async def claim(self, login: str, credentials_hash: str) -> NotReady | None:
        """Take the lease to log in. Otherwise returns the reason and when to look again."""

        def transaction(session: Session) -> NotReady | None:
            row = self._row(session, login, credentials_hash)
            # Read under the lock: an earlier reading may be older than what others have written.
            now = self._now(session)
            if credentials_hash == row.refused_hash:
                # Also if another process uses newer credentials. Otherwise, while a new key is
                # rolled out, each switch between the two would allow one more failure.
                return self._refused(row, now)
            if row.credentials_hash != credentials_hash:
                row.credentials_hash, row.failures_in_row = credentials_hash, 0
                row.token_sealed = row.token_at = row.refused_why = row.refused_at = None
                row.leased_until = row.leased_by = None
            if row.failures_in_row:
                return self._refused(row, now)
            longest = LEASE if row.leased_by else _DOUBTFUL_PAUSE
            # A lease that ends later than any we grant was dated by a fast clock, and is ignored.
            if row.leased_until and now < row.leased_until <= now + longest + APART_MAX:
                if row.leased_by:
                    return NotReady(
                        "another process is logging in", now + _LOOK_AGAIN, is_shared=True
                    )
                return NotReady("the last login got no usable answer", row.leased_until)
            row.leased_until, row.leased_by = now + LEASE, self._owner
            session.add(row)
            return None

        return await self._database.write(transaction)

    async def succeeded(self, login: str, credentials_hash: str, token: str) -> None:
        """Store a new token for all processes, and give the lease back."""
        sealed = self._keyring.seal(token.encode(), self._context(login))

        def transaction(session: Session) -> None:
            row = self._row(session, login, credentials_hash)
            now = self._now(session)
            row.token_sealed, row.token_at = sealed, now
            row.leased_until = row.leased_by = row.refused_why = row.refused_at = None
            row.failures_in_row = 0
            if row.refused_hash == credentials_hash:
                row.refused_hash = None
            session.add(row)

        await self._database.write(transaction)

    async def failed(self, login: str, credentials_hash: str, why: str) -> None:
        """Record that the partner refused the credentials, and give the lease back."""

        def transaction(session: Session) -> None:
            row = self._row(session, login, credentials_hash)
            now = self._now(session)
            row.refused_hash = credentials_hash
            if row.credentials_hash == credentials_hash:
                row.failures_in_row += 1
                row.refused_why, row.refused_at = why, now
                row.leased_until = row.leased_by = row.token_sealed = None
            session.add(row)

        await self._database.write(transaction)

    async def unclear(self, login: str, credentials_hash: str, *, may_have_counted: bool) -> None:
        """Record that a login got no usable answer. The next one waits a few seconds.

        If the partner may have counted it as a failure, and these credentials have never worked,
        the next login waits 15 minutes: four failures in a short time would lock the account.
        """

        def transaction(session: Session) -> None:
            row = self._row(session, login, credentials_hash)
            now = self._now(session)
            doubtful = may_have_counted and row.token_at is None
            row.leased_until = now + (_DOUBTFUL_PAUSE if doubtful else _UNCLEAR_PAUSE)
            row.leased_by = None
            session.add(row)

        await self._database.write(transaction)

    async def drop(self, login: str, token: str) -> None:
        """Drop a token that the partner refused. A newer token from another process stays."""

        def transaction(session: Session) -> None:
            row = session.get(
                PartnerAccountRow, (self._partner, _hash(login)), with_for_update=True
            )
            if row is None or row.token_sealed is None:
                return
            if self._keyring.open(row.token_sealed, self._context(login)).decode() == token:
                row.token_sealed = None
                session.add(row)

        await self._database.write(transaction)

    async def forget(self, login: str) -> bool:
        """Allow one more login, as a person asked. True if one had been refused."""

        def transaction(session: Session) -> bool:
            row = session.get(
                PartnerAccountRow, (self._partner, _hash(login)), with_for_update=True
            )
            if row is None or not (row.failures_in_row or row.refused_hash):
                return False
            row.failures_in_row = 0
            row.refused_why = row.refused_at = row.refused_hash = None
            session.add(row)
            return True

        return await self._database.write(transaction)

    async def refused(self, login: str) -> tuple[str, datetime] | None:
        """Why and when the partner refused the login; None if it did not."""

        def query(session: Session) -> tuple[str, datetime] | None:
            row = session.get(PartnerAccountRow, (self._partner, _hash(login)))
            if row is None or not row.failures_in_row or row.refused_at is None:
                return None
            return row.refused_why or "", row.refused_at

        return await self._database.read(query)

    def _now(self, session: Session) -> datetime:
        return no_later(session, self._clock.now())

    def _refused(self, row: PartnerAccountRow, now: datetime) -> NotReady:
        why = row.refused_why or "these credentials were refused before"
        return NotReady(
            f"{self._partner} refused our login ({why}); no process logs in again until the "
            "credentials change, or `finality doctor --retry-logins` allows one more login",
            now + _REFUSED_LOOK_AGAIN,
            needs_person=True,
        )

    def _row(self, session: Session, login: str, credentials_hash: str) -> PartnerAccountRow:
        row = session.get(PartnerAccountRow, (self._partner, _hash(login)), with_for_update=True)
        return row or PartnerAccountRow(
            partner=self._partner, login_hash=_hash(login), credentials_hash=credentials_hash
        )

    def _context(self, login: str) -> str:
        return f"partner_accounts.token/{self._partner}/{_hash(login)}"


def _hash(login: str) -> str:
    return hashlib.sha256(login.encode()).hexdigest()[:32]
