"""Mutual TLS: what is wrong with a certificate is known before a byte of a request is read."""

from __future__ import annotations

import os
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from cryptography.hazmat.primitives import serialization

from domain.clock import Clock
from domain.lifecycle.answers import Deadline
from tests.transport.pki import Authority, identity
from tests.transport.servers import HEAD, Connection, Server, serving
from transport.exchange import Lost, NeverLeft, Outcome, Request, Response
from transport.handshake import refusal
from transport.http import Transport
from transport.identity import BadIdentity, Credential, Identity

PAY = Request("POST", "/pay", body=b"amount=1.00", once=True)
_HOUR = timedelta(hours=1)


class Now:
    """The machine's clock, shifted."""

    def __init__(self) -> None:
        self.shift = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.shift


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "authority")


def of_client(authority: Authority, name: str = "client") -> Identity:
    return identity(authority.issue(name), authority)


async def answering(connection: Connection) -> None:
    await connection.request()
    await connection.answer(HEAD + b"content-length: 2\r\n\r\n{}")


@asynccontextmanager
async def bank(
    authority: Authority, *, version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3
) -> AsyncIterator[Server]:
    """A server that requires a client certificate of that authority."""
    async with serving(answering, _requiring(authority, version)) as server:
        yield server


@dataclass
class Alerting:
    """A server that refuses by an alert, as those of banks do. asyncio's sends none."""

    listener: socket.socket
    context: ssl.SSLContext
    bytes_seen: int = 0

    @property
    def port(self) -> int:
        return int(self.listener.getsockname()[1])

    def serve(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection:
                try:
                    with self.context.wrap_socket(connection, server_side=True) as secured:
                        self.bytes_seen += len(secured.recv(65536))
                except OSError:
                    continue


@contextmanager
def alerting(authority: Authority, version: ssl.TLSVersion) -> Iterator[Alerting]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = Alerting(listener, _requiring(authority, version))
        thread = threading.Thread(target=server.serve, daemon=True)
        thread.start()
        yield server
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(10)


def _requiring(authority: Authority, version: ssl.TLSVersion) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.issue("server", is_server=True).both)
    context.load_verify_locations(authority.file)
    context.verify_mode = ssl.CERT_REQUIRED
    context.maximum_version = version
    return context


async def asked(
    server: Server | Alerting, who: Identity, clock: Clock | None = None
) -> tuple[str | None, Outcome]:
    """The greeting, and the outcome of a request that is sent without heeding it."""
    clock = clock or Now()
    transport = Transport(f"https://127.0.0.1:{server.port}", clock=clock, identity=who)
    try:
        greeting = await transport.greet()
        end = clock.now() + timedelta(seconds=20)
        return greeting, await transport.exchange(PAY, Deadline(end, end))
    finally:
        await transport.close()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_2])
async def test_a_client_whose_authority_is_known_is_let_in(
    authority: Authority, version: ssl.TLSVersion
) -> None:
    async with bank(authority, version=version) as server:
        greeting, outcome = await asked(server, of_client(authority))
    assert greeting is None
    assert isinstance(outcome, Response)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_2])
async def test_a_client_of_an_unknown_authority_is_told_so_and_sends_nothing(
    authority: Authority, tmp_path: Path, version: ssl.TLSVersion
) -> None:
    stranger = identity(Authority(tmp_path, "stranger").issue("strange-client"), authority)
    with alerting(authority, version) as server:
        greeting, outcome = await asked(server, stranger)
    assert greeting is not None
    assert "does not know the authority of our client certificate" in greeting
    # Our bytes may cross the alert, which is then lost if the server resets the connection.
    assert isinstance(outcome, NeverLeft | Lost)
    assert isinstance(outcome, NeverLeft) or version is ssl.TLSVersion.TLSv1_3
    assert server.bytes_seen == 0


async def test_a_client_without_a_certificate_is_told_that_one_is_required(
    authority: Authority,
) -> None:
    trusting = ssl.create_default_context(cafile=str(authority.file))
    with alerting(authority, ssl.TLSVersion.TLSv1_3) as server:
        address = urlsplit(f"https://127.0.0.1:{server.port}")
        why = await refusal(address, trusting, 10)
    assert why is not None
    assert "requires a client certificate" in why


async def test_a_server_that_closes_without_a_word_is_reported(
    authority: Authority, tmp_path: Path
) -> None:
    stranger = identity(Authority(tmp_path, "stranger").issue("strange-client"), authority)
    async with bank(authority) as server:
        greeting, _ = await asked(server, stranger)
    assert greeting is not None
    assert "may not accept our client certificate" in greeting


