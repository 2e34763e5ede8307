"""An operator's key: a file of that person's own, opened with a passphrase.

The private key is stored as encrypted PKCS#8. The key derivation of PKCS#8 alone is too weak
against guessing, so its password is first derived from the passphrase by scrypt.

PKCS#8 lets a file choose its own derivation, which could take hours. Only the one that we write is
opened, and everything else about a file is checked before anything is derived.
"""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_der_private_key,
)

from domain.explained import Explained
from domain.lifecycle.statement import Signed, Statement
from store.operators import NotSigned, PublicKey, possession, spelt

PASSPHRASE_LENGTH_MIN: Final = 12
_SALT_BYTES: Final = 16
_SCRYPT: Final = {"n": 2**15, "r": 8, "p": 1}
_PEM: Final = re.compile(
    r"-----BEGIN ENCRYPTED PRIVATE KEY-----\s([A-Za-z0-9+/=\s]{1,400})"
    r"-----END ENCRYPTED PRIVATE KEY-----\s*\Z"
)
#: PKCS#8 as `make_key` encrypts it: PBES2 (RFC 8018) of PBKDF2, 2048 rounds of HMAC-SHA256, and
#: AES-256-CBC. The gaps are the salt, the initialization vector and the key. The rounds are made
#: with Python's lock held, so a file that asked for many would hold up the whole process.
_ENCRYPTED: Final = re.compile(
    b".{16}".join(
        re.escape(bytes.fromhex(part))
        for part in (
            "3081a3 305f 06092a864886f70d01050d 3052 3031 06092a864886f70d01050c 3024 0410",
            "02020800 300c 06082a864886f70d0209 0500 301d 060960864801650304012a 0410",
            "0440",
        )
    )
    + b".{64}",
    re.DOTALL,
)
_FIRST_LINE: Final = "finality operator key 1"


class KeyUnusable(Explained, ValueError):
    """A file is not a usable key. Nothing was signed."""


class Signer(Protocol):
    """Signs for one operator. The private key stays with the signer."""

    @property
    def by(self) -> str:
        """The operator's name."""

    def sign(self, text: bytes) -> bytes:
        """The signature of a statement's text.

        Raises:
            NotSigned: the passphrase is wrong.
            KeyUnusable: there is no key to sign with.
        """


def sign(statement: Statement, signer: Signer) -> Signed:
    """The statement with its signature.

    Raises:
        NotSigned, KeyUnusable: as `Signer.sign`.
    """
    return Signed(statement, signer.sign(statement.text.encode()))


class OperatorKey:
    """A private key in memory."""

    def __init__(self, by: str, private: Ed25519PrivateKey) -> None:
        self.by = spelt(by)
        self._private = private

    @property
    def public(self) -> PublicKey:
        """The public key to enrol, with the proof that its owner holds this key."""
        key = self._private.public_key().public_bytes_raw()
        return PublicKey(self.by, key, self._private.sign(possession(self.by, key)))

    def sign(self, text: bytes) -> bytes:
        return self._private.sign(text)


class LockedKey:
    """The key in the text of a key file, still under its passphrase.

    Attributes:
        public: the public key that the file states, which proves nothing.
    """

    def __init__(self, text: str, name: str, *, file: str) -> None:
        """Check everything that can be checked without the passphrase, at no cost.

        Args:
            text: the whole text of the file.
            name: whose key it has to be.
            file: what errors call the file.

        Raises:
            KeyUnusable: there is no such key, it is another person's, or it is encrypted in
                another way than ours.
        """
        fields = _fields(file, text)
        if fields["name"] != name:
            raise KeyUnusable(f"{file} is the key of {fields['name']!r}, not of {name!r}")
        found = _PEM.search(text)
        if found is None or "scrypt" not in fields:
            raise KeyUnusable(
                f"{file} has no private key; give the key file, without .pub at its end"
            )
        try:
            self.public = base64.b64decode(fields["key"], validate=True)
            self._salt = base64.b64decode(fields["scrypt"], validate=True)
            self._encrypted = base64.b64decode("".join(found[1].split()), validate=True)
        except (KeyError, ValueError):
            raise KeyUnusable(_not_ours(file)) from None
        if len(self._salt) != _SALT_BYTES or not _ENCRYPTED.fullmatch(self._encrypted):
            raise KeyUnusable(_not_ours(file))
        self._name = name
        self._file = file

    def opened(self, passphrase: bytes) -> OperatorKey:
        """The private key. It takes a tenth of a second, because of scrypt.

        Raises:
            NotSigned: the passphrase is wrong.
            KeyUnusable: it is no Ed25519 key.
        """
        try:
            private = load_der_private_key(self._encrypted, _stretched(passphrase, self._salt))
        except ValueError:
            raise NotSigned(f"the passphrase does not open {self._file}") from None
        except UnsupportedAlgorithm:
            private = None
        if not isinstance(private, Ed25519PrivateKey):
            raise KeyUnusable(
                f"{self._file} is not an Ed25519 key; make one with `finality operator key`"
            )
        return OperatorKey(self._name, private)


