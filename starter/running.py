"""`ensure_running`: the one way to start a payment's workflow, or to have it look again."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final
from uuid import uuid4

from temporalio.client import (
    Client,
    WithStartWorkflowOperation,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.service import RPCError, RPCStatusCode

from activities.feed_steps import FeedRef
from activities.messages import EDITION, ResourceRef
from domain.account_data.due import FEED
from domain.account_data.reading import FeedName
from domain.consents.instructions import KIND as CONSENT
from domain.ids import TASK_QUEUE, workflow_id
from domain.lifecycle.next_step import NextStep
from domain.lifecycle.notifying import NotNotified
from domain.payments.view import KIND
from starter.away import TemporalAway
from workflows.consent import ConsentWorkflow
from workflows.feed import FeedWorkflow
from workflows.payment import PaymentWorkflow

#: The workflow of each kind that our processes drive.
LIFECYCLES: Final[dict[str, Any]] = {KIND: PaymentWorkflow, CONSENT: ConsentWorkflow}

#: The server's answers while it, or every worker, is away. The payment is recorded, so the relay
#: starts it later.
_AWAY = frozenset(
    {
        RPCStatusCode.UNAVAILABLE,
        RPCStatusCode.DEADLINE_EXCEEDED,
        RPCStatusCode.RESOURCE_EXHAUSTED,
        RPCStatusCode.CANCELLED,
        RPCStatusCode.ABORTED,
    }
)

#: The SDK's own timeout for a server that is away is longer than a caller would wait.
_START_TIMEOUT: Final = timedelta(seconds=5)
#: How long the shared request for first news lives. Each caller has its own patience.
_NEWS_PATIENCE: Final = timedelta(seconds=30)
#: How often the request is made within that time: a run may end just then, and the next answers.
_NEWS_TRIES: Final = 2
#: The server's answers to an update whose run ended meanwhile.
_RUN_ENDED: Final = frozenset({RPCStatusCode.ABORTED, RPCStatusCode.NOT_FOUND})


class Running:
    """Starts runs. Starter, inbound, relay, sweep and commands all use it.

    Two calls at once end up in one run.
    """

    def __init__(self, client: Client, lifecycles: Mapping[str, Any] = LIFECYCLES) -> None:
        self._client = client
        self._lifecycles = lifecycles
        self._asking: dict[str, asyncio.Task[NextStep | None]] = {}

    async def ensure_running(
        self, tenant: str, resource_id: str, kind: str = KIND, *, first: NextStep | None = None
    ) -> None:
        """Signal-with-start: a running workflow looks again, a missing one starts.

        A run that owes nothing ends at once, so this is always safe.

        Args:
            first: the first step of a resource that was just accepted.

        Raises:
            TemporalAway: the server cannot be reached.
            NotNotified: the server takes no further signal for this run, or this process does not
                know the kind.
        """
        if kind not in self._lifecycles:
            raise NotNotified(f"this process has no workflow for the kind {kind!r}")
        await self._start(
            self._lifecycles[kind].run,
            ResourceRef(tenant=tenant, resource_id=resource_id, first=first, edition=EDITION),
            workflow_id(tenant, resource_id, kind),
            f"{kind} {resource_id}",
        )

    async def ensure_reading(self, feed: FeedName) -> None:
        """The same for the workflow that reads the accounts of a consent.

        Raises:
            TemporalAway: the server cannot be reached.
            NotNotified: the server takes no further signal for this run.
        """
        await self._start(
            FeedWorkflow.run,
            FeedRef(tenant=feed.tenant, consent_id=feed.consent_id, partner=feed.partner),
            workflow_id(feed.tenant, feed.consent_id, FEED),
            f"accounts of {feed.consent_id}",
        )

    async def _start(self, run: Any, given: Any, its_id: str, summary: str) -> None:
        try:
            await self._client.start_workflow(
                run,
                given,
                id=its_id,
                task_queue=TASK_QUEUE,
                id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                start_signal="look_again",
                static_summary=summary,
                rpc_timeout=_START_TIMEOUT,
            )
        except RPCError as error:
            if error.status in _AWAY:
                raise TemporalAway(str(error)) from error
            if error.status is RPCStatusCode.INVALID_ARGUMENT:
                raise NotNotified(str(error)) from error
            raise

    async def first_news(
        self,
        tenant: str,
        payment_id: str,
        *,
        patience: timedelta,
        first: NextStep | None = None,
    ) -> NextStep | None:
        """Start or join the payment's run, and wait for its first step.

        Callers of one payment share one update, since the server takes only ten at a time for a
        workflow. Returns None if no answer came in time (30 s at most), or the run ended before it
        answered. The workflow may be running all the same.

        Args:
            first: the first step of a payment that was just accepted.
        """
        asking = self._asking.get(payment_id)
        if asking is None:
            asking = asyncio.create_task(self._ask_first_news(tenant, payment_id, first))
            self._asking[payment_id] = asking
            asking.add_done_callback(lambda _: self._asking.pop(payment_id))
        # Not cancelled on timeout: other callers may still wait for the shared update.
        done, _ = await asyncio.wait({asking}, timeout=patience.total_seconds())
        return asking.result() if done else None

    async def _ask_first_news(
        self, tenant: str, payment_id: str, first: NextStep | None
    ) -> NextStep | None:
        """Update-with-Start, repeated once if the run ended or continued as new just then."""
        try:
            # Once the server has the update, the SDK polls for its outcome without any limit.
            async with asyncio.timeout(_NEWS_PATIENCE.total_seconds()):
                for _ in range(_NEWS_TRIES):
                    try:
                        return await self._update_with_start(tenant, payment_id, first)
                    except WorkflowUpdateFailedError:
                        continue
                    except RPCError as error:
                        if error.status not in _RUN_ENDED:
                            raise
        except (TimeoutError, WorkflowUpdateRPCTimeoutOrCancelledError):
            return None
        except RPCError as error:
            if error.status in _AWAY:
                return None
            raise
        return None

    async def _update_with_start(
        self, tenant: str, payment_id: str, first: NextStep | None
    ) -> NextStep:
        operation = WithStartWorkflowOperation(
            PaymentWorkflow.run,
            ResourceRef(tenant=tenant, resource_id=payment_id, first=first, edition=EDITION),
            id=workflow_id(tenant, payment_id),
            task_queue=TASK_QUEUE,
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            static_summary=f"payment {payment_id}",
        )
        try:
            # A new update id each time: a fixed one that is sent to a closed run starts nothing.
            return await self._client.execute_update_with_start_workflow(
                PaymentWorkflow.first_news,
                start_workflow_operation=operation,
                id=str(uuid4()),
                rpc_timeout=_NEWS_PATIENCE,
            )
        except BaseException:
            # The handle holds the same error. If nobody took it, asyncio would report it as lost.
            # It is not awaited before: at a program's end the wait would be cancelled first, and
            # the SDK could not put its error there.
            handle = asyncio.ensure_future(operation.workflow_handle())
            await asyncio.wait({handle}, timeout=0)
            if not handle.cancel() and not handle.cancelled():
                handle.exception()
            raise
