"""A worker made of the product's own parts that is killed, with SIGKILL, at a named point.

Run as `python -m tests.proof.killable_worker POINT MARKER [SIMULATOR]`. Before it dies it writes
to MARKER, fsynced, what it was doing: proof that the point was hit.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import urllib.request
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, NoReturn

from temporalio import workflow
from temporalio.bridge.proto.workflow_activation import WorkflowActivation
from temporalio.bridge.proto.workflow_completion import WorkflowActivationCompletion
from temporalio.client import Client
from temporalio.plugin import SimplePlugin
from temporalio.worker import (
    WorkerConfig,
    WorkflowInstance,
    WorkflowInstanceDetails,
    WorkflowRunner,
)

from assembly import assembled
from domain.answers import (
    Deadline,
    LookedFor,
    NotReady,
    Preparation,
    Read,
    Subject,
    Submitted,
    WireRequest,
)
from domain.heard import Heard
from domain.profile import Profile
from domain.sending import Move
from domain.view import PaymentView
from partners.interface import PaymentPartner
from process import run, stop_on_signals
from settings import Settings
from starter.plugin import plugin
from store.database import Database
from store.keyring import Keyring
from store.sending import SendBook, Turn

BEFORE_BEGIN: Final = "before begin"
AFTER_BEGIN: Final = "after begin"
BYTES_LEFT: Final = "after the bytes left"
AFTER_EFFECT: Final = "after the effect"
AFTER_REPLY: Final = "after the reply"
AFTER_CLOSE: Final = "after close"
WORKFLOW_TASK: Final = "in a workflow task"

#: The point is passed this often before it strikes: some payments are beyond it, some not there.
PASSES: Final = 2
#: Events in a payment's history before it strikes in one of its tasks: its first step is over.
EVENTS: Final = 12


class Killer:
    """Knows the one point at which this process dies."""

    def __init__(self, point: str, marker: Path, simulator: str) -> None:
        self.point = point
        self._marker = marker
        self._simulator = simulator
        self._passed = 0

    def at(self, point: str, about: str) -> None:
        """Dies here if this is the point, and others have passed it before."""
        if point == self.point:
            self._passed += 1
            if self._passed >= PASSES:
                self.strike(about)

    def strike(self, about: str) -> NoReturn:
        descriptor = os.open(self._marker, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        os.write(descriptor, json.dumps({"point": self.point, "about": about}).encode())
        os.fsync(descriptor)
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError("nobody survives SIGKILL")

    async def held_up(self, key: str) -> None:
        """Returns once the simulator holds up the request of that key, by the test's rule."""
        while not await asyncio.to_thread(self._is_held_up, key):
            await asyncio.sleep(0.01)

    def _is_held_up(self, key: str) -> bool:
        with urllib.request.urlopen(f"{self._simulator}/_control/book", timeout=10) as reply:
            fired = json.loads(reply.read())["faults_fired"]
        return any(one["fault"] == "delay" and one["unique_request_id"] == key for one in fired)


class KillingBook(SendBook):
    """The send book, with death before and after each of its transactions of a send."""

    def __init__(self, database: Database, keyring: Keyring, killer: Killer) -> None:
        super().__init__(database, keyring)
        self._killer = killer

    async def begin(self, instruction_id: str, now: datetime) -> Turn:
        self._killer.at(BEFORE_BEGIN, instruction_id)
        turn = await super().begin(instruction_id, now)
        if turn.move is Move.SEND:
            self._killer.at(AFTER_BEGIN, instruction_id)
        return turn

    async def record(self, heard: Heard) -> PaymentView:
        view = await super().record(heard)
        if heard.attempt is not None:
            self._killer.at(AFTER_CLOSE, heard.instruction_id)
        return view


