"""A small bank of our own: a durable book, every idempotency behaviour and every kind of lookup.

It imports nothing of the product. Run as `python -m tests.proof.bank --port N --db FILE`. The
first two segments of a path choose its behaviour, `/{idempotency}/{lookup}/...`, in the words of
partner profiles; the rest is an interface that no real bank has:

    PUT  parents/KEY            something that can be used once, if the bank minds
    GET  parents/KEY            whether it was used, and by what
    POST orders                 pay: key, reference, account, name, amount_minor, currency
    GET  orders?key=KEY         search; says up to when it had caught up
    GET  orders/ID              one order
    POST orders/ID/cancel       take it back, as long as it is not released
"""

from __future__ import annotations

import argparse
import json
import socket
import sqlite3
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

OURS: Final = "customer:main"
WORLD: Final = "world:paid_out"
#: How long an order is hidden from a search that lags.
LAG_SECONDS: Final = 0.3
#: How long a slow answer takes, while the order is already executed.
SLOW_SECONDS: Final = 1.5

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS orders (
    seq INTEGER PRIMARY KEY, id TEXT UNIQUE NOT NULL, bank TEXT NOT NULL, key TEXT NOT NULL,
    reference TEXT NOT NULL, account TEXT NOT NULL, name TEXT NOT NULL,
    amount_minor INTEGER NOT NULL, currency TEXT NOT NULL, status TEXT NOT NULL,
    created_at REAL NOT NULL, release_at REAL NOT NULL, returned_minor INTEGER NOT NULL DEFAULT 0);
CREATE INDEX IF NOT EXISTS orders_key ON orders (bank, key);
CREATE TABLE IF NOT EXISTS answers (
    bank TEXT NOT NULL, key TEXT NOT NULL, status INTEGER NOT NULL, body TEXT NOT NULL,
    order_id TEXT, PRIMARY KEY (bank, key));
