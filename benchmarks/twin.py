"""The bare twin: a workflow without our logic that makes the same history as our payment.

Same update with start, activities, timers, search attributes, committed rows and calls to the
partner, taken from a real payment of the product (`tap.py`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from temporalio import workflow
from temporalio.common import RetryPolicy, SearchAttributeKey, SearchAttributeUpdate

with workflow.unsafe.imports_passed_through():
    from benchmarks.shape import Shape

QUEUE: Final = "twin"
PARTNER_QUEUE: Final = "twin.partner"
#: As of the product, `workflows/payment.py`.
_STEP_TIMEOUT: Final = timedelta(minutes=3)


@dataclass
class Note:
    """One step of the score, without what only its activity needs."""

    kind: str
    name: str = ""
    seconds: float = 0.0
    attributes: dict[str, Any] = field(default_factory=dict)


@dataclass
class Score:
    """What one workflow plays."""

    reference: str
    news_after: int
    notes: list[Note]


@dataclass
class Turn:
    """One step's request to its activity."""

    reference: str
    step: int
    known_id: str


def score(shape: Shape, reference: str) -> Score:
    """Of one payment."""
    notes = [
        Note(step.kind, step.name, step.seconds, dict(step.attributes)) for step in shape.steps
    ]
    return Score(reference, shape.news_after, notes)


@workflow.defn(name="TwinPayment")
class TwinPayment:
    """Plays its score."""

    def __init__(self) -> None:
        self._is_told = False
        self._news = False

    @workflow.run
    async def run(self, given: Score) -> str:
        known_id = ""
        for number, note in enumerate(given.notes):
            if number == given.news_after:
                self._is_told = True
            match note.kind:
                case "local":
                    await workflow.execute_local_activity(
                        "load",
                        Turn(given.reference, number, known_id),
                        start_to_close_timeout=timedelta(seconds=10),
                    )
                case "activity":
                    known_id = await workflow.execute_activity(
                        note.name,
                        Turn(given.reference, number, known_id),
                        result_type=str,
                        task_queue=PARTNER_QUEUE,
                        start_to_close_timeout=_STEP_TIMEOUT,
                        retry_policy=RetryPolicy(maximum_attempts=1),
                    )
                case "timer":
                    await self._wait(note.seconds)
                case "attributes":
                    workflow.upsert_search_attributes(
                        [_attribute(name, said) for name, said in note.attributes.items()]
                    )
        self._is_told = True
        await workflow.wait_condition(workflow.all_handlers_finished)
        return known_id

    @workflow.signal
    def look_again(self) -> None:
        self._news = True

    @workflow.update
    async def first_news(self) -> str:
        await workflow.wait_condition(lambda: self._is_told)
        return "told"

    async def _wait(self, seconds: float) -> None:
        try:
            await workflow.wait_condition(
                lambda: self._news, timeout=timedelta(seconds=seconds), timeout_summary="waits"
            )
        except TimeoutError:
            return


def _attribute(name: str, said: dict[str, str]) -> SearchAttributeUpdate[Any]:
    value = json.loads(said["json"])
    if said["type"] == "Datetime":
        moment = datetime.fromisoformat(value)
        return SearchAttributeKey.for_datetime(name).value_set(moment)
    return SearchAttributeKey.for_keyword(name).value_set(value)
