"""The keys a store is sealed with, and the proof that a keyring has them.

Each key that seals something has a row with a canary: a value that only this key opens. A process
checks its keyring against the canaries before it does anything else with the store. Comparing key
ids was refused: two keyrings may use one id for different keys, and each would then seal values
that the other can never open.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final

from sqlalchemy import ColumnElement, func
from sqlmodel import Session, col, select

from store.database import Database
from store.folding import request_context
from store.keyring import Keyring, KeyringError
from store.locks import hold
from store.tables.lifecycles import LifecycleRow
from store.tables.upkeep import KeyRow

_CANARY: Final = b"finality canary"
#: The lock between processes that use a key for the first time.
_FIRST_USE: Final = "keys"


class WrongKeyring(KeyringError):
    """The keyring does not belong to this store. Nothing was done."""


@dataclass(frozen=True)
class MissingKeys:
    """A key of this store that is not in the keyring."""

    key_id: str
    payments: int
    """How many payments are sealed with it."""


def prove(database: Database, keyring: Keyring, now: datetime) -> Keyring:
    """Prove that every key of the ring is the key that this store knows under that id.

    If the store does not know the current key yet, its canary is stored, so that the next process
    can be checked against it.

    Returns:
        The keyring, which now knows its oldest key.

    Raises:
        WrongKeyring: the store knows another key under one of the ids, or knows no key of the ring.
        StoreAway: the database is away.
    """
    if not database.read_now(partial(_is_known, keyring)):
        database.write_now(lambda session: require_proven(session, keyring, now))
    return keyring.with_oldest(database.read_now(partial(_oldest, keyring)))


def require_proven(session: Session, keyring: Keyring, now: datetime) -> None:
    """Prove the current key in the transaction that seals with it.

    So a key's canary is stored before, or together with, the first value that the key seals.

    Raises:
        WrongKeyring: as `prove`. The transaction must be rolled back.
    """
    known = session.get(KeyRow, keyring.current)
    if known is not None:
        _open(keyring, known)
        return
    hold(session, _FIRST_USE)
    if not _is_known(keyring, session):
        newest = select(KeyRow.first_used_at).order_by(col(KeyRow.first_used_at).desc()).limit(1)
        last = session.exec(newest).first()
        for key_id in _to_introduce(session, keyring):
            # Later than every key before it, however far our clock is behind.
            last = now if last is None else max(now, last + timedelta(microseconds=1))
            canary = keyring.seal(_CANARY, _context(key_id), key_id=key_id)
            session.add(KeyRow(key_id=key_id, canary_sealed=canary, first_used_at=last))
        session.flush()


def require_never_sealed(database: Database, file: Path) -> None:
    """Require a store in which nothing is sealed yet, before a new keyring is created.

    Args:
        file: where this store's keyring belongs.

    Raises:
        WrongKeyring: the store is sealed with keys that a new keyring would not have.
    """
    known = database.read_now(_known_ids)
    if known:
        raise WrongKeyring(
            f"there is no keyring at {file}, and this store is sealed with {_named(known)}. Copy "
            "the keyring file of this installation there; a keyring is copied, never made a second "
            "time. If this home is a new installation, give it a database of its own"
        )


def missing(session: Session, keyring: Keyring) -> list[str]:
    """Ids of keys that the store is sealed with and that the keyring lacks."""
    ids = session.exec(select(KeyRow.key_id).order_by(KeyRow.key_id))
    return [key_id for key_id in ids if key_id not in keyring.ids]


def missing_keys(session: Session, keyring: Keyring) -> list[MissingKeys]:
    """The same, with the number of payments that each key seals."""
    count = select(func.count()).select_from(LifecycleRow)
    return [
        MissingKeys(key_id, session.exec(count.where(sealed_with(key_id))).one())
        for key_id in missing(session, keyring)
    ]


def require_whole(keyring: Keyring, session: Session) -> None:
    """Require a keyring that has every key of this store.

    Raises:
        WrongKeyring: it lacks at least one; the text names the missing keys.
    """
    if lacking := missing(session, keyring):
        raise WrongKeyring(
            f"the keyring lacks {', '.join(lacking)}, with which values in Temporal may be sealed; "
            "add the line from another copy of this installation's keyring, and restart"
        )


def sealed_with(key_id: str) -> ColumnElement[bool]:
    """Selects payments whose order is sealed with that key."""
    begins = key_id.encode()
    sealed = col(LifecycleRow.request_sealed)
    return (sealed >= begins + b"\0") & (sealed < begins + b"\1")


def _is_known(keyring: Keyring, session: Session) -> bool:
    """Whether the store has the current key's canary.

    Raises:
        WrongKeyring: a key of the ring does not open the canary under its id.
    """
    rows = session.exec(select(KeyRow).order_by(KeyRow.key_id)).all()
    for row in rows:
        if row.key_id in keyring.ids:
            _open(keyring, row)
    return any(row.key_id == keyring.current for row in rows)


def _oldest(keyring: Keyring, session: Session) -> str:
    """Id of the key in the ring that the store has known longest."""
    rows = session.exec(select(KeyRow.key_id).order_by(col(KeyRow.first_used_at), KeyRow.key_id))
    return next(key_id for key_id in rows if key_id in keyring.ids)


def _to_introduce(session: Session, keyring: Keyring) -> list[str]:
    """Ids of keys that need a canary: keys that earlier releases used, then the current key.

    A new key is accepted only in a keyring that also has a known one. Otherwise the keyring belongs
    to another installation, or was created again by mistake.

    Raises:
        WrongKeyring: the store is sealed, and no key of the ring is known.
    """
    noted = set(session.exec(select(KeyRow.key_id)))
    if noted:
        proven = noted & set(keyring.ids)
    else:  # A new store, or one of an earlier release, where payments prove the keys.
        proven = {
            key_id for key_id in keyring.ids if _opens_what_it_sealed(session, keyring, key_id)
        }
    if not proven and (known := _known_ids(session)):
        raise WrongKeyring(_stranger(keyring, known))
    return [*sorted(proven - noted - {keyring.current}), *({keyring.current} - noted)]


def _known_ids(session: Session) -> list[str]:
    """Ids of the keys the store is sealed with. Without canaries, that of the newest payment."""
    known = list(session.exec(select(KeyRow.key_id).order_by(KeyRow.key_id)))
    if not known:
        newest = select(LifecycleRow.request_sealed).order_by(col(LifecycleRow.created_at).desc())
        sealed = session.exec(newest.limit(1)).all()
        known = [one.partition(b"\0")[0].decode(errors="replace") for one in sealed]
    return known


def _opens_what_it_sealed(session: Session, keyring: Keyring, key_id: str) -> bool:
    """Whether a payment is sealed under this key id, and the key opens it.

    Raises:
        WrongKeyring: there is such a payment, and the key does not open it.
    """
    some = select(LifecycleRow.resource_id, LifecycleRow.request_sealed).where(sealed_with(key_id))
    found = session.exec(some.limit(1)).first()
    if found is None:
        return False
    payment_id, sealed = found
    try:
        keyring.open(sealed, request_context(payment_id))
    except KeyringError:
        raise WrongKeyring(_other_bytes(keyring, key_id)) from None
    return True


def _open(keyring: Keyring, row: KeyRow) -> None:
    try:
        is_whole = keyring.open(row.canary_sealed, _context(row.key_id)) == _CANARY
    except KeyringError:
        is_whole = False
    if not is_whole:
        raise WrongKeyring(_other_bytes(keyring, row.key_id))


def _context(key_id: str) -> str:
    """The context that a sealed canary is bound to."""
    return f"keys/{key_id}"


def _place(keyring: Keyring) -> str:
    return f"the keyring at {keyring.file}" if keyring.file else "the keyring"


def _other_bytes(keyring: Keyring, key_id: str) -> str:
    return (
        f"{_place(keyring)} has another key under the id {key_id!r} than the one this store was "
        "sealed with; nothing was done. Copy the keyring file of this installation there; a "
        "keyring is copied, never made a second time"
    )


def _named(key_ids: list[str]) -> str:
    return ", ".join(map(repr, key_ids))


def _stranger(keyring: Keyring, known: list[str]) -> str:
    return (
        f"{_place(keyring)} has none of the keys this store was sealed with ({_named(known)}); its "
        f"own is {keyring.current!r}. Nothing was done. Copy the keyring file of this installation "
        "there, or set FINALITY_KEYRING_FILE to it; a keyring is copied, never made a second time. "
        "If this home is a new installation, give it a database of its own"
    )
