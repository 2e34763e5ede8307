"""The same payment on DBOS with SQLite, as its documentation would have it written.

A program of its own, in an environment of its own: it prints what it measured as JSON. DBOS has
no server: caller, workflows and steps are in this one process, as is usual there.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sqlite3
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

from dbos import DBOS, DBOSConfig, SetWorkflowID

from benchmarks.acts import Acts, Partner
from benchmarks.shape import Shape

_NEWS = "first_news"


class Payments:
    """The workflow, its steps, and the caller's side."""

    def __init__(self, shape: Shape, acts: Acts) -> None:
        self._shape = shape
        self._acts = acts

        @DBOS.step()
        async def step(reference: str, number: int, known_id: str) -> str:
            return await acts.do(shape.steps[number].acts, reference, known_id)

        @DBOS.workflow()
        async def payment(reference: str) -> str:
            known_id = ""
            for number, each in enumerate(shape.steps):
                if number == shape.news_after:
                    await DBOS.set_event_async(_NEWS, "told")
                if each.kind == "timer":
                    await DBOS.sleep_async(each.seconds)
                elif each.kind == "attributes":
                    await DBOS.set_event_async("state", sorted(each.attributes))
                else:
                    known_id = await step(reference, number, known_id)
            return known_id

        self._payment = payment

    async def pay(self, reference: str) -> Any:
        """Give a payment and wait for its first news; its handle."""
        await self._acts.do(self._shape.before, reference)
        with SetWorkflowID(reference):
            handle = await DBOS.start_workflow_async(self._payment, reference)
        await DBOS.get_event_async(reference, _NEWS)
        await self._acts.do(self._shape.after, reference)
        return handle


async def measure(payments: Payments, count: int, at_once: int, answers: int) -> dict[str, Any]:
    """As `load.py` measures the others."""

    async def one(reference: str, slots: asyncio.Semaphore) -> None:
        async with slots:
            handle = await payments.pay(reference)
            await handle.get_result()

    async def all_of(number: int) -> float:
        batch = uuid4().hex[:8]
        slots = asyncio.Semaphore(at_once)
        started = time.perf_counter()
        await asyncio.gather(*(one(f"peer-{batch}-{n}", slots) for n in range(number)))
        return number / (time.perf_counter() - started)

    await all_of(10)
    rates = [await all_of(count) for _ in range(3)]
    taken = []
    handles = []
    for number in range(answers):
        started = time.perf_counter()
        handles.append(await payments.pay(f"peer-first-{number}"))
        taken.append(1000 * (time.perf_counter() - started))
    for handle in handles:
        await handle.get_result()
    return {"per_second": rates, "first_answer_ms": taken}


async def _main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peer", description=__doc__)
    parser.add_argument("shape", type=Path)
    parser.add_argument("home", type=Path)
    parser.add_argument("partner", nargs=3, help="base URL, login id and key")
    parser.add_argument("--payments", type=int, required=True)
    parser.add_argument("--at-once", type=int, required=True)
    parser.add_argument("--answers", type=int, required=True)
    given = parser.parse_args()
    system = given.home / "dbos.db"
    with sqlite3.connect(system) as made:
        # Stays with the file; its own default, which writes each page twice, is slower.
        made.execute("PRAGMA journal_mode=WAL")
    config: DBOSConfig = {
        "name": "finality-peer",
        "system_database_url": f"sqlite:///{system}",
        "console_log_level": "WARNING",
        # Once a second is the default, and would be all that is measured.
        "notification_listener_polling_interval_sec": 0.01,
    }
    DBOS(config=config)
    acts = Acts(given.home / "peer.db", Partner(*given.partner))
    payments = Payments(Shape.load(given.shape), acts)
    DBOS.launch()
    found = await measure(payments, given.payments, given.at_once, given.answers)
    DBOS.destroy()
    await acts.close()
    print(json.dumps(found))


if __name__ == "__main__":
    asyncio.run(_main())
