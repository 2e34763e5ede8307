"""Reading 100,000 transactions by cursor, beside a bare loop that stores the same rows.

The bare loop asks with httpx, and does for each line what its row needs: a keyed hash and a sealed
text. It has one transaction a page and the same durability. It maps nothing, checks nothing, and
could not go on after a crash.

Each side runs in a process of its own: `python -m benchmarks.sync product|bare ADDRESS FILE`.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import resource
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final

import httpx
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from activities.feed_steps import FeedSteps
from assembly import MachineClock
from benchmarks.sync_bank import FIRST
from partners.berlin_group.account import BerlinGroupAccount
from partners.berlin_group.data import BerlinGroupData
from partners.kit.workplace import Workplace
from process import run
from store.schema import upgrade
from tests.account_data.reader import BANK, CONSENT, Reader
from tests.clock import SteppedClock
from tests.partners.currencycloud.scripted import FakeLoginBook, FakePreparedBook
from tests.store.books import Store, opened
from tests.store.test_consents import Desk
from transport.http import Transport

LINES: Final = 100_000
_COLUMNS: Final = (
    "account_id", "identity", "ordinal", "booking", "day", "booked_on", "valued_on",
    "amount_minor", "currency", "line_sealed", "first_listing", "seen_listing", "is_proven",
)  # fmt: skip


def sync(home: Path, lines: int = LINES, rounds: int = 3) -> dict[str, Any]:
    """Both sides in turn, each with a fresh database; the medians of the processor's time."""
    home.mkdir(parents=True)
    bank = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.sync_bank", str(lines)], stdout=subprocess.PIPE
    )
    try:
        assert bank.stdout is not None
        address = bank.stdout.readline().decode().strip()
        found: dict[str, list[dict[str, float]]] = {"product": [], "bare": []}
        for number in range(rounds):
            for side, measured in found.items():
                file = home / f"{side}-{number}.db"
                done = subprocess.run(
                    [sys.executable, "-m", "benchmarks.sync", side, address, str(file)],
                    check=True,
                    stdout=subprocess.PIPE,
                )
                measured.append(json.loads(done.stdout))
                assert measured[-1]["rows"] == lines, measured[-1]
    finally:
        bank.kill()
        bank.wait()
    middle = {
        side: sorted(each["cpu"] for each in many)[rounds // 2] for side, many in found.items()
    }
    return {
        "sync_ratio": middle["product"] / middle["bare"],
        "sync_memory_mb": max(each["growth_mb"] for each in found["product"]),
        "sync_cpu_seconds": middle,
    }


class _Growth:
    """Memory beyond that of the first tenth, which loads and fills what stays."""

    def __init__(self) -> None:
        self._pages = 0
        self._first = 0.0

    def page(self) -> None:
        self._pages += 1
        if self._pages == 20:
            self._first = _peak_mb()

    @property
    def mb(self) -> float:
        return _peak_mb() - self._first if self._first else 0.0


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


async def _product(address: str, file: Path, growth: _Growth) -> Callable[[], Any]:
    clock = SteppedClock()
    store = Store(file, clock)
    account = BerlinGroupAccount.model_validate(
        {
            "base_url": address, "simulated": True, "aspsp": "bench", "tpp_id": "bench",
            "our_ip_address": "192.0.2.1", "redirect_uri": "https://app.test/back",
        }
    )  # fmt: skip
    # The store's clock stands still; requests have deadlines.
    transport = partial(Transport, clock=MachineClock())
    place = Workplace(MachineClock(), FakeLoginBook(held=None), FakePreparedBook(), transport)
    adapter = BerlinGroupData(account, place)
    reader = Reader(Desk(store.database, clock))
    steps = FeedSteps(
        feeds=reader.feeds,
        pages=reader.pages,
        partners={BANK: adapter},
        runner=reader.runs,
        clocks=reader.steps._clocks,
    )
    await reader.connect()

    async def read() -> None:
        keep = reader.pages.page

        async def counted(*given: Any) -> None:
            await keep(*given)
            growth.page()

        reader.pages.page = counted  # type: ignore[method-assign, assignment]
        while (await steps._read(CONSENT)).said == "there is more to read":
            clock.step(timedelta(seconds=1))
        await adapter.close()
        store.close()

    return read


async def _bare(address: str, file: Path, growth: _Growth) -> Callable[[], Any]:
    cipher, key = AESGCM(os.urandom(32)), os.urandom(32)
    connection = sqlite3.connect(file, isolation_level=None)
    connection.execute("PRAGMA synchronous=FULL")
    insert = (
        f"INSERT INTO account_transactions ({', '.join(_COLUMNS)}) "
        f"VALUES ({', '.join('?' * len(_COLUMNS))})"
    )

    def row(line: dict[str, Any]) -> tuple[Any, ...]:
        amount = line["transactionAmount"]
        minor = round(float(amount["amount"]) * 100)
        named = f"{line['entryReference']}/{minor}/{amount['currency']}".encode()
        nonce = os.urandom(12)
        sealed = nonce + cipher.encrypt(nonce, json.dumps(line).encode(), b"a1")
        day = line["bookingDate"]
        identity = hmac.digest(key, named, hashlib.sha256).hex()[:32]
        return ("a1", identity, 1, "booked", day, day, line["valueDate"], minor,
                amount["currency"], sealed, 1, 1, True)  # fmt: skip

    async def read() -> None:
        path: str | None = FIRST
        async with httpx.AsyncClient(base_url=address) as client:
            while path is not None:
                report = (await client.get(path)).json()["transactions"]
                path = report["_links"].get("next", {}).get("href")
                connection.execute("BEGIN IMMEDIATE")
                connection.executemany(insert, map(row, report["booked"]))
                connection.execute("COMMIT")
                growth.page()
        connection.close()

    return read


async def _measured(side: str, address: str, file: Path) -> int:
    database = opened(file)
    upgrade(database)
    database.close()
    growth = _Growth()
    read = await {"product": _product, "bare": _bare}[side](address, file, growth)
    began, wall = time.process_time(), time.perf_counter()
    await read()
    spent = {"cpu": time.process_time() - began, "seconds": time.perf_counter() - wall}
    with sqlite3.connect(file) as connection:
        ((rows,),) = connection.execute("SELECT count(*) FROM account_transactions").fetchall()
    print(json.dumps({**spent, "rows": rows, "growth_mb": growth.mb}))
    return 0


if __name__ == "__main__":
    run(_measured(sys.argv[1], sys.argv[2], Path(sys.argv[3])))
