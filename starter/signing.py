"""An operator's key: a file of that person's own, opened with a passphrase.

The private key is stored as encrypted PKCS#8. The key derivation of PKCS#8 alone is too weak
against guessing, so its password is first derived from the passphrase by scrypt.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from domain.explained import Explained
from domain.lifecycle.statement import Signed, Statement
from store.operators import NotSigned, PublicKey, possession, spelt

PASSPHRASE_LENGTH_MIN: Final = 12
_SALT_BYTES: Final = 16
_SCRYPT: Final = {"n": 2**15, "r": 8, "p": 1}
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
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise KeyUnusable(f"{file} exists, and a key is never overwritten; move it away") from None
    with os.fdopen(descriptor, "w") as opened:
        opened.write(f"{public}scrypt: {base64.b64encode(salt).decode()}\n{pem.decode()}")
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
    return opened_key(text, name, passphrase, file=str(file))


def opened_key(text: str, name: str, passphrase: Callable[[], bytes], *, file: str) -> OperatorKey:
    """The private key in the text of a key file. It takes a tenth of a second, because of scrypt.

    Args:
        file: what errors call the file.

    Raises:
        KeyUnusable: there is no such key, or it is another person's.
        NotSigned: the passphrase is wrong.
    """
    fields = _fields(file, text)
    if fields["name"] != name:
        raise KeyUnusable(f"{file} is the key of {fields['name']!r}, not of {name!r}")
    try:
        salt = base64.b64decode(fields["scrypt"], validate=True)
        pem = text[text.index("-----BEGIN") :].encode()
    except (KeyError, ValueError):
        raise KeyUnusable(
            f"{file} has no private key; give the key file, without .pub at its end"
        ) from None
    password = _stretched(passphrase(), salt)
    try:
        private = load_pem_private_key(pem, password)
    except ValueError:
        raise NotSigned(f"the passphrase does not open {file}") from None
    if not isinstance(private, Ed25519PrivateKey):
        raise KeyUnusable(f"{file} is not an Ed25519 key; make one with `finality operator key`")
    return OperatorKey(name, private)


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
        raise KeyUnusable(f"{file} is not a file that `finality operator key` wrote")
    return fields


def _read(file: Path) -> str:
    try:
        return file.read_text()
    except OSError as error:
        raise KeyUnusable(
            f"the key {file} cannot be read: {error.strerror}; make one with `finality operator "
            "key`, or set FINALITY_OPERATOR_KEY_FILE to the file of the private key"
        ) from None
    except UnicodeDecodeError:
        raise KeyUnusable(f"{file} is not a file that `finality operator key` wrote") from None


def _stretched(passphrase: bytes, salt: bytes) -> bytes:
    return Scrypt(salt=salt, length=32, **_SCRYPT).derive(passphrase).hex().encode()
