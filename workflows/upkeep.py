"""One round of upkeep, started by a schedule: prove the database, compare, relay, sweep."""

from __future__ import annotations

from datetime import datetime, timedelta
from types import NoneType
from typing import Final

from pydantic import BaseModel, ConfigDict
from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError

from activities.upkeep import Upkeep
from domain.lifecycle.witness import Known, Mark

_TIMEOUT: Final = timedelta(minutes=5)
_HEARTBEAT_TIMEOUT: Final = timedelta(seconds=30)
#: After these the round fails and the next one starts afresh. A round that hangs would block all.
_RETRIES: Final = RetryPolicy(maximum_attempts=5)


class Round(BaseModel):
    """What one round did, and the mark by which the next one proves the database."""

    model_config = ConfigDict(frozen=True)

    said: str
    attempts: int = 0
    """In rounds of earlier releases: how many attempts the database had."""
    at: datetime | None = None
    """A moment before the round looked at the database."""
    mark: Mark | None = None


@workflow.defn
class UpkeepWorkflow:
    """One round. The schedule starts the next one, and gives it the result of the last."""

    @workflow.run
    async def run(self) -> Round:
        """Make the round, and return what the next one needs.

        Raises:
            ApplicationError: an activity's answer is not from our own worker.
        """
        at, mark, attempts = workflow.now(), None, 0
        # This comes first: if the database was set back, nothing that it forgot may be started.
        if workflow.patched("prove-the-database"):
            mark = await workflow.execute_activity_method(
                Upkeep.prove,
                _last_known(),
                start_to_close_timeout=_TIMEOUT,
                heartbeat_timeout=_HEARTBEAT_TIMEOUT,
                retry_policy=_RETRIES,
                summary="prove that the database was not set back since the last round",
            )
            _require_ours(mark, Mark)
        elif workflow.patched("compare-attempts"):
            # Only for rounds that began under an earlier release: no worker has this activity now.
            attempts = await workflow.execute_activity(
                "compare",
                args=[_last_known().attempts, _last_known().at],
                result_type=int,
                start_to_close_timeout=_TIMEOUT,
                retry_policy=_RETRIES,
                summary="compare the number of attempts with the last round's",
            )
            _require_ours(attempts, int)
        if workflow.patched("compare-with-partners"):
            compared: object = await workflow.execute_activity_method(
                Upkeep.compare_with_partners,
                start_to_close_timeout=_TIMEOUT,
                heartbeat_timeout=_HEARTBEAT_TIMEOUT,
                retry_policy=_RETRIES,
                summary="compare the payments that partners list with the database",
            )
            _require_ours(compared, NoneType)
        relayed = await workflow.execute_activity_method(
            Upkeep.relay,
            start_to_close_timeout=_TIMEOUT,
            heartbeat_timeout=_HEARTBEAT_TIMEOUT,
            retry_policy=_RETRIES,
            summary="start new payments, and notify those with unread commands or deliveries",
        )
        _require_ours(relayed, int)
        swept = await workflow.execute_activity_method(
            Upkeep.sweep,
            start_to_close_timeout=_TIMEOUT,
            heartbeat_timeout=_HEARTBEAT_TIMEOUT,
            retry_policy=_RETRIES,
            summary="notify runs that are late, open tasks that are due, and correct future dates",
        )
        _require_ours(swept, int)
        said = f"started {relayed} unstarted and {swept} stopped payments"
        return Round(said=said, attempts=attempts, at=at, mark=mark)


def _last_known() -> Known:
    """What the last round that ended left; rounds of the first release left nothing."""
    return known(workflow.get_last_completion_result())


def known(result: object) -> Known:
    """What a round left with Temporal, as the next one gets it.

    A result that is not ours is never taken as "no round yet": that would make us forget the mark.

    Raises:
        ValidationError: the result is a dict, but not of a round.
    """
    if result is None:
        return Known()
    if not isinstance(result, dict):
        return Known(refused=str(result))
    last = Round.model_validate(result)
    return Known(mark=last.mark, attempts=last.attempts, at=last.at)


def _require_ours(answer: object, kind: type) -> None:
    """End the round if an activity's answer is not ours; the next round starts afresh.

    Raises:
        ApplicationError: the answer is not what our own worker gives.
    """
    if not isinstance(answer, kind):
        raise ApplicationError(f"this round ends: {answer}", non_retryable=True)
