"""Who we are in mutual TLS: our client certificate, its key, and whom we trust.

Everything that our own files can tell is checked before a connection is opened: an expired or wrong
certificate never costs an order in doubt. Files are read again when they change, so a renewed
certificate needs no restart.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.x509 import Certificate


class BadIdentity(ValueError):
    """The files cannot be used. The text names the setting, the file and the remedy."""


@dataclass(frozen=True)
class Identity:
    """The files of one account with a partner.

    Attributes:
        certificate: PEM, our own certificate first, then its chain.
        private_key: PEM, without a passphrase.
        authorities: PEM, who vouches for the partner's server. None: the public authorities.
    """

    certificate: Path
    private_key: Path
    authorities: Path | None = None


class Credential:
    """An identity, loaded. It is loaded again when one of its files changes."""

    def __init__(self, identity: Identity) -> None:
        self._identity = identity
        self._loaded: tuple[tuple[int, ...], ssl.SSLContext, Certificate] | None = None

    def context(self, now: datetime) -> ssl.SSLContext:
        """The TLS context; the same one until a file changes.

        Raises:
            BadIdentity: a file is missing or wrong, or the certificate is not valid now.
        """
        files = self._files()
        stamp = tuple(_changed_at(name, file) for name, file in files.items())
        if self._loaded is None or self._loaded[0] != stamp:
            self._loaded = (stamp, *self._load())
        _, context, certificate = self._loaded
        file = self._identity.certificate
        since, until = certificate.not_valid_before_utc, certificate.not_valid_after_utc
        if now >= until:
            raise BadIdentity(
                f"client_certificate: {file} expired at {until:%Y-%m-%d %H:%M} UTC; put the "
                "renewed certificate and its key there"
            )
        if now < since:
            raise BadIdentity(
                f"client_certificate: {file} is valid only from {since:%Y-%m-%d %H:%M} UTC; use "
                "the one before it, or correct this machine's clock"
            )
        return context

    def _files(self) -> dict[str, Path]:
        files = {
            "client_certificate": self._identity.certificate,
            "client_key": self._identity.private_key,
        }
        if self._identity.authorities is not None:
            files["authorities"] = self._identity.authorities
        return files

    def _load(self) -> tuple[ssl.SSLContext, Certificate]:
        from cryptography import x509
        from cryptography.hazmat.primitives import serialization

        identity = self._identity
        try:
            certificate = x509.load_pem_x509_certificates(identity.certificate.read_bytes())[0]
        except (OSError, ValueError) as error:
            raise BadIdentity(
                f"client_certificate: {identity.certificate} has no certificate in PEM "
                f"({type(error).__name__}); give the file that your authority issued"
            ) from None
        try:
            key = serialization.load_pem_private_key(
                identity.private_key.read_bytes(), password=None
            )
        except TypeError:
            raise BadIdentity(
                f"client_key: {identity.private_key} is locked with a passphrase; store it "
                "unlocked, readable by this process only"
            ) from None
        except (OSError, ValueError) as error:
            raise BadIdentity(
                f"client_key: {identity.private_key} has no private key in PEM "
                f"({type(error).__name__}); give the key of the client certificate"
            ) from None
        if _public(key.public_key()) != _public(certificate.public_key()):
            raise BadIdentity(
                f"client_key: {identity.private_key} is not the key of "
                f"{identity.certificate}; give the two files that belong together"
            )
        # A command that only reads settings knows this module, and must not wait for HTTP's.
        import httpx

        try:
            authorities = identity.authorities
            context = (
                httpx.create_ssl_context()
                if authorities is None
                else ssl.create_default_context(cafile=str(authorities))
            )
        except (OSError, ssl.SSLError) as error:
            raise BadIdentity(
                f"authorities: {identity.authorities} has no certificates in PEM "
                f"({type(error).__name__}); give the authority of the partner's server"
            ) from None
        try:
            context.load_cert_chain(identity.certificate, identity.private_key)
        except (OSError, ssl.SSLError) as error:
            raise BadIdentity(
                f"client_certificate: {identity.certificate} cannot be used by TLS "
                f"({type(error).__name__}); give one with a key of RSA or EC"
            ) from None
        return context, certificate


def _changed_at(name: str, file: Path) -> int:
    try:
        return file.stat().st_mtime_ns
    except OSError as error:
        raise BadIdentity(
            f"{name}: {file} cannot be read ({type(error).__name__}); correct the path or its "
            "permissions"
        ) from None


def _public(key: object) -> bytes:
    from cryptography.hazmat.primitives import serialization

    encoded: bytes = key.public_bytes(  # type: ignore[attr-defined]
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return encoded
