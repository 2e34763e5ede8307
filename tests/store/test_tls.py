"""A server on another machine proves its name before it hears anything from us."""

from __future__ import annotations

import datetime
import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from sqlalchemy import make_url
from sqlmodel import Session

from store.database import Database
from store.faults import StoreAway
from tests.postgresql import PostgreSQL

#: What a client says first that wants TLS, and the answer of a server that has it.
ASKS_FOR_TLS = bytes.fromhex("0000000804d2162f")
YES = b"S"


def _certificate(folder: Path, address: str) -> Path:
    """A certificate for an address, signed by itself, with its key in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))]), False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    file = folder / f"{address}.pem"
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return file


@contextmanager
def _encrypted(server: PostgreSQL, certificate: Path) -> Iterator[int]:
    """A port that speaks TLS before the server, whose build has none; gives its number."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return  # It was closed.
            threading.Thread(target=answer, args=(client,), daemon=True).start()

    def answer(client: socket.socket) -> None:
        with client:
            if client.recv(8) != ASKS_FOR_TLS:
                return
            client.sendall(YES)
            try:
                secret = context.wrap_socket(client, server_side=True)
            except (ssl.SSLError, OSError):
                return  # The client did not trust us.
            with secret, socket.socket(socket.AF_UNIX) as behind:
                behind.connect(str(server.sockets / ".s.PGSQL.5432"))
                answers = threading.Thread(target=_pass_on, args=(behind, secret))
                answers.start()
                _pass_on(secret, behind)
                answers.join()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.close()


def _pass_on(one: socket.socket, other: socket.socket) -> None:
    try:
        while said := one.recv(1 << 16):
            other.sendall(said)
        other.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # One of them has gone.


def _one(session: Session) -> int:
    return int(session.connection().exec_driver_sql("SELECT 1").scalar_one())


@pytest.mark.parametrize(
    ("address", "mode", "trusted"),
    [
        ("127.0.0.1", "verify-full", True),
        ("127.0.0.1", "verify-full", False),
        ("10.1.2.3", "verify-full", True),
        ("10.1.2.3", "verify-ca", True),
        ("10.1.2.3", "require", False),
        ("127.0.0.1", "disable", False),
    ],
)
def test_a_server_is_believed_as_the_mode_says(
    postgresql: PostgreSQL, tmp_path: Path, address: str, mode: str, trusted: bool
) -> None:
    url = postgresql.database()
    certificate = _certificate(tmp_path, address)
    authorities = f"&sslrootcert={certificate}" if trusted else ""
    believed = mode == "require" or (trusted and (address == "127.0.0.1" or mode == "verify-ca"))
    with _encrypted(postgresql, certificate) as port:
        name = make_url(url).database
        database = Database(f"postgresql://us@127.0.0.1:{port}/{name}?sslmode={mode}{authorities}")
        if believed:
            assert database.read_now(_one) == 1
        else:
            with pytest.raises(StoreAway):
                database.read_now(_one)
        database.close()
    postgresql.give_back(url)
