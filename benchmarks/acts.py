"""Does again what a product's step did, as plainly as can be: sqlite3 and httpx, nothing of ours.

The twin and the peer share it, each in a process of its own. It imports nothing of the product.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx

from benchmarks.shape import Act

_READERS: Final = 4
_ROW: Final = "x" * 300
_BUSY_SECONDS: Final = 30


@dataclass(frozen=True)
class Partner:
    """Where the partner is, and how to log in."""

    base_url: str
    login_id: str
    api_key: str


class Acts:
    """One process's connections: to a database of its own kind, and to the partner."""

    def __init__(self, file: Path, partner: Partner) -> None:
        self._file = file
        self._partner = partner
        self._writer = ThreadPoolExecutor(1)
        self._readers = ThreadPoolExecutor(_READERS)
        self._of_thread = threading.local()
        self._http = httpx.AsyncClient(base_url=partner.base_url, timeout=30, trust_env=False)
        self._token = ""
        self._logging_in = asyncio.Lock()

    async def do(self, acts: Sequence[Act], reference: str, known_id: str = "") -> str:
        """Do them in order; the partner's id of the payment, once it is known."""
        loop = asyncio.get_running_loop()
        for act in acts:
            if act.kind == "read":
                await loop.run_in_executor(self._readers, self._read, reference)
            elif act.kind == "write":
                await loop.run_in_executor(self._writer, self._write, reference, act.rows)
            else:
                known_id = await self._call(act, reference, known_id)
        return known_id

    async def close(self) -> None:
        """Let go of all connections."""
        self._writer.shutdown()
        self._readers.shutdown()
        await self._http.aclose()

    def _connection(self) -> sqlite3.Connection:
        known = getattr(self._of_thread, "connection", None)
        if isinstance(known, sqlite3.Connection):
            return known
        made = sqlite3.connect(self._file, isolation_level=None, timeout=_BUSY_SECONDS)
        # As durable as the product's: what is committed survives a power cut.
        made.execute("PRAGMA journal_mode=WAL")
        made.execute("PRAGMA synchronous=FULL")
        made.execute("CREATE TABLE IF NOT EXISTS kept (number INTEGER PRIMARY KEY, "
                     "reference TEXT NOT NULL, words TEXT NOT NULL)")  # fmt: skip
        made.execute("CREATE INDEX IF NOT EXISTS kept_reference ON kept (reference)")
        self._of_thread.connection = made
        return made

    def _read(self, reference: str) -> None:
        found = self._connection().execute(
            "SELECT words FROM kept WHERE reference = ? ORDER BY number DESC LIMIT 1", (reference,)
        )
        found.fetchall()

    def _write(self, reference: str, rows: int) -> None:
        connection = self._connection()
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(
            "INSERT INTO kept (reference, words) VALUES (?, ?)", [(reference, _ROW)] * rows
        )
        connection.execute("COMMIT")

    async def _call(self, act: Act, reference: str, known_id: str) -> str:
        # The partner takes a reference once as a key, as it does ours.
        known = {"{key}": f"key-{reference}", "{reference}": reference, "{id}": known_id}
        response = await self._http.request(
            act.method,
            _filled(act.path, known),
            params={name: _filled(value, known) for name, value in act.query.items()} or None,
            data={name: _filled(value, known) for name, value in act.form.items()} or None,
            headers={"x-auth-token": await self._logged_in()},
        )
        response.raise_for_status()
        return str(response.json()["id"]) if act.gives_id else known_id

    async def _logged_in(self) -> str:
        async with self._logging_in:
            if not self._token:
                response = await self._http.post(
                    "/v2/authenticate/api",
                    data={"login_id": self._partner.login_id, "api_key": self._partner.api_key},
                )
                response.raise_for_status()
                self._token = str(response.json()["auth_token"])
        return self._token


def _filled(text: str, known: Mapping[str, str]) -> str:
    for name, value in known.items():
        text = text.replace(name, value)
    return text