CREATE TABLE IF NOT EXISTS postings (
    seq INTEGER PRIMARY KEY, entry TEXT NOT NULL, order_id TEXT, account TEXT NOT NULL,
    currency TEXT NOT NULL, amount_minor INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS scripts (
    reference TEXT PRIMARY KEY, faults TEXT NOT NULL, hold_seconds REAL NOT NULL);
CREATE TABLE IF NOT EXISTS fired (
    seq INTEGER PRIMARY KEY, reference TEXT NOT NULL, fault TEXT NOT NULL);
"""


@dataclass(frozen=True)
class Answer:
    """A status and a body; or a connection that breaks instead."""

    status: int
    body: dict[str, Any]
    lost: bool = False
    after_seconds: float = 0.0


class Bank:
    """One book for all behaviours. Whatever it answers is on the disk before."""

    def __init__(self, file: Path) -> None:
        self._db = sqlite3.connect(file, check_same_thread=False, isolation_level=None)
        self._db.row_factory = sqlite3.Row
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        self._db.executescript(_SCHEMA)
        self._lock = threading.Lock()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def answer(self, method: str, path: str, body: dict[str, Any]) -> Answer:
        with self.transaction():
            self._progress()
            url = urlsplit(path)
            words = url.path.strip("/").split("/")
            query = {name: values[0] for name, values in parse_qs(url.query).items()}
            if words[0] == "_control":
                return self._control(words[1], body)
            bank, lookup, rest = "/".join(words[:2]), words[1], words[2:]
            match (method, *rest):
                case ("PUT", "parents", _):
                    return Answer(200, {})
                case ("GET", "parents", key):
                    return Answer(200, {"used_by": self._first(bank, key, self._now())})
                case ("POST", "orders"):
                    return self._order(bank, words[0], body)
                case ("GET", "orders") if lookup in ("strong", "eventual"):
                    seen_until = self._now() - (LAG_SECONDS if lookup == "eventual" else 0)
                    found = self._first(bank, query["key"], seen_until)
                    return Answer(200, {"orders": [found] if found else [],
                                        "caught_up_to": seen_until})  # fmt: skip
                case ("GET", "orders", order_id):
                    order = self._one(order_id)
                    return Answer(200, order) if order else Answer(404, {"error": "no such order"})
                case ("POST", "orders", order_id, "cancel"):
                    return self._cancel(order_id)
                case _:
                    return Answer(404, {"error": "this bank has no such thing"})

    # What it does

    def _order(self, bank: str, idempotency: str, asked: dict[str, Any]) -> Answer:
        fault = self._fault(asked["reference"])
        known = self._db.execute(
            "SELECT * FROM answers WHERE bank = ? AND key = ?", (bank, asked["key"])
        ).fetchone()
        if fault == "lost_before":
            return Answer(0, {}, lost=True)
        if fault == "error_before" and known is None:
            answer = Answer(500, {"error": "internal"})
            if idempotency == "replay_response":
                self._keep_answer(bank, asked["key"], answer, None)
            return answer
        if fault == "refuse" and known is None:
            return Answer(400, {"error": "we do not pay that"})
        if known is None or idempotency == "none":
            answer = self._execute(bank, asked)
        elif idempotency == "replay_response":
            answer = Answer(known["status"], json.loads(known["body"]))
        elif idempotency == "replay_state":
            answer = Answer(200, self._one(known["order_id"]) or {})
        else:
            answer = Answer(409, {"error": "duplicate"})
        if fault == "error_after":
            return Answer(500, {"error": "internal"})
        seconds = SLOW_SECONDS if fault == "slow" else 0.0
        return Answer(answer.status, answer.body, fault == "lost_after", seconds)

    def _execute(self, bank: str, asked: dict[str, Any]) -> Answer:
        number = self._db.execute("SELECT count(*) FROM orders").fetchone()[0] + 1
        order_id, now = f"order-{number:08d}", self._now()
        row = self._db.execute(
            "SELECT hold_seconds FROM scripts WHERE reference = ?", (asked["reference"],)
        ).fetchone()
        hold_seconds = row["hold_seconds"] if row else 0.0
        self._db.execute(
            "INSERT INTO orders (id, bank, key, reference, account, name, amount_minor, currency,"
            " status, created_at, release_at) VALUES (?,?,?,?,?,?,?,?,'ready_to_send',?,?)",
            (order_id, bank, asked["key"], asked["reference"], asked["account"], asked["name"],
             asked["amount_minor"], asked["currency"], now, now + hold_seconds),
        )  # fmt: skip
        answer = Answer(200, self._one(order_id) or {})
        self._progress()
        self._keep_answer(bank, asked["key"], answer, order_id)
        return answer

    def _cancel(self, order_id: str) -> Answer:
        order = self._one(order_id)
        if order is None:
            return Answer(404, {"error": "no such order"})
        if order["status"] not in ("ready_to_send", "deleted"):
            return Answer(400, {"error": "too late"})
        self._db.execute("UPDATE orders SET status = 'deleted' WHERE id = ?", (order_id,))
        return Answer(200, self._one(order_id) or {})

    def _progress(self) -> None:
        """Release what is due: money leaves."""
        due = self._db.execute(
            "SELECT * FROM orders WHERE status = 'ready_to_send' AND release_at <= ?",
            (self._now(),),
        ).fetchall()
        for order in due:
            amount = order["amount_minor"]
            self._post(f"release {order['id']}", order, [(OURS, -amount), (WORLD, amount)])
            self._db.execute("UPDATE orders SET status = 'completed' WHERE id = ?", (order["id"],))

    def _fail(self, order: dict[str, Any]) -> None:
        amount = order["amount_minor"]
        self._post(f"return {order['id']}", order, [(WORLD, -amount), (OURS, amount)])
        self._db.execute(
            "UPDATE orders SET status = 'failed', returned_minor = ? WHERE id = ?",
            (amount, order["id"]),
        )

    def _fault(self, reference: str) -> str | None:
        row = self._db.execute(
            "SELECT faults FROM scripts WHERE reference = ?", (reference,)
        ).fetchone()
        faults: list[str] = json.loads(row["faults"]) if row else []
        if not faults:
            return None
        first, *rest = faults
        self._db.execute(
            "UPDATE scripts SET faults = ? WHERE reference = ?", (json.dumps(rest), reference)
        )
        self._db.execute(
            "INSERT INTO fired (reference, fault) VALUES (?, ?)", (reference, first)
        )  # fmt: skip
        return first

    # What only its own people may ask

    def _control(self, what: str, asked: dict[str, Any]) -> Answer:
        match what:
            case "health":
                return Answer(200, {})
            case "script":
                self._db.execute(
                    "INSERT OR REPLACE INTO scripts VALUES (?, ?, ?)",
                    (asked["reference"], json.dumps(asked.get("faults", [])),
                     float(asked.get("hold_seconds", 0))),
                )  # fmt: skip
                return Answer(200, {})
            case "fail":
                rows = self._db.execute(
                    "SELECT * FROM orders WHERE reference = ? AND status = 'completed'",
                    (asked["reference"],),
                ).fetchall()
                for row in rows:
                    self._fail(dict(row))
                return Answer(200, {"failed": len(rows)})
            case "book":
                return Answer(200, self.book())
            case _:
                return Answer(404, {"error": "no such control"})

    def book(self) -> dict[str, Any]:
        """Everything, in the form in which the checker reads a partner's book."""
        orders = [dict(row) for row in self._db.execute("SELECT * FROM orders ORDER BY seq")]
        payments = [
            {
                **{name: order[name] for name in ("id", "amount_minor", "currency", "reference",
                                                  "status", "returned_minor")},
                "account_id": OURS,
                "beneficiary_id": f"creditor of {order['id']}",
                "unique_request_id": order["key"],
                "bank": order["bank"],
            }
            for order in orders
        ]  # fmt: skip
        creditors = [
            {"id": f"creditor of {order['id']}", "iban": order["account"],
             "bank_account_holder_name": order["name"]}
            for order in orders
        ]  # fmt: skip
        postings = [
            {"entry": row["entry"], "payment_id": row["order_id"], "account": row["account"],
             "currency": row["currency"], "amount_minor": row["amount_minor"]}
            for row in self._db.execute("SELECT * FROM postings ORDER BY seq")
        ]  # fmt: skip
        fired = [dict(row) for row in self._db.execute("SELECT reference, fault FROM fired")]
        return {
            "payments": payments,
            "beneficiaries": creditors,
            "postings": postings,
            "faults_fired": fired,
        }

    # Rows

    def _first(self, bank: str, key: str, seen_until: float) -> dict[str, Any] | None:
        row = self._db.execute(
            "SELECT * FROM orders WHERE bank = ? AND key = ? AND created_at <= ?"
            " ORDER BY seq LIMIT 1",
            (bank, key, seen_until),
        ).fetchone()
        return _shown(row) if row else None

    def _one(self, order_id: str) -> dict[str, Any] | None:
        row = self._db.execute("SELECT * FROM orders WHERE id = ?", (order_id,)).fetchone()
        return _shown(row) if row else None

    def _keep_answer(self, bank: str, key: str, answer: Answer, order_id: str | None) -> None:
        self._db.execute(
            "INSERT OR IGNORE INTO answers VALUES (?, ?, ?, ?, ?)",
            (bank, key, answer.status, json.dumps(answer.body), order_id),
        )

    def _post(self, entry: str, order: Any, lines: list[tuple[str, int]]) -> None:
        for account, amount_minor in lines:
            self._db.execute(
                "INSERT INTO postings (entry, order_id, account, currency, amount_minor)"
                " VALUES (?, ?, ?, ?, ?)",
                (entry, order["id"], account, order["currency"], amount_minor),
            )

    def _now(self) -> float:
        return time.time()


def _shown(row: sqlite3.Row) -> dict[str, Any]:
    shown = dict(row)
    for name in ("seq", "bank", "release_at"):
        del shown[name]
    return shown


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    bank: Bank

    def _serve(self) -> None:
        length = int(self.headers.get("content-length") or 0)
        body = json.loads(self.rfile.read(length)) if length else {}
        answer = self.bank.answer(self.command, self.path, body)
        time.sleep(answer.after_seconds)
        if answer.lost:
            # A reset, so that the other side does not take it for an end in order.
            self.connection.setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
            )  # fmt: skip
            self.close_connection = True
            self.connection.close()
            return
        payload = json.dumps(answer.body).encode()
        try:
            self.send_response(answer.status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)
        except OSError:
            self.close_connection = True  # Who asked is dead; what was booked stays booked.

    do_GET = do_POST = do_PUT = _serve  # noqa: N815  # Names of the library.

    def log_message(self, format: str, *args: Any) -> None:
        """Nobody reads it."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Killed callers break their connections; that is what they are killed for."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.proof.bank", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--db", type=Path, required=True)
    given = parser.parse_args()
    _Handler.bank = Bank(given.db)
    _Server(("127.0.0.1", given.port), _Handler).serve_forever()


if __name__ == "__main__":
    main()
