"""Connections to SQLite and PostgreSQL, and the settings of each session.

Every session sets its limits, isolation level and durability itself, whatever the server's
defaults are (docs/decisions/0011).
"""

from __future__ import annotations

import getpass
import os
import socket
import ssl
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import URL, Engine, NullPool, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError

from store.faults import BadDatabaseUrl, Fault, Unreachable, fault_of

#: How long a writer waits for a lock before it gives up.
_BUSY_SECONDS: Final = 20
#: How long one statement may take on PostgreSQL, and how long we wait for its answer.
_STATEMENT_SECONDS: Final = 40
_SILENCE_SECONDS: Final = 60
_CONNECT_SECONDS: Final = 10
#: Connections are renewed after this time, before a firewall drops one that has been idle.
_RENEW_SECONDS: Final = 1800
_POSTGRESQL: Final = ("postgresql", "postgres", "postgresql+pg8000")
_PORT: Final = 5432
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
            migrate=_postgresql(where, {**options, "timeout": None}, _MIGRATES),
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
    engine = create_engine(url, hide_parameters=True, connect_args=options, **pool)

    @event.listens_for(engine, "do_connect")
    def _connects(dialect: Any, _record: Any, _given: Any, wanted: dict[str, Any]) -> Any:
        place = wanted.pop("unix_sock", None) or (wanted["host"], wanted.get("port", _PORT))
        dialled = _dial(place, wanted.pop("timeout"))
        try:
            connection = dialect.loaded_dbapi.Connection(**wanted, sock=dialled)
        except dialect.loaded_dbapi.Error as error:
            _hang_up(dialled)
            raise _first_of(error, dialect.loaded_dbapi.DatabaseError) from None
        except BaseException:
            _hang_up(dialled)
            raise
        connection.dialled = dialled
        return connection

    def close(connection: Any) -> None:
        # To say goodbye to a server that is gone fails. That is ignored: the error that made us
        # close the connection is reported elsewhere.
        with suppress(engine.dialect.loaded_dbapi.Error, OSError):
            connection.close()
        _hang_up(connection.dialled)

    engine.dialect.do_close = close  # type: ignore[assignment, method-assign]  # no event

    @event.listens_for(engine, "connect")
    def _connect(connection: Any, _record: Any) -> None:
        try:
            connection.autocommit = True  # Otherwise a rollback would undo the settings.
            connection.cursor().execute("; ".join(settings))
            connection.autocommit = False
        except BaseException:
            close(connection)  # The pool does not have it yet, so it would never be closed.
            raise

    @event.listens_for(engine, "handle_error")
    def _heard(context: Any) -> None:
        if fault_of(context.sqlalchemy_exception or context.original_exception) is Fault.LOST:
            context.is_disconnect = True

    @event.listens_for(engine, "before_cursor_execute", retval=True)
    def _execute(
        _connection: Any, _cursor: Any, statement: str, given: Any, _context: Any, many: bool
    ) -> tuple[str, Any]:
        return statement, [_storable(one) for one in given] if many else _storable(given)

    return engine


def _dial(place: str | tuple[str, int], silence_seconds: float | None) -> socket.socket:
    """A socket whose loss is found soon, with a timeout as long as an answer may take.

    Args:
        place: the path of a Unix socket, or host and port.
        silence_seconds: how long to wait for an answer; None: without end.

    Raises:
        Unreachable: the text names the address and the reason.
    """
    try:
        if isinstance(place, str):
            dialled = _beside(place)
        else:
            dialled = socket.create_connection(place, _CONNECT_SECONDS)
            dialled.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            dialled.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    except OSError as error:
        where = place if isinstance(place, str) else f"{place[0]}:{place[1]}"
        raise Unreachable(f"{where}: {error.strerror or error}") from error
    dialled.settimeout(silence_seconds)
    return dialled


def _beside(path: str) -> socket.socket:
    dialled = socket.socket(socket.AF_UNIX)
    try:
        dialled.settimeout(_CONNECT_SECONDS)
        dialled.connect(path)
    except BaseException:
        dialled.close()
        raise
    return dialled


def _hang_up(dialled: socket.socket) -> None:
    """Close the descriptor at once: the driver's streams would keep a broken socket open."""
    if (descriptor := dialled.detach()) >= 0:
        os.close(descriptor)


def _first_of(error: BaseException, kind: type[BaseException]) -> BaseException:
    """The server's own error, out of a chain of exceptions.

    After a refusal the driver tries to say goodbye. If that fails too, its error hides the refusal.
    """
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, kind):
        cause = cause.__context__
    return cause or error


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
    options: dict[str, Any] = {"timeout": _SILENCE_SECONDS, "application_name": "finality"}
    if is_socket := host.startswith("/"):
        options["unix_sock"] = f"{host}/.s.PGSQL.{url.port or _PORT}"
    mode = asked.pop("sslmode", "disable" if is_socket or host in _NEARBY else "verify-full")
    options["ssl_context"] = _tls(mode, asked.pop("sslrootcert", None))
    if asked:
        raise BadDatabaseUrl(_advice(f"the option {min(asked)!r} is not known"))
    return (
        url.set(
            drivername="postgresql+pg8000",
            username=url.username or getpass.getuser(),
            host=None if is_socket else host,
            query={},
        ),
        options,
    )


def _tls(mode: str, authorities: str | None) -> ssl.SSLContext | bool:
    """How the server is verified, by libpq's `sslmode`; False for no encryption.

    Raises:
        BadDatabaseUrl: the mode is not known, or the authorities' file cannot be read.
    """
    if mode == "disable":
        return False
    if mode not in ("require", "verify-ca", "verify-full"):
        raise BadDatabaseUrl(
            _advice(f"sslmode {mode!r}: say disable, require, verify-ca or verify-full")
        )
    try:
        context = ssl.create_default_context(cafile=authorities)
    except OSError as error:
        raise BadDatabaseUrl(_advice(f"sslrootcert: {error.strerror or error}")) from None
    if mode != "verify-full":
        context.check_hostname = False
    if mode == "require":
        context.verify_mode = ssl.CERT_NONE
    return context
