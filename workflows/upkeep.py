"""Upkeep, run by a schedule: relay and sweep."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from temporalio import workflow

from activities.upkeep import Upkeep

_TIMEOUT: Final = timedelta(minutes=5)
_HEARTBEAT_TIMEOUT: Final = timedelta(seconds=30)


@workflow.defn
class UpkeepWorkflow:
    """One round; the schedule makes the next."""

    @workflow.run
    async def run(self) -> str:
        """How many payments were started anew."""
        relayed = await workflow.execute_activity_method(
            Upkeep.relay,
            start_to_close_timeout=_TIMEOUT,
            heartbeat_timeout=_HEARTBEAT_TIMEOUT,
            summary="start payments that were recorded but not started",
        )
        swept = await workflow.execute_activity_method(
            Upkeep.sweep,
            start_to_close_timeout=_TIMEOUT,
            heartbeat_timeout=_HEARTBEAT_TIMEOUT,
            summary="run payments that are open and do not run",
        )
        return f"started {relayed} unstarted and {swept} stopped payments"