class KeyFile:
    """A signer with a key file. It asks for the passphrase once, at the first signature."""

    def __init__(self, by: str, file: Path, passphrase: Callable[[], bytes]) -> None:
        self.by = spelt(by)
        self._file = file
        self._passphrase = passphrase
        self._key: OperatorKey | None = None

    def sign(self, text: bytes) -> bytes:
        if self._key is None:
            self._key = read_key(self._file, self.by, self._passphrase)
        return self._key.sign(text)


def make_key(file: Path, name: str, passphrase: bytes) -> OperatorKey:
    """Write a new key file that only its owner can read, and beside it the `.pub` file for others.

    Raises:
        KeyUnusable: the file exists, or the passphrase is too short.
        OperatorsFixed: the name is not valid.
    """
    if len(passphrase) < PASSPHRASE_LENGTH_MIN:
        raise KeyUnusable(f"the passphrase is shorter than {PASSPHRASE_LENGTH_MIN} characters")
    private, salt = Ed25519PrivateKey.generate(), os.urandom(_SALT_BYTES)
    key = OperatorKey(name, private)
    pem = private.private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(_stretched(passphrase, salt))
    )
    public = _lines(key.public)
    text = f"{public}scrypt: {base64.b64encode(salt).decode()}\n{pem.decode()}"
    # A later release of the library might encrypt in another way.
    LockedKey(text, key.by, file=str(file))
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise KeyUnusable(f"{file} exists, and a key is never overwritten; move it away") from None
    with os.fdopen(descriptor, "w") as opened:
        opened.write(text)
        opened.flush()
        os.fsync(opened.fileno())
    public_file(file).write_text(public)
    return key


def public_file(file: Path) -> Path:
    """The `.pub` file that belongs to a key file."""
    return file.with_name(f"{file.name}.pub")


def read_key(file: Path, name: str, passphrase: Callable[[], bytes]) -> OperatorKey:
    """The private key of a file.

    Raises:
        KeyUnusable: there is no such key, it is another person's, or others can read the file.
        NotSigned: the passphrase is wrong.
    """
    text = _read(file)
    if file.stat().st_mode & 0o077:
        raise KeyUnusable(
            f"others can read {file}; run `chmod 600 {file}`, or make a new key if somebody may "
            "have read it"
        )
    return LockedKey(text, name, file=str(file)).opened(passphrase())


def read_public(file: Path) -> PublicKey:
    """The public key of a `.pub` file. The store verifies that its owner holds the private key.

    Raises:
        KeyUnusable: the file is not a public key.
        OperatorsFixed: its name is not valid.
    """
    fields = _fields(str(file), _read(file))
    try:
        key, proof = (base64.b64decode(fields[part], validate=True) for part in ("key", "proof"))
    except (KeyError, ValueError):
        raise KeyUnusable(
            f"{file} is not a public key; give the .pub file that `finality operator key` wrote"
        ) from None
    return PublicKey(spelt(fields["name"]), key, proof)


def _lines(public: PublicKey) -> str:
    key, proof = (base64.b64encode(part).decode() for part in (public.key, public.proof))
    return f"{_FIRST_LINE}\nname: {public.name}\nkey: {key}\nproof: {proof}\n"


def _fields(file: str, text: str) -> dict[str, str]:
    first, *rest = text.splitlines() or [""]
    fields = dict(line.split(": ", 1) for line in rest if ": " in line)
    if first != _FIRST_LINE or "name" not in fields:
        raise KeyUnusable(_not_ours(file))
    return fields


def _not_ours(file: str) -> str:
    return f"{file} is not a file that `finality operator key` wrote"


def _read(file: Path) -> str:
    try:
        return file.read_text()
    except OSError as error:
        raise KeyUnusable(
            f"the key {file} cannot be read: {error.strerror}; make one with `finality operator "
            "key`, or set FINALITY_OPERATOR_KEY_FILE to the file of the private key"
        ) from None
    except UnicodeDecodeError:
        raise KeyUnusable(_not_ours(str(file))) from None


def _stretched(passphrase: bytes, salt: bytes) -> bytes:
    return Scrypt(salt=salt, length=32, **_SCRYPT).derive(passphrase).hex().encode()
