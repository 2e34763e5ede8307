"""The partner's own durable book: SQLite, double entry, committed before any reply leaves."""

from __future__ import annotations

import json
import sqlite3
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

from simulators.kit.replies import Row

_SCHEMA = """
CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS balances (
    id TEXT PRIMARY KEY, account_id TEXT NOT NULL, currency TEXT NOT NULL,
    amount_minor INTEGER NOT NULL, created_at TEXT NOT NULL, updated_at TEXT NOT NULL,
    UNIQUE (account_id, currency));
CREATE TABLE IF NOT EXISTS postings (
    seq INTEGER PRIMARY KEY, entry TEXT NOT NULL, at TEXT NOT NULL, what TEXT NOT NULL,
    payment_id TEXT, account TEXT NOT NULL, currency TEXT NOT NULL,
    amount_minor INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS history (
    seq INTEGER PRIMARY KEY, payment_id TEXT NOT NULL, at TEXT NOT NULL, status TEXT NOT NULL,
    what TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS history_payment ON history (payment_id);
CREATE TABLE IF NOT EXISTS timers (
    seq INTEGER PRIMARY KEY, payment_id TEXT NOT NULL, step TEXT NOT NULL, due_at TEXT,
    waits_for_funds INTEGER NOT NULL DEFAULT 0, rule INTEGER, param TEXT NOT NULL DEFAULT '{}');
CREATE INDEX IF NOT EXISTS timers_due ON timers (waits_for_funds, due_at);
CREATE INDEX IF NOT EXISTS timers_payment ON timers (payment_id);
CREATE TABLE IF NOT EXISTS rules (
    id INTEGER PRIMARY KEY AUTOINCREMENT, rule TEXT NOT NULL, position INTEGER NOT NULL DEFAULT 0,
    seen INTEGER NOT NULL DEFAULT 0, picked INTEGER NOT NULL DEFAULT 0,
    active INTEGER NOT NULL DEFAULT 1);
CREATE TABLE IF NOT EXISTS faults_fired (
    seq INTEGER PRIMARY KEY, at TEXT NOT NULL, fault TEXT NOT NULL, rule INTEGER, request TEXT,
    payment_id TEXT, payment_status TEXT, unique_request_id TEXT, reply_status INTEGER);
CREATE TABLE IF NOT EXISTS targets (url TEXT PRIMARY KEY, target TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS notices (
    seq INTEGER PRIMARY KEY, at TEXT NOT NULL, payment_id TEXT, payment_status TEXT,
    notification_type TEXT NOT NULL, content TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS deliveries (
    seq INTEGER PRIMARY KEY, notice INTEGER NOT NULL, url TEXT NOT NULL, state TEXT NOT NULL,
    due_at TEXT NOT NULL, attempts INTEGER NOT NULL DEFAULT 0, answers TEXT NOT NULL DEFAULT '[]',
    last_at TEXT, forged INTEGER NOT NULL DEFAULT 0, age_seconds REAL NOT NULL DEFAULT 0,
    rule INTEGER);
CREATE INDEX IF NOT EXISTS deliveries_due ON deliveries (state, due_at);
"""


def new_id() -> str:
    return str(uuid.uuid4())


class Unbalanced(AssertionError):
    """An entry that does not add up to zero. That is a bug of the simulator, not of its client."""


