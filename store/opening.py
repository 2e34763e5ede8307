"""Opens the store: migrates its tables and proves that the keyring belongs to it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from store import keys, schema
from store.database import Database
from store.keyring import Keyring


def opened(
    url: str, keyring_file: Path, now: datetime, *, compares_clocks: bool = True
) -> tuple[Database, Keyring]:
    """The database, which the caller closes, and the keyring of this store.

    Raises:
        KeyringError: there is no keyring, or it does not belong to this store.
        NewerSchema: a later release has migrated the database.
        StoreAway: the database does not answer.
    """
    keyring = Keyring.read(keyring_file)
    database = Database(url, compares_clocks=compares_clocks)
    try:
        schema.upgrade(database)
        return database, keys.prove(database, keyring, now)
    except BaseException:
        database.close()
        raise
