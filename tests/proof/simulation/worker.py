"""A worker process: it works out workflow tasks, and performs activities."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

import temporalio.activity
from temporalio.testing import ActivityEnvironment

from tests.proof.simulation.activations import Command, Instance, Job, arguments, completed
from tests.proof.simulation.loop import Process, SimulatedClock
from workflows.payment import PaymentWorkflow

_LOCAL_RETRY_SECONDS: Final = 1.0


@dataclass(eq=False)
class Run:
    """One execution, as the server keeps it."""

    workflow_id: str
    payment_id: str
    run_id: str
    seed: int
    began: datetime
    kind: type = PaymentWorkflow
    result: Any = None
    """What it ended with, as a payload."""
    pending: list[Job] = field(default_factory=list)
    """What the workflow has not been told yet."""
    activations: list[Activation] = field(default_factory=list)
    timers: dict[int, asyncio.TimerHandle] = field(default_factory=dict)
    activities: dict[int, Activity] = field(default_factory=dict)
    has_task: bool = False
    ended: bool = False
    continues: bool = False

    @property
    def history_length(self) -> int:
        return sum(len(done.jobs) + len(done.commands) + 2 for done in self.activations)


@dataclass(frozen=True)
class Activation:
    jobs: Sequence[Job]
    at: datetime
    history_length: int
    commands: Sequence[bytes]


@dataclass(eq=False)
class Activity:
    seq: int
    kind: str
    began_at: float
    beat_at: float
    is_over: bool = False


class Worker:
    """One worker process: what it holds in memory, and its activities."""

    def __init__(
        self,
        process: Process,
        activities: Sequence[Callable[..., Awaitable[Any]]],
        point: Callable[[str, str], Awaitable[None]],
        clock: SimulatedClock,
        apart: asyncio.Event | None = None,
    ) -> None:
        self.process = process
        self._apart = apart
        self.cache: dict[str, Instance] = {}
        self._point = point
        self._clock = clock
        self._activities = {
            temporalio.activity._Definition.must_from_callable(fn).name: fn for fn in activities
        }

    def polls(self, now: float) -> bool:
        """Whether it takes work. As `worker.work`: one whose steps found its clock wrong takes none
        until the clock is mended."""
        if self.process.stands_still_until > now:
            return False
        waits = self._apart is not None and self._apart.is_set()
        return not (waits and self.process.clock_is_wrong(now))

    async def work_out(
        self, run: Run, jobs: Sequence[Job]
    ) -> tuple[list[Activation], list[Any], Instance]:
        """One workflow task: what was activated, all that the workflow asks for, and the instance,
        which may be kept only once the server has taken the task."""
        instance = self.cache.get(run.run_id)
        if instance is None or instance.activated != len(run.activations):
            instance = self._rebuilt(run)
        length, done, asked = run.history_length, [], []
        todo: list[Sequence[Job]] = [jobs]
        while todo:
            given, at = todo.pop(0), self._clock.now()
            commands = instance.activate(given, at, history_length=length, is_replay=False)
            done.append(Activation(given, at, length, [c.SerializeToString() for c in commands]))
            asked += commands
            await self._point("workflow task", run.payment_id)
            steps = [c.schedule_local_activity for c in commands if _is_local(c)]
            todo += [[await self._locally(run, step)] for step in steps]
        return done, asked, instance

    def _rebuilt(self, run: Run) -> Instance:
        instance = Instance(
            run.kind,
            workflow_id=run.workflow_id,
            run_id=run.run_id,
            seed=run.seed,
            began=run.began,
        )
        for past in run.activations:
            commands = instance.activate(
                past.jobs, past.at, history_length=past.history_length, is_replay=True
            )
            again = [command.SerializeToString() for command in commands]
            assert again == past.commands, _differs(run, past, commands)
        return instance

    async def _locally(self, run: Run, asked: Any) -> Job:
        while True:
            try:
                result = await self._call(run, asked, None, self._clock.true())
            except Exception:  # As the SDK: whatever it is, tried again.
                await asyncio.sleep(_LOCAL_RETRY_SECONDS)
            else:
                return completed(
                    asked.seq,
                    result,
                    workflow_id=run.workflow_id,
                    kind=asked.activity_type,
                    is_local=True,
                )

    async def perform(self, run: Run, asked: Any, beat: Callable[[], None], began: datetime) -> Any:
        """One activity, which the server began then; raises what it raises."""
        return await self._call(run, asked, beat, began)

    async def _call(
        self, run: Run, asked: Any, beat: Callable[[], None] | None, began: datetime
    ) -> Any:
        function = self._activities[asked.activity_type]
        definition = temporalio.activity._Definition.must_from_callable(function)
        environment = ActivityEnvironment()
        environment.info = replace(
            environment.info,
            workflow_id=run.workflow_id,
            workflow_run_id=run.run_id,
            started_time=began,
            start_to_close_timeout=asked.start_to_close_timeout.ToTimedelta(),
        )
        if beat is not None:
            environment.on_heartbeat = lambda *_: beat()
        given = arguments(asked.arguments, definition.arg_types)
        await self._point("activity begun", run.payment_id)
        result = await environment.run(function, *given)
        await self._point("activity done", run.payment_id)
        return result


def _differs(run: Run, past: Activation, commands: Sequence[Command]) -> str:
    """Both, for whoever has to find out why: once again there may be no difference."""
    before = [Command.FromString(command) for command in past.commands]
    told = [job.WhichOneof("variant") for job in past.jobs]
    return (
        f"{run.workflow_id} does not replay: after {told} it wanted {before}, and wants "
        f"{list(commands)}"
    )


def _is_local(command: Command) -> bool:
    return command.WhichOneof("variant") == "schedule_local_activity"
