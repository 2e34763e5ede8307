"""Why Temporal cannot be used, against real sockets: the cause and what to set, no stack trace."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from local.temporal_server import DevServer
from starter.away import TemporalAway
from starter.connecting import connected, missing_search_attributes
from tests.workflows.conftest import server
from workflows.attributes import SEARCH_ATTRIBUTES

__all__ = ["server"]

HERE = x509.IPAddress(ip_address("127.0.0.1"))
DAY = timedelta(days=1)


class Signed(NamedTuple):
    """A certificate with its key."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    def written(self, folder: Path, name: str) -> tuple[Path, Path]:
        """Certificate and key, each in a file."""
        files = (folder / f"{name}.pem", folder / f"{name}.key")
        files[0].write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))
        files[1].write_bytes(
            self.key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return files


def signed(by: Signed | None, *names: x509.GeneralName, after: timedelta = -DAY) -> Signed:
    """By that authority, or an authority itself; valid for two days from `after` now."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    title = "authority" if by is None else "server"
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, title)])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(by.certificate.subject if by else name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + after)
        .not_valid_after(now + after + 2 * DAY)
    )
    if by is None:
        made = made.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    else:
        made = made.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return Signed(key, made.sign(by.key if by else key, hashes.SHA256()))


AUTHORITY, STRANGER = signed(None), signed(None)


@asynccontextmanager
async def listening(context: ssl.SSLContext | None) -> AsyncIterator[str]:
    """Something that takes connections, and says nothing of its own."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await reader.read(1000):
                pass
        except (ConnectionError, ssl.SSLError):
            pass
        finally:
            writer.close()

    serving = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=context)
    try:
        yield f"127.0.0.1:{serving.sockets[0].getsockname()[1]}"
    finally:
        serving.close()


def showing(folder: Path, shown: Signed, *, wants: Signed | None = None) -> ssl.SSLContext:
    """A server with that certificate, which may want one of a client too."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*shown.written(folder, "server"))
    context.set_alpn_protocols(["h2"])
    if wants is not None:
        context.load_verify_locations(wants.written(folder, "wanted")[0])
        context.verify_mode = ssl.CERT_REQUIRED
    return context


@pytest.fixture(autouse=True)
def trusting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A profile with TLS, which trusts our authority."""
    file, _ = AUTHORITY.written(tmp_path, "authority")
    monkeypatch.setenv("TEMPORAL_TLS", "true")
    monkeypatch.setenv("TEMPORAL_TLS_SERVER_CA_CERT_PATH", str(file))


async def _said(address: str) -> str:
    async with asyncio.timeout(20):
        with pytest.raises(TemporalAway) as away:
            await connected(address, [])
    return str(away.value)


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (signed(STRANGER, HERE), "TEMPORAL_TLS_SERVER_CA_CERT_PATH"),
        (signed(AUTHORITY, HERE, after=-3 * DAY), "has expired"),
        (signed(AUTHORITY, HERE, after=DAY), "is not valid yet"),
        (signed(AUTHORITY, x509.DNSName("other.example")), "TEMPORAL_TLS_SERVER_NAME"),
    ],
    ids=["another authority", "expired", "not yet valid", "another name"],
)
async def test_a_server_certificate_that_is_not_accepted(
    tmp_path: Path, shown: Signed, expected: str
) -> None:
    async with listening(showing(tmp_path, shown)) as address:
        said = await _said(address)
    assert address in said
    assert expected in said


@pytest.mark.parametrize("by", [None, STRANGER], ids=["none", "of another authority"])
async def test_a_client_certificate_that_is_missing_or_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: Signed | None
) -> None:
    if by is not None:
        certificate, key = signed(by, HERE).written(tmp_path, "client")
        monkeypatch.setenv("TEMPORAL_TLS_CLIENT_CERT_PATH", str(certificate))
        monkeypatch.setenv("TEMPORAL_TLS_CLIENT_KEY_PATH", str(key))
    context = showing(tmp_path, signed(AUTHORITY, HERE), wants=AUTHORITY)
    async with listening(context) as address:
        assert "TEMPORAL_TLS_CLIENT_CERT_PATH" in await _said(address)


async def test_tls_on_one_side_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with listening(None) as address:
        assert "unset TEMPORAL_TLS" in await _said(address)
    monkeypatch.setenv("TEMPORAL_TLS", "false")
    monkeypatch.delenv("TEMPORAL_TLS_SERVER_CA_CERT_PATH")
    async with listening(showing(tmp_path, signed(AUTHORITY, HERE))) as address:
        assert "TEMPORAL_TLS=true" in await _said(address)


async def test_files_of_the_profile_that_are_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEMPORAL_TLS_SERVER_CA_CERT_PATH", "/none/authority.pem")
    assert "/none/authority.pem" in await _said("127.0.0.1:1")


async def test_nobody_there(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "no Temporal server answers at 127.0.0.1:1" in await _said("127.0.0.1:1")
    assert "there is no machine of this name" in await _said("nobody.invalid:7233")


async def test_a_namespace_that_is_missing_and_search_attributes_that_are(
    server: DevServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("TEMPORAL_TLS", "TEMPORAL_TLS_SERVER_CA_CERT_PATH"):
        monkeypatch.delenv(name)
    client = await connected(server.address, [])
    assert await missing_search_attributes(client) is None
    monkeypatch.setitem(SEARCH_ATTRIBUTES, "Unheard", "Keyword")
    command = await missing_search_attributes(client)
    assert command is not None
    assert command.endswith("--namespace default --name Unheard --type Keyword")
    monkeypatch.setenv("TEMPORAL_NAMESPACE", "typo")
    said = await _said(server.address)
    assert f"namespace create --address {server.address} --namespace typo" in said
