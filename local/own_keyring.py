"""The keyring of `finality up`: made once, for a home without keyring and a store never sealed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from settings import Settings
from store import keys, schema
from store.database import Database
from store.keyring import Keyring


def own_keyring(settings: Settings, say: Callable[[str], None]) -> Keyring:
    """The keyring of these settings, proven to belong to their store before anything starts.

    A new keyring is made only if the store was never sealed. If the store was sealed and the home
    has no keyring (a second machine on a shared database, a lost file), it is refused.

    Raises:
        KeyringError: the keyring is missing or does not belong to this store.
        NewerSchema, StoreAway: the store cannot be asked.
    """
    file = settings.keyring
    database = Database(settings.database)
    try:
        schema.upgrade(database)
        if settings.keyring_file is None and not file.exists():
            keys.require_never_sealed(database, file)
            if Keyring.make(file):
                say(
                    f"made a development key in {file}: it encrypts this machine's payloads "
                    "and columns. Set FINALITY_KEYRING_FILE for anything real."
                )
        keyring = Keyring.read(file)
        keys.prove(database, keyring, datetime.now(UTC))
    finally:
        database.close()
    return keyring
