"""Keys of the HTTP API: each belongs to one tenant, and is stored as a hash.

A key is `fin_ID_SECRET`. The id is no secret: logs and lists show it. A key is replaced by another
one, and both are accepted until the old one is revoked, so that a program can be given the new key
while it runs.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from sqlmodel import Session, col, or_, select, update

from domain.card_numbers import shows_card_number
from domain.explained import Explained
from domain.plain_text import plain
from domain.scopes import Scope
from store.database import Database
from store.tables.api import ApiKeyRow

_PREFIX: Final = "fin"
_SHAPE: Final = re.compile(rf"{_PREFIX}_([0-9a-f]{{16}})_([0-9A-Za-z_-]{{43}})", re.ASCII)
_NAME_LENGTH_MAX: Final = 100
#: `last_used_at` is written at most this often: it must not cost every request a transaction.
_NOTED_EVERY: Final = timedelta(minutes=1)


class KeyRefused(Explained, ValueError):
    """A key cannot be made or changed as asked. Nothing was done."""


@dataclass(frozen=True)
class ApiKey:
    """A key, without its secret."""

    key_id: str
    tenant: str
    name: str
    scopes: frozenset[Scope]
    accounts: frozenset[tuple[str, str]]
    """Partner accounts it may use besides those of its tenant's debtors."""
    created_at: datetime
    revoked_at: datetime | None
    """From when it is refused; None: it is accepted until it is revoked."""
    replaced_by: str | None
    last_used_at: datetime | None

    def is_accepted(self, now: datetime) -> bool:
        return self.revoked_at is None or now < self.revoked_at


class NewKey(NamedTuple):
    """A key that was just made, with the text that is shown once and stored nowhere."""

    key: ApiKey
    text: str


class ApiKeys:
    """Makes, finds and revokes keys."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def make(
        self,
        tenant: str,
        name: str,
        scopes: Collection[Scope],
        now: datetime,
        *,
        accounts: Collection[tuple[str, str]] = (),
    ) -> NewKey:
        """Make a key.

        Raises:
            KeyRefused: tenant or name cannot be stored, or there is no scope.
        """
        for field, text in (("tenant", tenant), ("name", name)):
            if not (0 < len(text) <= _NAME_LENGTH_MAX and text.isprintable() and text.strip()):
                raise KeyRefused(
                    f"{field}: give one line of up to {_NAME_LENGTH_MAX} printable characters"
                )
            if shows_card_number(text):
                raise KeyRefused(f"{field}: shows a card number; give a name of your own")
        if not scopes:
            raise KeyRefused(f"scope: is missing; give one or more of {', '.join(Scope)}")
        row, text = _new_row(tenant, name, now)
        row.scopes = ",".join(sorted(scopes))
        row.accounts = ",".join(sorted("/".join(each) for each in accounts))
        await self._database.write(lambda session: session.add(row))
        return NewKey(_key(row), text)

    async def replace(self, key_id: str, now: datetime, *, overlap: timedelta) -> NewKey:
        """Make a key with the same rights, and revoke the old one after the overlap.

        Raises:
            KeyRefused: there is no such key, it is revoked, or it is being replaced already.
        """

        def transaction(session: Session) -> NewKey:
            old = session.get(ApiKeyRow, key_id, with_for_update=True)
            if old is None:
                raise KeyRefused(f"there is no key {plain(key_id)!r}; `api-key list` shows them")
            if old.revoked_at is not None:
                raise KeyRefused(f"key {key_id} is revoked already; make a new one")
            row, text = _new_row(old.tenant, old.name, now)
            row.scopes, row.accounts = old.scopes, old.accounts
            old.revoked_at, old.replaced_by = now + overlap, row.key_id
            session.add(old)
            session.add(row)
            return NewKey(_key(row), text)

        return await self._database.write(transaction)

    async def revoke(self, key_id: str, now: datetime) -> ApiKey:
        """Refuse the key from now on. A key that is revoked already stays as it is.

        Raises:
            KeyRefused: there is no such key.
        """

        def transaction(session: Session) -> ApiKey:
            row = session.get(ApiKeyRow, key_id, with_for_update=True)
            if row is None:
                raise KeyRefused(f"there is no key {plain(key_id)!r}; `api-key list` shows them")
            if row.revoked_at is None or row.revoked_at > now:
                row.revoked_at = now
                session.add(row)
            return _key(row)

        return await self._database.write(transaction)

    async def all(self, tenant: str | None = None) -> Sequence[ApiKey]:
        """All keys, the newest first; those of one tenant, if it is given."""
        rows = select(ApiKeyRow).order_by(col(ApiKeyRow.created_at).desc(), ApiKeyRow.key_id)
        if tenant is not None:
            rows = rows.where(ApiKeyRow.tenant == tenant)
        return await self._database.read(lambda s: [_key(row) for row in s.exec(rows)])

    async def accepted(self, text: str, now: datetime) -> ApiKey | None:
        """The key that the caller has proven to have; None if it is unknown, wrong or revoked.

        Raises:
            StoreAway: the database is away.
        """
        shaped = _SHAPE.fullmatch(text)
        if shaped is None:
            return None
        key_id, secret = shaped[1], shaped[2]
        row = await self._database.read(lambda session: session.get(ApiKeyRow, key_id))
        if row is None or not hmac.compare_digest(row.secret_hash, _hash(secret)):
            return None
        key = _key(row)
        return key if key.is_accepted(now) else None

    async def used(self, key: ApiKey, now: datetime) -> None:
        """Note that the key was used, to the minute."""
        if key.last_used_at is not None and now - key.last_used_at < _NOTED_EVERY:
            return
        noted = (
            update(ApiKeyRow)
            .where(col(ApiKeyRow.key_id) == key.key_id)
            .where(or_(col(ApiKeyRow.last_used_at).is_(None), col(ApiKeyRow.last_used_at) < now))
            .values(last_used_at=now)
        )

        def transaction(session: Session) -> None:
            session.exec(noted)

        await self._database.write(transaction)


def _new_row(tenant: str, name: str, now: datetime) -> tuple[ApiKeyRow, str]:
    key_id, secret = secrets.token_hex(8), secrets.token_urlsafe(32)
    row = ApiKeyRow(
        key_id=key_id,
        tenant=tenant,
        name=name,
        secret_hash=_hash(secret),
        scopes="",
        created_at=now,
    )
    return row, f"{_PREFIX}_{key_id}_{secret}"


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def _key(row: ApiKeyRow) -> ApiKey:
    accounts = (each.partition("/") for each in row.accounts.split(",") if each)
    return ApiKey(
        key_id=row.key_id,
        tenant=row.tenant,
        name=row.name,
        scopes=frozenset(Scope(each) for each in row.scopes.split(",") if each),
        accounts=frozenset((partner, account) for partner, _, account in accounts),
        created_at=row.created_at,
        revoked_at=row.revoked_at,
        replaced_by=row.replaced_by,
        last_used_at=row.last_used_at,
    )
