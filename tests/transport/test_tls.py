"""TLS: a peer nobody vouches for never sees a byte of a request."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.transport.servers import HEAD, Connection, SteppingClock, serving
from transport.exchange import Lost, NeverLeft, Outcome, Request, Response
from transport.http import Transport

PAY = Request("POST", "/pay", body=b"amount=1.00", once=True)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 that signs itself, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "finality test")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(
            x509.KeyUsage(
                digital_signature=True, key_cert_sign=True, crl_sign=True,
                content_commitment=False, key_encipherment=False, data_encipherment=False,
                key_agreement=False, encipher_only=False, decipher_only=False,
            ),
            critical=True,
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    file = tmp_path_factory.mktemp("tls") / "server.pem"
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return file


def server_context(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


async def ask(port: int, verify: ssl.SSLContext | None) -> Outcome:
    clock = SteppingClock()
    url = f"https://127.0.0.1:{port}"
    transport = Transport(url, clock=clock, verify=True if verify is None else verify)
    try:
        return await transport.exchange(PAY, clock.deadline())
    finally:
        await transport.close()


async def answering(connection: Connection) -> None:
    await connection.request()
    await connection.answer(HEAD + b"content-length: 2\r\n\r\n{}")


async def test_a_certificate_nobody_vouches_for_sees_no_byte(certificate: Path) -> None:
    async with serving(answering, server_context(certificate)) as server:
        answer = await ask(server.port, None)
    assert isinstance(answer, NeverLeft)
    assert server.bytes_seen == 0


async def test_a_server_without_tls_sees_no_byte_of_the_request() -> None:
    async def deaf_to_tls(connection: Connection) -> None:
        connection.seen += await connection.reader.read(65536)
        await connection.answer(b"HTTP/1.1 400 Bad\r\ncontent-length: 0\r\n\r\n")

    async with serving(deaf_to_tls) as server:
        answer = await ask(server.port, None)
    assert isinstance(answer, NeverLeft)
    assert b"amount" not in server.connections[0].seen


async def test_a_certificate_of_our_own_authority_is_answered(certificate: Path) -> None:
    trusting = ssl.create_default_context(cafile=str(certificate))
    async with serving(answering, server_context(certificate)) as server:
        answer = await ask(server.port, trusting)
    assert isinstance(answer, Response)
    assert server.connections[0].seen.endswith(b"amount=1.00")


async def test_a_missing_client_certificate_is_lost_if_tls_1_3_does_not_say_so(
    certificate: Path,
) -> None:
    """asyncio's server ends such a handshake without an alert. `test_identity.py` has one."""
    context = server_context(certificate)
    context.verify_mode = ssl.CERT_REQUIRED
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    trusting = ssl.create_default_context(cafile=str(certificate))
    async with serving(answering, context) as server:
        answer = await ask(server.port, trusting)
    assert isinstance(answer, Lost)
    assert server.bytes_seen == 0
