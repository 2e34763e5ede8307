"""The keyring: AES-GCM keys for sealed values, each with an id so that keys can be rolled."""

from __future__ import annotations

import base64
import hmac
import os
import re
import stat
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from domain.explained import Explained

_NONCE_BYTES: Final = 12
_KEY_BYTES: Final = 32
#: An id that was derived from its key. Any other id is a name that somebody chose.
_DERIVED_ID: Final = re.compile(r"[a-z]+-(?P<digest>[0-9a-f]{16})")


class KeyringError(Explained, ValueError):
    """A key is missing or malformed, or a value does not open. The text never holds a key."""


class MissingKey(KeyringError):
    """A value is sealed with a key that is not in the keyring."""

    def __init__(self, key_id: str) -> None:
        super().__init__(
            f"sealed with key {key_id!r}, which the keyring lacks; add that key's line to the "
            "keyring file"
        )
        self.key_id = key_id


class Keyring:
    """Seals with the current key and opens with any key of the ring.

    A sealed value is `key id \\0 nonce ciphertext`. Its context (a table and an id) is
    authenticated, so a value that is copied into another row does not open there.
    """

    def __init__(
        self,
        keys: Mapping[str, bytes],
        current: str,
        file: Path | None = None,
        oldest: str | None = None,
    ) -> None:
        for key_id, key in keys.items():
            if len(key) != _KEY_BYTES or not key_id or "\0" in key_id:
                raise KeyringError(f"key {key_id!r} must be {_KEY_BYTES} bytes with a plain id")
            derived = _DERIVED_ID.fullmatch(key_id)
            if derived is not None and derived["digest"] != _digest(key):
                raise KeyringError(
                    f"the id {key_id!r} is derived from its key, but stands beside another key. "
                    "Copy the whole line from the keyring that it came from"
                )
        if current not in keys:
            raise KeyringError(f"the current key {current!r} is not in the keyring")
        self._keys = {current: keys[current], **keys}
        self._ciphers = {key_id: AESGCM(key) for key_id, key in keys.items()}
        self.current = current
        self.file = file
        """The file it was read from, for messages; None for a keyring made in memory."""
        self.oldest = oldest or current
        """The key that the store has known longest, which the other processes have most likely; the
        current key until a store was asked."""

    @property
    def ids(self) -> Collection[str]:
        """The ids of all keys."""
        return self._ciphers.keys()

    def shared_with(self, other: Keyring) -> str | None:
        """The id, in this keyring, of a key that the other one has, too; None: there is none.

        Two keys are one if they have the same id, or the same bytes under two ids.
        """
        theirs = {*other._keys.values()}
        shared = (
            key_id for key_id, key in self._keys.items() if key_id in other._keys or key in theirs
        )
        return next(shared, None)

    def with_oldest(self, key_id: str) -> Keyring:
        """The same keys, with the one that the store has known longest."""
        return Keyring(self._keys, self.current, self.file, key_id)

    @classmethod
    def read(cls, path: Path) -> Keyring:
        """Read a keyring file: one `id:base64` per line, the first line being the current key.

        Raises:
            KeyringError: there is no such file, others can read or replace it, or a line is not a
                key.
        """
        try:
            _refuse_readable(path)
            lines = path.read_text().split()
        except FileNotFoundError:
            raise KeyringError(
                f"there is no keyring at {path}; set FINALITY_KEYRING_FILE, or run `finality up` "
                "once"
            ) from None
        keys: dict[str, bytes] = {}
        for number, line in enumerate(lines, start=1):
            key_id, _, text = line.partition(":")
            try:
                keys[key_id] = base64.b64decode(text, validate=True)
            except ValueError:
                raise KeyringError(f"line {number} of {path} is not `id:base64`") from None
        if not keys:
            raise KeyringError(f"the keyring at {path} is empty")
        return cls(keys, next(iter(keys)), path)

    @staticmethod
    def make(path: Path) -> bool:
        """Create a development keyring if there is none. True if it was created now.

        Two processes may do this at once: the complete file is linked into place, once.
        """
        if path.exists():
            return False
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(new_line("development"))
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            return False
        finally:
            draft.unlink()
        return True

    def seal(self, clear: bytes, context: str, *, key_id: str | None = None) -> bytes:
        """Seal with the current key, or with the key of `key_id`."""
        key_id, nonce = key_id or self.current, os.urandom(_NONCE_BYTES)
        sealed = self._ciphers[key_id].encrypt(nonce, clear, context.encode())
        return key_id.encode() + b"\0" + nonce + sealed

    def open(self, sealed: bytes, context: str) -> bytes:
        """The clear bytes.

        Raises:
            MissingKey: the value is sealed with a key that is not in the ring.
            KeyringError: the value is sealed for another context, or was altered.
        """
        key_id, _, rest = sealed.partition(b"\0")
        cipher = self._ciphers.get(key_id.decode(errors="replace"))
        if cipher is None:
            raise MissingKey(key_id.decode(errors="replace"))
        try:
            return cipher.decrypt(rest[:_NONCE_BYTES], rest[_NONCE_BYTES:], context.encode())
        except (InvalidTag, ValueError):  # ValueError if the value was cut short.
            raise KeyringError("a sealed value was altered or belongs to another place") from None

    def macs(self, clear: bytes, purpose: str) -> tuple[str, ...]:
        """A keyed hash (HMAC-SHA256) under every key of the ring; the current key's comes first.

        Each purpose has its own keys, derived from those of the ring.
        """
        return self.hasher(purpose)(clear)

    def hasher(self, purpose: str) -> Callable[[bytes], tuple[str, ...]]:
        """`macs` for many values of one purpose: its keys are derived once."""
        keys = [_derived(key, purpose) for key in self._keys.values()]
        return lambda clear: tuple(hmac.digest(key, clear, "sha256").hex() for key in keys)


def new_line(name: str) -> str:
    """A line of a keyring file with a new key. Its id is derived from the key.

    So one id cannot stand for two keys: `Keyring` refuses an id of this form with another key.

    Args:
        name: the beginning of the id, in small letters.
    """
    key = os.urandom(_KEY_BYTES)
    return f"{name}-{_digest(key)}:{base64.b64encode(key).decode()}\n"


def _digest(key: bytes) -> str:
    """The digest in a derived id. It does not help to guess the key."""
    derive = HKDFExpand(algorithm=SHA256(), length=8, info=b"finality key id")
    return derive.derive(key).hex()


def _refuse_readable(path: Path) -> None:
    """Accept the file modes that PostgreSQL accepts for a key file.

    The file is ours and only we can read it, or it is root's and our group can read it, as a secret
    that is mounted into a container.

    Raises:
        KeyringError: others can read or replace the file.
    """
    found = path.stat()
    if found.st_uid not in (os.geteuid(), 0):
        raise KeyringError(
            f"the keyring {path} belongs to another user (uid {found.st_uid}), who could replace "
            f"it. If you are sure that it is your keyring, run: chown {os.geteuid()} {path}"
        )
    allowed = 0o740 if found.st_uid == 0 and os.geteuid() != 0 else 0o700
    if stat.S_IMODE(found.st_mode) & ~allowed:
        raise KeyringError(
            f"the keyring {path} can be read or written by others, and it opens every payment: "
            f"chmod 600 {path} (a mounted secret: set its mode to 0440 and its owner to root)"
        )


def _derived(key: bytes, purpose: str) -> bytes:
    info = b"finality mac " + purpose.encode()
    return HKDFExpand(algorithm=SHA256(), length=_KEY_BYTES, info=info).derive(key)
