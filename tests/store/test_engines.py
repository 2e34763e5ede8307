"""URLs of databases: what is taken, what is refused, and that no password is shown.

Connections: that none stays open which nobody uses.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

import store.engines
from store.database import Database
from store.engines import engines
from store.faults import BadDatabaseUrl, StoreAway
from store.postgresql import Connection
from tests.postgresql import PostgreSQL

PASSWORD = "canary-password"


def _options(url: str) -> dict[str, Any]:
    """What the driver is given for a URL."""
    given: dict[str, Any] = {}

    def connecting(**options: Any) -> None:
        given.update(options)
        raise InterruptedError

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Connection, "connect", connecting)
        with pytest.raises(InterruptedError):
            engines(url).write.connect()
    return given


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
def test_a_url_as_everybody_writes_it_is_taken(scheme: str) -> None:
    options = _options(f"{scheme}://me:{PASSWORD}@db.example:6432/finality")
    assert (options["host"], options["port"]) == ("db.example", 6432)
    assert (options["user"], options["password"]) == ("me", PASSWORD)
    assert options["dbname"] == "finality"


def test_a_folder_for_a_host_is_that_of_a_socket() -> None:
    options = _options("postgresql://me@/finality?host=/run/postgresql")
    assert (options["host"], options["sslmode"]) == ("/run/postgresql", "disable")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]"])
def test_on_this_machine_nothing_is_encrypted_unless_asked(host: str) -> None:
    assert _options(f"postgresql://me@{host}/finality")["sslmode"] == "disable"
    assert _options(f"postgresql://me@{host}/finality?sslmode=require")["sslmode"] == "require"


def test_elsewhere_a_server_proves_its_name_unless_less_is_asked() -> None:
    at = "postgresql://me@db.example/finality"
    assert _options(at)["sslmode"] == "verify-full"
    assert Path(_options(at)["sslrootcert"]).is_file(), "the authorities this machine trusts"
    for mode in ("disable", "require", "verify-ca", "verify-full"):
        assert _options(f"{at}?sslmode={mode}")["sslmode"] == mode


@pytest.mark.parametrize(
    ("url", "said"),
    [
        (f"mysql://me:{PASSWORD}@db.example/finality", "'mysql' is not known"),
        (f"postgresql+asyncpg://me:{PASSWORD}@db.example/finality", "is not known"),
        (f"postgresql://me:{PASSWORD}@db.example:port/finality", "cannot be read"),
        (PASSWORD, "cannot be read"),
        (f"postgresql://me:{PASSWORD}@db.example/f?sslmode=prefer", "use disable, require"),
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
    with pytest.raises(StoreAway, match=r"127\.0\.0\.1.*port 1 .*Connection refused") as away:
        database.read_now(lambda session: session.connection())
    assert PASSWORD not in str(away.value)


def _sockets() -> int:
    """How many this process has open."""
    return sum(path.name.isdigit() and _is_socket(path) for path in Path("/proc/self/fd").iterdir())


def _is_socket(descriptor: Path) -> bool:
    try:
        return str(descriptor.readlink()).startswith("socket:")
    except FileNotFoundError:
        return False  # That of the listing itself.


def test_a_connection_that_breaks_is_closed_at_once(postgresql: PostgreSQL) -> None:
    before = _sockets()
    database = Database(postgresql.url())
    database.read_now(lambda session: session.connection())
    postgresql.run(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'finality'"
    )
    database.read_now(lambda session: session.execute(text("SELECT 1")))
    assert _sockets() == before + 1
    database.close()
    assert _sockets() == before


def test_a_connection_that_takes_no_settings_is_closed_at_once(
    postgresql: PostgreSQL, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store.engines, "_READS", ("SET no_such_setting = 1",))
    before = _sockets()
    database = Database(postgresql.url())
    with pytest.raises(DBAPIError, match="no_such_setting"):
        database.read_now(lambda session: session.connection())
    assert _sockets() == before
    database.close()


def test_a_connection_that_is_refused_is_closed_and_its_reason_told(postgresql: PostgreSQL) -> None:
    before = _sockets()
    database = Database(postgresql.url("nowhere"))
    with pytest.raises(StoreAway, match='database "nowhere" does not exist'):
        database.read_now(lambda session: session.connection())
    assert _sockets() == before
    database.close()


def test_a_server_that_hangs_is_not_waited_for_without_end(
    postgresql: PostgreSQL, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It holds the connection and says nothing, so nothing of TCP ends the wait."""
    monkeypatch.setattr(store.engines, "_SILENCE_SECONDS", 0.3)
    database = Database(postgresql.url())
    before = _sockets()
    with pytest.raises(StoreAway, match=r"did not answer for 0\.3 s"):
        database.read_now(lambda session: session.execute(text("SELECT pg_sleep(30)")))
    assert _sockets() == before
    database.close()
