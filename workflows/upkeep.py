"""Upkeep, run by a schedule: relay and sweep."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from pydantic import BaseModel, ConfigDict
from temporalio import workflow
from temporalio.common import RetryPolicy

from activities.upkeep import Upkeep

_TIMEOUT: Final = timedelta(minutes=5)
_HEARTBEAT_TIMEOUT: Final = timedelta(seconds=30)
#: Then the round fails and the next one begins anew: one that hangs would stop them all.
_RETRIES: Final = RetryPolicy(maximum_attempts=5)


class Round(BaseModel):
    """What one round did, and how many attempts the database had."""

    model_config = ConfigDict(frozen=True)

    said: str
    attempts: int
    at: datetime | None = None
    """A moment before they were counted."""


@workflow.defn
class UpkeepWorkflow:
    """One round; the schedule makes the next, and hands it the result of the last."""

    @workflow.run
    async def run(self) -> Round | str:
        """How many payments were started anew."""
        attempts: int | None = None
        at = workflow.now()
        if workflow.patched("compare-attempts"):
            # First of all: what a set-back database has forgotten must not be started.
            attempts = await workflow.execute_activity_method(
                Upkeep.compare,
                args=_last_known(),
                start_to_close_timeout=_TIMEOUT,
                retry_policy=_RETRIES,
                summary="compare the number of attempts with the last round's",
            )
        relayed = await workflow.execute_activity_method(
            Upkeep.relay,
            start_to_close_timeout=_TIMEOUT,
            heartbeat_timeout=_HEARTBEAT_TIMEOUT,
            retry_policy=_RETRIES,
            summary="start payments that were recorded but not started",
        )
        swept = await workflow.execute_activity_method(
            Upkeep.sweep,
            start_to_close_timeout=_TIMEOUT,
            heartbeat_timeout=_HEARTBEAT_TIMEOUT,
            retry_policy=_RETRIES,
            summary="run payments that are open and do not run",
        )
        said = f"started {relayed} unstarted and {swept} stopped payments"
        return said if attempts is None else Round(said=said, attempts=attempts, at=at)


def _last_known() -> tuple[int, datetime | None]:
    """Of the round before; rounds of the first release told nothing."""
    last = workflow.get_last_completion_result()
    if not isinstance(last, dict):
        return 0, None
    known = Round.model_validate(last)
    return known.attempts, known.at
