"""The same payment on DBOS with SQLite, as its documentation would have it written.

A program of its own, in an environment of its own: it prints what it measured as JSON. DBOS has
no server: caller, workflows and steps are in this one process, as is usual there.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sqlite3
from pathlib import Path
from typing import Any, Final

from dbos import DBOS, DBOSConfig, SetWorkflowID, WorkflowHandleAsync

from benchmarks.acts import Acts, Partner
from benchmarks.load import first_answers, per_second
from benchmarks.shape import Shape

_NEWS: Final = "first_news"
_WARM_UP: Final = 10


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
        self._handles: dict[str, WorkflowHandleAsync[str]] = {}

    async def pay(self, reference: str) -> str:
        await self._acts.do(self._shape.before, reference)
        with SetWorkflowID(reference):
            self._handles[reference] = await DBOS.start_workflow_async(self._payment, reference)
        await DBOS.get_event_async(reference, _NEWS)
        await self._acts.do(self._shape.after, reference)
        return reference

    async def until_over(self, workflow: str) -> None:
        await self._handles.pop(workflow).get_result()


async def measure(payments: Payments, count: int, rounds: int, answers: int) -> dict[str, Any]:
    """As the others are measured."""
    await per_second(payments, _WARM_UP)
    rates = [await per_second(payments, count) for _ in range(rounds)]
    return {"per_second": rates, "first_answer_ms": await first_answers(payments, answers)}


async def _main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peer", description=__doc__)
    parser.add_argument("shape", type=Path)
    parser.add_argument("home", type=Path)
    parser.add_argument("partner", nargs=3, help="base URL, login id and key")
    parser.add_argument("--payments", type=int, required=True)
    parser.add_argument("--rounds", type=int, required=True)
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
    found = await measure(payments, given.payments, given.rounds, given.answers)
    DBOS.destroy()
    await acts.close()
    print(json.dumps(found))


if __name__ == "__main__":
    asyncio.run(_main())
