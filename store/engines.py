"""Connections to SQLite and PostgreSQL, and the settings of each session.

Every session sets its limits, isolation level and durability itself, whatever the server's
defaults are (docs/decisions/0011).
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import certifi
from sqlalchemy import URL, Engine, NullPool, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError

from store.faults import BadDatabaseUrl, Fault, fault_of

#: How long a writer waits for a lock before it gives up.
_BUSY_SECONDS: Final = 20
#: How long one statement may take on PostgreSQL, and how long we wait for its answer.
_STATEMENT_SECONDS: Final = 40
_SILENCE_SECONDS: Final = 60
_CONNECT_SECONDS: Final = 10
#: An idle connection is probed after this time, again after each pause, and given up after so many
#: probes without an answer.
_PROBE_AFTER_SECONDS: Final = 30
_PROBE_PAUSE_SECONDS: Final = 10
_PROBES: Final = 3
#: Connections are renewed after this time, before a firewall drops one that has been idle.
_RENEW_SECONDS: Final = 1800
_POSTGRESQL: Final = ("postgresql", "postgres", "postgresql+psycopg")
_NEARBY: Final = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Engines:
    """Engines of one database. On PostgreSQL, `migrate` waits as long as it takes."""

    write: Engine
    read: Engine
    migrate: Engine
    writers: int
    """How many transactions of this process may write at once. SQLite has one writer."""
    readers: int

    def dispose(self) -> None:
        """Close the connections that are not in use."""
        for engine in (self.write, self.read, self.migrate):
            engine.dispose()


def engines(url: str) -> Engines:
    """Engines for a URL. No connection is made yet.

    Raises:
        BadDatabaseUrl: neither SQLite nor PostgreSQL, or an option that is not known.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise BadDatabaseUrl(_advice("it cannot be read")) from None
    if parsed.drivername == "sqlite":
        return Engines(
            write=_sqlite(parsed, "BEGIN IMMEDIATE"),
            read=_sqlite(parsed, "BEGIN", "PRAGMA query_only=ON"),
            # SQLite alters a table by copying it and dropping the old one, which other tables
            # refer to.
            migrate=_sqlite(parsed, "BEGIN IMMEDIATE", "PRAGMA foreign_keys=OFF"),
            writers=1,
            readers=2,
        )
    if parsed.drivername in _POSTGRESQL:
        where, options = _reached(parsed)
        return Engines(
            write=_postgresql(where, options, _WRITES, 8),
            read=_postgresql(where, options, _READS, 4),
            migrate=_postgresql(where, options, _MIGRATES),
            writers=8,
            readers=4,
        )
    raise BadDatabaseUrl(_advice(f"{parsed.drivername!r} is not known"))


def _advice(what: str) -> str:
    return (
        f"FINALITY_DATABASE_URL: {what}; use sqlite:////a/file.db or "
        "postgresql://user:password@host/database"
    )


def _sqlite(url: URL, begin: str, *settings: str) -> Engine:
    engine = create_engine(url, hide_parameters=True, connect_args={"timeout": _BUSY_SECONDS})

    @event.listens_for(engine, "connect")
    def _connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # `_begin` sends BEGIN itself.
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA foreign_keys=ON")
        for setting in settings:
            cursor.execute(setting)
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Any) -> None:
        connection.execute(text(begin))

    return engine


#: Settings of every session. If a process stops in a transaction, or its machine is gone, the
#: server ends the transaction after this idle time and releases its locks. A commit is on disk
#: whatever the server's default is.
_ALWAYS: Final = (
    "SET client_encoding = 'UTF8'",
    "SET TIME ZONE 'UTC'",
    f"SET idle_in_transaction_session_timeout = '{_SILENCE_SECONDS}s'",
    "SELECT set_config('synchronous_commit', 'on', false)"
    " WHERE current_setting('synchronous_commit') = 'off'",
)
_LIMITS: Final = (
    f"SET lock_timeout = '{_BUSY_SECONDS}s'",
    f"SET statement_timeout = '{_STATEMENT_SECONDS}s'",
)
#: A writer locks rows before it reads them. After it waited for a lock it has to see what others
#: committed meanwhile, so it runs in READ COMMITTED. A reader needs one consistent state, and READ
#: ONLY keeps it from locking or writing by mistake.
_WRITES: Final = (
    *_ALWAYS,
    *_LIMITS,
    "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ COMMITTED, READ WRITE",
)
_READS: Final = (
    *_ALWAYS,
    *_LIMITS,
    "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY",
)
_MIGRATES: Final = (
    *_ALWAYS,
    "SET lock_timeout = 0",
    "SET statement_timeout = 0",
    "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ COMMITTED, READ WRITE",
)