class Book:
    """One connection. All changes inside `transaction()` are on disk when it ends.

    A partner's book adds its tables, and to `contents` what its checker compares. Where a column
    is named `payment_id`, it has the id of any object of the partner.
    """

    schema: ClassVar[str] = ""
    #: Columns that books of earlier versions lack: table, column, type.
    new_columns: ClassVar[tuple[tuple[str, str, str], ...]] = ()

    def __init__(self, file: Path) -> None:
        """Open the book, or make it.

        Raises:
            sqlite3.Error: the folder does not exist, or the file is not a book.
        """
        self._db = sqlite3.connect(file, isolation_level=None)
        self._db.row_factory = sqlite3.Row
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.execute("PRAGMA busy_timeout = 10000")
        # One transaction, because each separate statement would wait for the disk.
        self._db.executescript(f"BEGIN; {_SCHEMA} {self.schema} COMMIT;")
        for table, column, kind in self.new_columns:
            known = self._db.execute(f"PRAGMA table_info({table})")
            if column not in [name for _, name, *_ in known]:
                self._db.execute(f"ALTER TABLE {table} ADD COLUMN {column} {kind}")
        self._inside = False

    def close(self) -> None:
        self._db.close()

    @contextmanager
    def transaction(self, *, writes: bool = True) -> Iterator[None]:
        """Commit all changes or none. Inside another transaction it is part of that one.

        Args:
            writes: False blocks no writer, and reads a consistent snapshot.
        """
        if self._inside:
            yield
            return
        self._db.execute("BEGIN IMMEDIATE" if writes else "BEGIN")
        self._inside = True
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        else:
            self._db.execute("COMMIT")
        finally:
            self._inside = False

    # Rows

    def run(self, sql: str, *values: Any) -> int:
        """Run a statement. Returns the number of rows that it changed."""
        return self._db.execute(sql, values).rowcount

    def rows(self, sql: str, *values: Any) -> list[dict[str, Any]]:
        return [dict(row) for row in self._db.execute(sql, values)]

    def row(self, sql: str, *values: Any) -> dict[str, Any] | None:
        found = self._db.execute(sql, values).fetchone()
        return None if found is None else dict(found)

    def insert(self, table: str, **values: Any) -> int:
        """Insert a row. Returns its number; numbers only grow."""
        names, marks = ", ".join(values), ", ".join("?" * len(values))
        sql = f"INSERT INTO {table} ({names}) VALUES ({marks})"
        number = self._db.execute(sql, tuple(values.values())).lastrowid
        return number or 0

    def change(self, table: str, row_id: str, **values: Any) -> None:
        names = ", ".join(f"{name} = ?" for name in values)
        self.run(f"UPDATE {table} SET {names} WHERE id = ?", *values.values(), row_id)

    def setting(self, name: str) -> str | None:
        found = self.row("SELECT value FROM settings WHERE name = ?", name)
        return None if found is None else str(found["value"])

    def keep_setting(self, name: str, value: str) -> None:
        with self.transaction():
            self.run("INSERT OR REPLACE INTO settings (name, value) VALUES (?, ?)", name, value)

    # Money

    def balance(self, account_id: str, currency: str, at: str) -> dict[str, Any]:
        """The account's balance in a currency, opened at zero if there is none."""
        sql = "SELECT * FROM balances WHERE account_id = ? AND currency = ?"
        found = self.row(sql, account_id, currency)
        if found is None:
            self.insert(
                "balances",
                id=new_id(),
                account_id=account_id,
                currency=currency,
                amount_minor=0,
                created_at=at,
                updated_at=at,
            )
            found = self.row(sql, account_id, currency)
        assert found is not None
        return found

    def post(
        self,
        at: str,
        what: str,
        currency: str,
        lines: Sequence[tuple[str, int]],
        payment_id: str | None = None,
    ) -> None:
        """Post one entry. A line of a customer's account, named by its id, changes its balance.

        Raises:
            Unbalanced: the lines do not add up to zero, or there are fewer than two.
        """
        if len(lines) < 2 or sum(amount for _, amount in lines) != 0:
            raise Unbalanced(what)
        entry = new_id()
        for account, amount in lines:
            self.insert(
                "postings",
                entry=entry,
                at=at,
                what=what,
                payment_id=payment_id,
                account=account,
                currency=currency,
                amount_minor=amount,
            )
            if ":" not in account:
                row = self.balance(account, currency, at)
                now = row["amount_minor"] + amount
                self.change("balances", row["id"], amount_minor=now, updated_at=at)

    def note(self, payment_id: str, at: str, status: str, what: str) -> None:
        """Add a line to the object's history: its status from then on, and why."""
        self.insert("history", payment_id=payment_id, at=at, status=status, what=what)

    def fired(
        self,
        at: str,
        fault: str,
        rule: int | None,
        about: Row | None,
        *,
        key: str | None = None,
        request: str | None = None,
        reply_status: int | None = None,
    ) -> None:
        """Record that a fault happened, in the transaction of its effect, so that both are kept.

        Args:
            about: the row of the object concerned, as it was before.
            key: the client's key, if there is no object.
        """
        known = about or {}
        self.insert(
            "faults_fired",
            at=at,
            fault=fault,
            rule=rule,
            request=request,
            payment_id=known.get("id"),
            payment_status=known.get("status"),
            unique_request_id=known.get("unique_request_id") if about else key,
            reply_status=reply_status,
        )

    # For a checker

    def deliveries(self) -> list[dict[str, Any]]:
        """The outbox of notifications, both sent and waiting."""
        rows = self.rows(
            "SELECT deliveries.*, notification_type, payment_id, payment_status FROM deliveries"
            " JOIN notices ON notices.seq = notice ORDER BY deliveries.seq"
        )
        return [{**row, "answers": json.loads(row["answers"])} for row in rows]

    def histories(self) -> dict[str, list[dict[str, Any]]]:
        """The lines of each object's history, by its id."""
        found: dict[str, list[dict[str, Any]]] = {}
        for line in self.rows("SELECT * FROM history ORDER BY seq"):
            shown = {"at": line["at"], "status": line["status"], "what": line["what"]}
            found.setdefault(line["payment_id"], []).append(shown)
        return found

    def contents(self) -> dict[str, Any]:
        """Everything that a checker may compare, as plain JSON."""
        return {
            "balances": self.rows("SELECT * FROM balances ORDER BY rowid"),
            "postings": self.rows("SELECT * FROM postings ORDER BY seq"),
            "faults_fired": self.rows("SELECT * FROM faults_fired ORDER BY seq"),
            "deliveries": self.deliveries(),
        }

    @classmethod
    def read_contents(cls, file: Path) -> dict[str, Any]:
        """The contents of the book of a simulator, which may be running, stopped or killed.

        Raises:
            FileNotFoundError: there is no such book.
        """
        if not file.is_file():
            raise FileNotFoundError(file)
        book = cls(file)
        try:
            with book.transaction(writes=False):
                return book.contents()
        finally:
            book.close()
