"""What we believe of Temporal, as a model: runs, tasks, timers, activities, and dead workers.

Modelled are: a task goes to some worker and again to another one where that is dead; a run is
rebuilt from its activations, which must ask for the same again; one that would end while there is
news is asked once more; an activity is given up when it does not beat, while its worker may go on
with it; its late report is dropped. That Temporal does so is our claim: what is found here counts
apart from what is found on a real server.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, Final

from activities.messages import EDITION, ResourceRef
from domain.ids import workflow_id
from domain.lifecycle.next_step import NextStep
from starter.away import TemporalAway
from tests.proof.simulation.activations import (
    Command,
    Job,
    arguments,
    begin,
    completed,
    completed_by_a_stranger,
    failed,
    fired,
    signal,
)
from tests.proof.simulation.loop import Process, SimulatedClock
from tests.proof.simulation.worker import Activity, Run, Worker
from workflows.payment import PaymentWorkflow

_TASK_SECONDS: Final = 10.0


class Temporal:
    """The server. It lives outside all processes; `away_until` is when it answers again."""

    def __init__(self, loop: asyncio.AbstractEventLoop, clock: SimulatedClock, seed: int) -> None:
        self._loop = loop
        self._clock = clock
        self._chance = random.Random(seed)
        self._workers: list[Worker] = []
        self._joined = asyncio.Event()
        self.runs: dict[str, Run] = {}
        self._forged: dict[str, tuple[Any, asyncio.Future[None]]] = {}
        """By payment: what somebody else says in place of its next step."""
        self.away_until = 0.0
        self.started = 0
        self.on_death: Callable[[Process], None] = lambda _process: None
        self._tasks: set[asyncio.Task[Any]] = set()
        self.broken: asyncio.Future[None] = loop.create_future()
        """Fails where the model itself, or a workflow's code, does."""

    # What clients and workers ask of it

    def join(self, worker: Worker) -> None:
        """A worker polls from now on."""
        self._workers.append(worker)
        self._joined.set()

    async def ensure_running(
        self,
        tenant: str,
        payment_id: str,
        kind: str = "payment",
        *,
        first: NextStep | None = None,
    ) -> None:
        """Signal-with-start.

        Raises:
            TemporalAway: it is.
        """
        await self._reach()
        run = self._run_of(tenant, payment_id, first)
        run.pending.append(signal("look_again"))
        self._deliver(run)

    async def first_news(
        self,
        tenant: str,
        payment_id: str,
        *,
        patience: timedelta,
        first: NextStep | None = None,
    ) -> None:
        """Only starts it: callers of the simulation do not wait."""
        await self._reach()
        self._deliver(self._run_of(tenant, payment_id, first))

    def start(self, kind: type, name: str, argument: Any) -> Run:
        """A workflow of another class than the product's."""
        run = self.runs[name] = self._new(name, argument, kind)
        self._deliver(run)
        return run

    def terminate(self, payment_id: str) -> bool:
        """As in the UI; False where it does not run."""
        for run in self.runs.values():
            if run.payment_id == payment_id and not run.ended:
                self._end(run)
                return True
        return False

    def forget_all(self) -> None:
        """Restored from a copy: its workers are started anew. What it knew of runs is left out: a
        run of the copy knows nothing that the store of the same copy does not."""
        for run in self.runs.values():
            if not run.ended:
                self._end(run)
        self.runs.clear()
        for worker in self._workers:
            if worker.process.alive:
                worker.process.kill()
                self.on_death(worker.process)

    async def forge(self, payment_id: str, result: Any, before: float) -> bool:
        """Somebody answers for the next step that a worker has in hand, which goes on unheard;
        whether there was one before that moment."""
        answered: asyncio.Future[None] = self._loop.create_future()
        self._forged[payment_id] = (result, answered)
        await asyncio.wait({answered}, timeout=max(before - self._loop.time(), 0))
        return answered.done()

    async def _reach(self) -> None:
        await self._pause()
        if self._loop.time() < self.away_until:
            raise TemporalAway("no server answers")

    def _run_of(self, tenant: str, payment_id: str, first: NextStep | None) -> Run:
        name = workflow_id(tenant, payment_id)
        run = self.runs.get(name)
        if run is None or run.ended:
            ref = ResourceRef(tenant=tenant, resource_id=payment_id, first=first, edition=EDITION)
            run = self.runs[name] = self._new(name, ref)
        return run

    def _new(self, name: str, argument: Any, kind: type = PaymentWorkflow) -> Run:
        self.started += 1
        run = Run(
            workflow_id=name,
            payment_id=name.rpartition("/")[2],
            run_id=f"run-{self.started}",
            seed=self._chance.getrandbits(32),
            began=self._clock.now(),
            kind=kind,
        )
        run.pending.append(begin(kind, name, argument, run.seed, run.began))
        return run

    # Workflow tasks

    def _deliver(self, run: Run) -> None:
        if run.pending and not run.has_task and not run.ended:
            run.has_task = True
            self._spawn(self._task(run))

    async def _task(self, run: Run) -> None:
        await self._pause()
        while True:
            worker = await self._worker_that_knows(run)
            jobs, run.pending = _in_order(run.pending), []
            work = worker.process.run(worker.work_out(run, jobs))
            if await self._until(work, worker, _TASK_SECONDS):
                done, commands, instance = work.result()
                if not run.ended and not (run.pending and _closes(commands)):
                    break
            # The worker is dead, or there is news that it has not seen: all once more.
            worker.cache.pop(run.run_id, None)
            if run.ended:
                return
            run.pending = [*jobs, *run.pending]
        run.activations += done
        worker.cache[run.run_id] = instance
        for command in commands:
            self._obey(run, command)
        run.has_task = False
        self._deliver(run)

    async def _until(self, work: asyncio.Task[Any], worker: Worker, seconds: float) -> bool:
        """Whether it was done by a worker that lives; who stands still is waited for so long."""
        while not work.done():
            await asyncio.wait({work}, timeout=seconds)
            if not worker.process.alive:
                return False
            if worker.process.stands_still_until > self._loop.time():
                return False
        await self._pause()
        return worker.process.alive

    async def _worker_that_knows(self, run: Run) -> Worker:
        workers = await self._alive()
        knowing = [worker for worker in workers if run.run_id in worker.cache]
        return self._chance.choice(knowing or workers)

    async def _alive(self) -> list[Worker]:
        while True:
            now = self._loop.time()
            alive = [w for w in self._workers if w.process.alive]
            polling = [w for w in alive if w.polls(now)]
            if polling and now >= self.away_until:
                return polling
            self._workers = alive
            self._joined.clear()
            try:
                async with asyncio.timeout(1):
                    await self._joined.wait()
            except TimeoutError:
                continue

    # What a workflow asks for

    def _obey(self, run: Run, command: Command) -> None:
        match command.WhichOneof("variant"):
            case "start_timer":
                timer = command.start_timer
                after = timer.start_to_fire_timeout.ToTimedelta().total_seconds()
                run.timers[timer.seq] = self._loop.call_later(after, self._fire, run, timer.seq)
            case "cancel_timer":
                seq = command.cancel_timer.seq
                if handle := run.timers.pop(seq, None):
                    handle.cancel()
                run.pending = [
                    job
                    for job in run.pending
                    if not (job.HasField("fire_timer") and job.fire_timer.seq == seq)
                ]
            case "schedule_activity":
                self._spawn(self._activity(run, command.schedule_activity))
            case "complete_workflow_execution":
                run.result = command.complete_workflow_execution.result
                self._end(run)
            case "fail_workflow_execution":
                self._end(run)
            case "continue_as_new_workflow_execution":
                self._end(run)
                asked = command.continue_as_new_workflow_execution
                [ref] = arguments(asked.arguments, [ResourceRef])
                fresh = self.runs[run.workflow_id] = self._new(run.workflow_id, ref)
                self._deliver(fresh)
            case "schedule_local_activity" | "upsert_workflow_search_attributes":
                pass
            case "modify_workflow_properties" | "set_patch_marker":
                pass
            case other:
                raise AssertionError(f"{run.workflow_id} asks for {other}, which is not modelled")

    def _fire(self, run: Run, seq: int) -> None:
        if run.timers.pop(seq, None) is not None and not run.ended:
            run.pending.append(fired(seq))
            self._deliver(run)

    def _end(self, run: Run) -> None:
        run.ended = True
        for handle in run.timers.values():
            handle.cancel()
        for state in run.activities.values():
            state.is_over = True

    async def _activity(self, run: Run, asked: Any) -> None:
        await self._pause()
        attempts = asked.retry_policy.maximum_attempts
        tried = 0
        while not run.ended:
            worker = self._chance.choice(await self._alive())
            now = self._loop.time()
            state = Activity(asked.seq, asked.activity_type, now, now)
            run.activities[asked.seq] = state
            if run.payment_id in self._forged:
                result, answered = self._forged.pop(run.payment_id)
                state.is_over = True
                self._tell(run, completed_by_a_stranger(asked.seq, result))
                answered.set_result(None)
            tried += 1
            result, why = await self._performed(worker, run, asked, state)
            is_forged, state.is_over = state.is_over, True
            if run.ended:
                return
            if is_forged:
                return
            if why is None:
                self._tell(
                    run,
                    completed(
                        asked.seq, result, workflow_id=run.workflow_id, kind=asked.activity_type
                    ),
                )
                return
            if tried == attempts:
                self._tell(run, failed(asked.seq, why))
                return
            await asyncio.sleep(min(2 ** (tried - 1), 60))

    async def _performed(
        self, worker: Worker, run: Run, asked: Any, state: Activity
    ) -> tuple[Any, str | None]:
        """Its result, or why the server counts it as failed; it may be at work all the same."""

        def beat() -> None:
            state.beat_at = self._loop.time()

        work = worker.process.run(worker.perform(run, asked, beat, self._clock.true()))
        beats_within = asked.heartbeat_timeout.ToTimedelta().total_seconds()
        ends_at = state.began_at + asked.start_to_close_timeout.ToTimedelta().total_seconds()
        while True:
            patience = min(ends_at, state.beat_at + beats_within if beats_within else ends_at)
            left = patience - self._loop.time()
            if left <= 0:
                return None, "activity timeout"
            await asyncio.wait({work}, timeout=left)
            if work.done():
                break
        if error := work.exception():
            return None, f"{type(error).__name__}: {error}"
        await self._pause()
        if not worker.process.alive:
            # It died with the report in hand: the server hears nothing until its patience ends.
            await asyncio.sleep(beats_within or max(ends_at - self._loop.time(), 0))
            return None, "activity timeout"
        return work.result(), None

    def _tell(self, run: Run, job: Job) -> None:
        run.pending.append(job)
        self._deliver(run)

    def _spawn(self, work: Any) -> None:
        """In the world around, whoever asked for it."""
        task = _OUTSIDE.run(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) and not self.broken.done():
            self.broken.set_exception(error)

    async def _pause(self) -> None:
        await asyncio.sleep(self._chance.uniform(0.0005, 0.02))


#: The server's own process never dies here; what it forgets is tried on a real one.
_OUTSIDE: Final = Process("server")


def _closes(commands: Sequence[Command]) -> bool:
    ends = (
        "complete_workflow_execution",
        "continue_as_new_workflow_execution",
        "fail_workflow_execution",
    )
    return any(command.WhichOneof("variant") in ends for command in commands)


def _in_order(jobs: Sequence[Job]) -> list[Job]:
    """The start of a run is told before anything else."""
    return sorted(jobs, key=lambda job: not job.HasField("initialize_workflow"))