def _postgresql(
    url: URL, options: dict[str, Any], settings: tuple[str, ...], size: int | None = None
) -> Engine:
    pool: dict[str, Any] = {"poolclass": NullPool}
    if size is not None:
        pool = {"pool_size": size, "pool_recycle": _RENEW_SECONDS}
    # Positional values, as on SQLite.
    engine = create_engine(
        url, hide_parameters=True, paramstyle="format", connect_args=options, **pool
    )

    @event.listens_for(engine, "do_connect")
    def _connects(_dialect: Any, _record: Any, _given: Any, wanted: dict[str, Any]) -> Any:
        from store.postgresql import Connection  # Only who uses PostgreSQL loads its driver.

        connection = Connection.connect(**wanted, autocommit=True)
        try:
            connection.execute("; ".join(settings))
            connection.autocommit = False
        except BaseException:
            connection.close()  # The pool does not have it yet, so it would never be closed.
            raise
        if size is not None:
            connection.silence_seconds = _SILENCE_SECONDS
        return connection

    @event.listens_for(engine, "handle_error")
    def _heard(context: Any) -> None:
        if fault_of(context.sqlalchemy_exception or context.original_exception) is Fault.LOST:
            context.is_disconnect = True

    @event.listens_for(engine, "before_cursor_execute", retval=True)
    def _execute(
        _connection: Any, _cursor: Any, statement: str, given: Any, _context: Any, many: bool
    ) -> tuple[str, Any]:
        # Many rows may also come as the values of one statement.
        is_rows = many and not isinstance(given, tuple)
        return statement, [_storable(one) for one in given] if is_rows else _storable(given)

    return engine


def _storable(given: Any) -> Any:
    """The values with NUL replaced: PostgreSQL cannot store it, and partners may send it."""
    if not any(isinstance(value, str) and "\0" in value for value in given):
        return given
    return tuple(v.replace("\0", "\ufffd") if isinstance(v, str) else v for v in given)


def _reached(url: URL) -> tuple[URL, dict[str, Any]]:
    """The URL and options for the driver, from a URL that `psql` would take too.

    Raises:
        BadDatabaseUrl: an option is not known, or the TLS settings cannot be used.
    """
    asked = {name: str(value) for name, value in url.query.items()}
    host = asked.pop("host", None) or url.host or "localhost"
    is_near = host.startswith("/") or host in _NEARBY
    mode = asked.pop("sslmode", "disable" if is_near else "verify-full")
    options: dict[str, Any] = {
        "application_name": "finality",
        "connect_timeout": _CONNECT_SECONDS,
        "keepalives_idle": _PROBE_AFTER_SECONDS,
        "keepalives_interval": _PROBE_PAUSE_SECONDS,
        "keepalives_count": _PROBES,
        "tcp_user_timeout": 1000 * _SILENCE_SECONDS,
        **_tls(mode, asked.pop("sslrootcert", None)),
    }
    if asked:
        raise BadDatabaseUrl(_advice(f"the option {min(asked)!r} is not known"))
    return url.set(drivername="postgresql+psycopg", host=host, query={}), options


def _tls(mode: str, authorities: str | None) -> dict[str, str]:
    """How the server is verified, as libpq's options.

    Raises:
        BadDatabaseUrl: the mode is not known, or the authorities' file cannot be read.
    """
    if mode in ("disable", "require"):
        return {"sslmode": mode}
    if mode not in ("verify-ca", "verify-full"):
        raise BadDatabaseUrl(
            _advice(f"sslmode {mode!r}: use disable, require, verify-ca or verify-full")
        )
    # By default the authorities that this machine trusts. The driver's own OpenSSL was built
    # elsewhere, and would look for them where that machine had them.
    found = authorities or ssl.get_default_verify_paths().cafile or certifi.where()
    try:
        ssl.create_default_context(cafile=found)
    except OSError as error:
        raise BadDatabaseUrl(_advice(f"sslrootcert: {error.strerror or error}")) from None
    return {"sslmode": mode, "sslrootcert": str(Path(found).absolute())}
