"""URLs of databases: what is taken, what is refused, and that no password is shown.

Connections: that none stays open which nobody uses.
"""

from __future__ import annotations

import socket
import ssl
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

import store.engines
from store.database import Database
from store.engines import engines
from store.faults import BadDatabaseUrl, StoreAway
from tests.postgresql import PostgreSQL

PASSWORD = "canary-password"


def _options(url: str) -> dict[str, Any]:
    """What the driver is given for a URL."""
    engine = engines(url).write
    given: dict[str, Any] = {}

    def connecting(**options: Any) -> None:
        given.update(options)
        raise InterruptedError

    def dialling(place: str | tuple[str, int], _silence_seconds: float) -> socket.socket:
        given["dialled"] = place
        return socket.socket()

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(store.engines, "_dial", dialling)
        patched.setattr(engine.dialect.loaded_dbapi, "Connection", connecting)
        with pytest.raises(InterruptedError):
            engine.connect()
    return given


def _tls(url: str) -> ssl.SSLContext:
    context = _options(url)["ssl_context"]
    assert isinstance(context, ssl.SSLContext)
    return context


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+pg8000"])
def test_a_url_as_everybody_writes_it_is_taken(scheme: str) -> None:
    options = _options(f"{scheme}://me:{PASSWORD}@db.example:6432/finality")
    assert (options["host"], options["dialled"]) == ("db.example", ("db.example", 6432))
    assert (options["user"], options["password"]) == ("me", PASSWORD)
    assert options["database"] == "finality"


def test_a_folder_for_a_host_is_that_of_a_socket() -> None:
    options = _options("postgresql://me@/finality?host=/run/postgresql")
    assert options["dialled"] == "/run/postgresql/.s.PGSQL.5432"
    assert options["ssl_context"] is False


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]"])
def test_on_this_machine_nothing_is_encrypted_unless_asked(host: str) -> None:
    assert _options(f"postgresql://me@{host}/finality")["ssl_context"] is False
    assert _tls(f"postgresql://me@{host}/finality?sslmode=require").verify_mode is ssl.CERT_NONE


def test_elsewhere_a_server_proves_its_name_unless_less_is_asked() -> None:
    at = "postgresql://me@db.example/finality"
    full, mere = _tls(at), _tls(f"{at}?sslmode=require")
    assert (full.verify_mode, full.check_hostname) == (ssl.CERT_REQUIRED, True)
    chain = _tls(f"{at}?sslmode=verify-ca")
    assert (chain.verify_mode, chain.check_hostname) == (ssl.CERT_REQUIRED, False)
    assert (mere.verify_mode, mere.check_hostname) == (ssl.CERT_NONE, False)
    assert _options(f"{at}?sslmode=disable")["ssl_context"] is False


@pytest.mark.parametrize(
    ("url", "said"),
    [
        (f"mysql://me:{PASSWORD}@db.example/finality", "'mysql' is not known"),
        (f"postgresql+psycopg://me:{PASSWORD}@db.example/finality", "is not known"),
        (f"postgresql://me:{PASSWORD}@db.example:port/finality", "cannot be read"),
        (PASSWORD, "cannot be read"),
        (f"postgresql://me:{PASSWORD}@db.example/f?sslmode=prefer", "say disable, require"),
        (f"postgresql://me:{PASSWORD}@db.example/f?sslrootcert=/nowhere", "sslrootcert: No such"),
        (f"postgresql://me:{PASSWORD}@db.example/f?target=x", "option 'target' is not known"),
    ],
)
def test_what_cannot_be_used_is_named_without_the_password(url: str, said: str) -> None:
    with pytest.raises(BadDatabaseUrl, match="FINALITY_DATABASE_URL") as refused:
        Database(url)
    assert said in str(refused.value)
    assert PASSWORD not in str(refused.value)


def test_a_database_is_named_without_its_password(tmp_path: Path) -> None:
    remote = Database(f"postgresql://me:{PASSWORD}@db.example/finality?sslmode=disable")
    assert (remote.kind, remote.place) == ("postgresql", "db.example/finality")
    assert PASSWORD not in repr(vars(remote))
    local = Database(f"sqlite:///{tmp_path}/finality.db")
    assert (local.kind, local.place) == ("sqlite", f"{tmp_path}/finality.db")


def test_where_nothing_listens_the_store_is_away() -> None:
    database = Database(f"postgresql://me:{PASSWORD}@127.0.0.1:1/finality")
    with pytest.raises(StoreAway, match=r"127\.0\.0\.1:1: Connection refused") as away:
        database.read_now(lambda session: session.connection())
    assert PASSWORD not in str(away.value)


@pytest.fixture
def dialled(monkeypatch: pytest.MonkeyPatch) -> list[socket.socket]:
    """Every connection that is made, as long as somebody could still close it."""
    made: list[socket.socket] = []
    dial = store.engines._dial

    def recorded(place: str | tuple[str, int], silence_seconds: float | None) -> socket.socket:
        made.append(dial(place, silence_seconds))
        return made[-1]

    monkeypatch.setattr(store.engines, "_dial", recorded)
    return made


def _is_open(connections: list[socket.socket]) -> list[bool]:
    return [each.fileno() >= 0 for each in connections]


def test_a_connection_that_breaks_is_closed_at_once(
    postgresql: PostgreSQL, dialled: list[socket.socket]
) -> None:
    database = Database(postgresql.url())
    database.read_now(lambda session: session.connection())
    postgresql.run(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'finality'"
    )
    database.read_now(lambda session: session.execute(text("SELECT 1")))
    assert _is_open(dialled) == [False, True]
    database.close()
    assert _is_open(dialled) == [False, False]


def test_a_connection_that_takes_no_settings_is_closed_at_once(
    postgresql: PostgreSQL, dialled: list[socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store.engines, "_READS", ("SET no_such_setting = 1",))
    database = Database(postgresql.url())
    with pytest.raises(DBAPIError, match="no_such_setting"):
        database.read_now(lambda session: session.connection())
    assert _is_open(dialled) == [False]
    database.close()


def test_a_connection_that_is_refused_is_closed_at_once(
    postgresql: PostgreSQL, dialled: list[socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And its reason is told, also where the server has hung up before the driver takes leave."""
    database = Database(postgresql.url("nowhere"))
    driver: Any = database._engines.read.dialect.loaded_dbapi

    def too_late(_connection: Any) -> None:
        raise driver.InterfaceError("network error")

    monkeypatch.setattr(driver.Connection, "close", too_late)
    with pytest.raises(StoreAway, match="nowhere"):
        database.read_now(lambda session: session.connection())
    assert _is_open(dialled) == [False]
    database.close()