class KillingPartner:
    """A partner, with death while a send is on its way and when its answer is there."""

    def __init__(self, inner: PaymentPartner, killer: Killer) -> None:
        self._inner = inner
        self._killer = killer

    @property
    def profile(self) -> Profile:
        return self._inner.profile

    async def ready(self) -> NotReady | None:
        return await self._inner.ready()

    async def prepare(self, subject: Subject) -> Preparation:
        return await self._inner.prepare(subject)

    async def submit(self, subject: Subject, request: WireRequest, deadline: Deadline) -> Submitted:
        sending = asyncio.ensure_future(self._inner.submit(subject, request, deadline))
        if self._killer.point in (BYTES_LEFT, AFTER_EFFECT):
            held_up = asyncio.ensure_future(self._killer.held_up(request.key))
            await asyncio.wait((sending, held_up), return_when=asyncio.FIRST_COMPLETED)
            if not sending.done():
                self._killer.strike(subject.instruction_id)
            held_up.cancel()
        answer = await sending
        self._killer.at(AFTER_REPLY, subject.instruction_id)
        return answer

    async def find(self, subject: Subject) -> LookedFor:
        return await self._inner.find(subject)

    async def read(self, subject: Subject) -> Read:
        return await self._inner.read(subject)

    async def close(self) -> None:
        await self._inner.close()


class KillingRunner(WorkflowRunner):
    """A workflow runner, with death when a task is worked out and not yet reported."""

    def __init__(self, inner: WorkflowRunner, killer: Killer) -> None:
        self._inner = inner
        self._killer = killer

    def prepare_workflow(self, defn: workflow._Definition) -> None:
        self._inner.prepare_workflow(defn)

    def create_instance(self, det: WorkflowInstanceDetails) -> WorkflowInstance:
        return KillingInstance(self._inner.create_instance(det), self._killer)

    def set_worker_level_failure_exception_types(self, types: Any) -> None:
        self._inner.set_worker_level_failure_exception_types(types)


class KillingInstance(WorkflowInstance):
    """One workflow's run."""

    def __init__(self, inner: WorkflowInstance, killer: Killer) -> None:
        self._inner = inner
        self._killer = killer

    def activate(self, act: WorkflowActivation) -> WorkflowActivationCompletion:
        completion = self._inner.activate(act)
        info = self._inner.get_info()
        if info.workflow_type == "PaymentWorkflow" and act.history_length >= EVENTS:
            self._killer.at(WORKFLOW_TASK, info.workflow_id)
        return completion

    def get_serialization_context(self, command_info: Any) -> Any:
        return self._inner.get_serialization_context(command_info)

    def get_external_store_context(self, command_info: Any) -> Any:
        return self._inner.get_external_store_context(command_info)

    def get_info(self) -> workflow.Info:
        return self._inner.get_info()

    def get_thread_id(self) -> int | None:
        return self._inner.get_thread_id()


class ShortMemory(SimplePlugin):
    """The server waits less long for our cached workflows, which die with us."""

    def configure_worker(self, config: WorkerConfig) -> WorkerConfig:
        short = timedelta(seconds=1)
        return {**super().configure_worker(config), "sticky_queue_schedule_to_start_timeout": short}


async def work(settings: Settings, killer: Killer) -> int:
    """As `worker.work`, with the parts above in the places of those they wrap."""

    def killing(existing: WorkflowRunner | None) -> WorkflowRunner:
        assert existing is not None, "our plugin comes first and has made one"
        return KillingRunner(existing, killer)

    stop = stop_on_signals()
    async with assembled(settings) as assembly:
        assembly.book = KillingBook(assembly.database, assembly.keyring, killer)
        assembly.partners = {
            name: KillingPartner(partner, killer) for name, partner in assembly.partners.items()
        }
        client = await Client.connect(
            settings.temporal_address,
            plugins=[plugin(assembly.keyring), ShortMemory("killer", workflow_runner=killing)],
        )
        async with AsyncExitStack() as running:
            for worker in assembly.workers(client):
                await running.enter_async_context(worker)
            await stop.wait()
    return 0


if __name__ == "__main__":
    run(work(Settings(), Killer(sys.argv[1], Path(sys.argv[2]), sys.argv[3])))