async def test_a_server_of_an_unknown_authority_gets_no_request(
    authority: Authority, tmp_path: Path
) -> None:
    other = Authority(tmp_path, "other")
    who = replace(of_client(authority), authorities=other.file)
    async with bank(authority) as server:
        greeting, outcome = await asked(server, who)
        assert server.bytes_seen == 0
    assert greeting is not None
    assert "`authorities`" in greeting
    assert isinstance(outcome, NeverLeft)


async def test_a_greeting_is_remembered_for_a_while_and_then_repeated(authority: Authority) -> None:
    clock = Now()
    async with bank(authority) as server:
        who = of_client(authority)
        transport = Transport(f"https://127.0.0.1:{server.port}", clock=clock, identity=who)
        for minutes, connections in ((0, 1), (4, 1), (6, 2)):
            clock.shift = timedelta(minutes=minutes)
            assert await transport.greet() is None
            assert len(server.connections) == connections
        await transport.close()


async def test_nobody_listens(authority: Authority) -> None:
    transport = Transport("https://127.0.0.1:9", clock=Now(), identity=of_client(authority))
    greeting = await transport.greet()
    assert greeting is not None
    assert "no TLS connection" in greeting


async def test_an_expired_certificate_sends_nothing_and_says_when_it_expired(
    authority: Authority,
) -> None:
    expired = authority.issue("expired", since=-2 * _HOUR, until=-_HOUR)
    async with bank(authority) as server:
        greeting, outcome = await asked(server, identity(expired, authority))
        assert server.connections == []
    assert greeting is not None
    assert greeting.startswith("client_certificate: ")
    assert "expired at" in greeting
    assert isinstance(outcome, NeverLeft)
    assert outcome.why == greeting


async def test_a_certificate_that_expires_meanwhile_ends_there(authority: Authority) -> None:
    clock = Now()
    who = of_client(authority)
    async with bank(authority) as server:
        transport = Transport(f"https://127.0.0.1:{server.port}", clock=clock, identity=who)
        assert await transport.greet() is None
        clock.shift = timedelta(days=2)
        end = clock.now() + _HOUR
        outcome = await transport.exchange(PAY, Deadline(end, end))
        await transport.close()
        assert server.bytes_seen == 0
    assert isinstance(outcome, NeverLeft)


async def test_a_renewed_certificate_is_used_without_a_restart(authority: Authority) -> None:
    old = authority.issue("renewed", until=_HOUR)
    credential = Credential(identity(old, authority))
    now = datetime.now(UTC)
    before = credential.context(now)
    assert credential.context(now) is before
    new = authority.issue("renewed", until=3 * _HOUR)
    assert new == old
    later = now.timestamp() + 60
    for file in (new.certificate, new.key):
        os.utime(file, (later, later))
    assert credential.context(now + 2 * _HOUR) is not before


def _wrong(authority: Authority, tmp_path: Path) -> dict[str, tuple[Identity, str]]:
    client, other = authority.issue("client"), authority.issue("other")
    text = tmp_path / "text.pem"
    text.write_text("this is no PEM")
    locked = tmp_path / "locked.pem"
    key = serialization.load_pem_private_key(client.key.read_bytes(), None)
    locked.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )
    right = identity(client, authority)
    future = authority.issue("future", since=_HOUR, until=2 * _HOUR)
    return {
        "missing": (replace(right, certificate=tmp_path / "none"), "client_certificate: "),
        "no certificate": (replace(right, certificate=text), "has no certificate in PEM"),
        "no key": (replace(right, private_key=text), "has no private key in PEM"),
        "wrong key": (replace(right, private_key=other.key), "is not the key of"),
        "locked": (replace(right, private_key=locked), "locked with a passphrase"),
        "no authorities": (replace(right, authorities=text), "authorities: "),
        "not yet": (identity(future, authority), "is valid only from"),
    }


@pytest.mark.parametrize(
    "name",
    ["missing", "no certificate", "no key", "wrong key", "locked", "no authorities", "not yet"],
)
def test_a_wrong_file_is_named_with_its_setting_and_the_remedy(
    authority: Authority, tmp_path: Path, name: str
) -> None:
    who, words = _wrong(authority, tmp_path)[name]
    with pytest.raises(BadIdentity) as refused:
        Credential(who).context(datetime.now(UTC))
    assert words in str(refused.value)
    assert "secret" not in str(refused.value)
