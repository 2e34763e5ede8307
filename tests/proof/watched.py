"""A watch at every boundary of a worker's process, and quick timeouts; for a forked child.

Boundaries: each workflow activation once it is worked out, each activity at its begin and its end,
each transaction before and after its commit, each exchange with a partner before its first byte,
after its last, and when the answer is there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from datetime import timedelta
from typing import Any, Final, TypeVar

from sqlmodel import Session
from temporalio import workflow
from temporalio.bridge.proto.workflow_activation import WorkflowActivation
from temporalio.bridge.proto.workflow_completion import WorkflowActivationCompletion
from temporalio.client import Client
from temporalio.plugin import SimplePlugin
from temporalio.worker import (
    ActivityInboundInterceptor,
    ExecuteActivityInput,
    Interceptor,
    StartActivityInput,
    Worker,
    WorkerConfig,
    WorkflowInboundInterceptor,
    WorkflowInstance,
    WorkflowInstanceDetails,
    WorkflowInterceptorClassInput,
    WorkflowOutboundInterceptor,
    WorkflowRunner,
)

import activities.partner_steps
import assembly
import domain.lifecycle.due
import store.prepared
import transport.http
import worker
from assembly import Assembly
from domain.lifecycle.answers import Deadline
from settings import Settings
from starter.plugin import plugin
from store.database import Database
from store.keyring import Keyring
from tests.proof.points import CURRENT, UNCOMMITTED, Watch
from transport.exchange import Outcome, Request
from transport.http import Transport

T = TypeVar("T")

#: Within it the server notices that the worker of an activity that beats is dead.
QUICK_HEARTBEAT: Final = timedelta(seconds=2)
#: The same, of activities that only touch our store and do not beat.
QUICK_STORE_STEP: Final = timedelta(seconds=3)
_QUICK_BEAT_SECONDS: Final = 0.4
#: News is read as soon as that after the last question; payments without news wait far longer.
_QUICK_NEWS: Final = timedelta(milliseconds=300)
_STICKY: Final = timedelta(seconds=1)
#: How long others wait for a creditor that a killed worker was making: in production 90 s.
_QUICK_LEASE: Final = timedelta(seconds=10)
#: Runs of nobody's payment.
_OTHERS: Final = frozenset({"UpkeepWorkflow"})
#: Ids in paths, which differ from run to run.
_ID: Final = re.compile(r"(?<=/)(?=[^/]*[0-9])[A-Za-z0-9_-]{8,}")
_ASKED: ContextVar[str] = ContextVar("exchange in hand")


def watch_store(watch: Watch) -> None:
    """Points on both sides of each commit."""
    write = Database.write

    async def watched_write(self: Database, transaction: Callable[[Session], T]) -> T:
        payment_id = CURRENT.get()
        if payment_id is None:
            return await write(self, transaction)
        name = f"store {transaction.__qualname__.partition('.<locals>')[0]}"
        before = f"{name} {UNCOMMITTED}"

        def watched(session: Session) -> T:
            result = transaction(session)
            session.flush()
            watch.passed_in_transaction(payment_id, before)
            return result

        await watch.before_transaction(payment_id, before)
        result = await write(self, watched)
        await watch.passed(payment_id, f"{name} committed")
        return result

    Database.write = watched_write  # type: ignore[method-assign]  # Of this process alone.


def watch_transport(watch: Watch) -> None:
    """Points before a byte left, after all of them, and when the answer is there."""
    exchange, trace = Transport.exchange, transport.http._Sending.trace

    async def watched_exchange(self: Transport, request: Request, deadline: Deadline) -> Outcome:
        name = f"partner {request.method} {_ID.sub('*', request.path)}"
        asked = _ASKED.set(name)
        try:
            await watch.passed(CURRENT.get(), f"{name} unsent")
            outcome = await exchange(self, request, deadline)
            await watch.passed(CURRENT.get(), f"{name} answered")
            return outcome
        finally:
            _ASKED.reset(asked)

    async def watched_trace(self: Any, event: str, info: Mapping[str, Any]) -> None:
        await trace(self, event, info)
        if event == "http11.receive_response_headers.started":
            await watch.passed(CURRENT.get(), f"{_ASKED.get()} bytes left")

    Transport.exchange = watched_exchange  # type: ignore[method-assign]  # Of this process alone.
    transport.http._Sending.trace = watched_trace  # type: ignore[method-assign]  # The same.


def let_workflows_stand_still(worker: Worker) -> None:
    """Or the SDK would believe an activation that is held to be a deadlock."""
    if worker._workflow_worker is not None:
        worker._workflow_worker._deadlock_timeout_seconds = None


class WatchPlugin(SimplePlugin):
    """Everything of a Temporal worker that is watched or made quick."""

    def __init__(self, watch: Watch, *, quick: bool) -> None:
        def watching(existing: WorkflowRunner | None) -> WorkflowRunner:
            assert existing is not None, "our plugin comes first and has made one"
            return _WatchedRunner(existing, watch)

        super().__init__("watch", workflow_runner=watching)
        self._watch = watch
        self._quick = quick

    def configure_worker(self, config: WorkerConfig) -> WorkerConfig:
        config = super().configure_worker(config)
        watched: list[Interceptor] = [_WatchedActivities(self._watch)]
        if self._quick:
            activities.partner_steps._BEAT_SECONDS = _QUICK_BEAT_SECONDS  # type: ignore[misc]
            domain.lifecycle.due.NEWS_PAUSE_MAX = _QUICK_NEWS  # type: ignore[misc]
            config["sticky_queue_schedule_to_start_timeout"] = _STICKY
            # The server hands a task to each poll of a worker that stands still, and waits.
            config["max_concurrent_workflow_task_polls"] = 2
            config["max_concurrent_activity_task_polls"] = 1
            watched.append(_Quick())
        config["interceptors"] = [*config.get("interceptors", ()), *watched]
        return config


def watch_temporal(watch: Watch, *, quick: bool, upkeep: bool) -> None:
    """Points at the begin and end of everything that Temporal asks for.

    Args:
        quick: shorten what the server waits for before it believes that a worker is dead.
        upkeep: have the server start relay and sweep.
    """
    store.prepared.LEASE = _QUICK_LEASE  # type: ignore[misc]
    made_workers = worker.workers

    async def watched_connect(settings: Settings, keyring: Keyring | None) -> Client:
        assert keyring is not None, "a worker opens payloads"
        return await Client.connect(
            settings.temporal_address, plugins=[plugin(keyring), WatchPlugin(watch, quick=quick)]
        )

    def watched_workers(made_of: Assembly, client: Client) -> list[Worker]:
        made = made_workers(made_of, client)
        for each in made:
            let_workflows_stand_still(each)
        return made

    async def no_upkeep(made_of: Assembly, client: Client) -> None:
        """What it starts by chance would be no point that can be found again."""

    assembly.connect = watched_connect  # Of this process alone, as all here.
    worker.workers = watched_workers  # type: ignore[assignment]
    if not upkeep:
        worker.ensure_upkeep = no_upkeep  # type: ignore[assignment]


class _WatchedActivities(Interceptor):
    def __init__(self, watch: Watch) -> None:
        self._watch = watch

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        return _WatchedActivity(next, self._watch)


class _WatchedActivity(ActivityInboundInterceptor):
    def __init__(self, next: ActivityInboundInterceptor, watch: Watch) -> None:
        super().__init__(next)
        self._watch = watch

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        [asked] = input.args or [None]
        payment_id = getattr(asked, "resource_id", None) or getattr(asked, "payment_id", None)
        name = f"activity {input.fn.__name__}"
        token = CURRENT.set(payment_id)
        try:
            await self._watch.passed(payment_id, f"{name} begun")
            result = await super().execute_activity(input)
            await self._watch.passed(payment_id, f"{name} done")
            return result
        finally:
            CURRENT.reset(token)


class _WatchedRunner(WorkflowRunner):
    def __init__(self, inner: WorkflowRunner, watch: Watch) -> None:
        self._inner = inner
        self._watch = watch

    def prepare_workflow(self, defn: workflow._Definition) -> None:
        self._inner.prepare_workflow(defn)

    def create_instance(self, det: WorkflowInstanceDetails) -> WorkflowInstance:
        return _WatchedInstance(self._inner.create_instance(det), self._watch)

    def set_worker_level_failure_exception_types(self, types: Any) -> None:
        self._inner.set_worker_level_failure_exception_types(types)


class _WatchedInstance(WorkflowInstance):
    """One workflow's run, with a point when a task is worked out and not yet reported."""

    def __init__(self, inner: WorkflowInstance, watch: Watch) -> None:
        self._inner = inner
        self._watch = watch

    def activate(self, act: WorkflowActivation) -> WorkflowActivationCompletion:
        completion = self._inner.activate(act)
        info = self._inner.get_info()
        jobs = sorted({str(job.WhichOneof("variant")) for job in act.jobs} - {"remove_from_cache"})
        if jobs and not act.is_replaying and info.workflow_type not in _OTHERS:
            payment_id = info.workflow_id.rpartition("/")[2]
            self._watch.passed_in_thread(payment_id, f"workflow {'+'.join(jobs)}")
        return completion

    def get_serialization_context(self, command_info: Any) -> Any:
        return self._inner.get_serialization_context(command_info)

    def get_external_store_context(self, command_info: Any) -> Any:
        return self._inner.get_external_store_context(command_info)

    def get_info(self) -> workflow.Info:
        return self._inner.get_info()

    def get_thread_id(self) -> int | None:
        return self._inner.get_thread_id()


class _Quick(Interceptor):
    """Shortens the timeouts by which the server finds out that a worker is dead."""

    def workflow_interceptor_class(
        self, input: WorkflowInterceptorClassInput
    ) -> type[WorkflowInboundInterceptor]:
        return _QuickInbound


class _QuickInbound(WorkflowInboundInterceptor):
    def init(self, outbound: WorkflowOutboundInterceptor) -> None:
        super().init(_QuickOutbound(outbound))


class _QuickOutbound(WorkflowOutboundInterceptor):
    def start_activity(self, input: StartActivityInput) -> workflow.ActivityHandle[Any]:
        if input.heartbeat_timeout is not None:
            input.heartbeat_timeout = min(input.heartbeat_timeout, QUICK_HEARTBEAT)
        elif input.start_to_close_timeout is not None:
            input.start_to_close_timeout = min(input.start_to_close_timeout, QUICK_STORE_STEP)
        return super().start_activity(input)
