"""A workflow run without a server: the one place that uses private parts of the SDK.

`tests/proof/test_simulation.py` shows that they are still what they were.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

import temporalio.workflow
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from temporalio.api.common.v1 import Payload, Payloads
from temporalio.api.failure.v1 import ActivityFailureInfo, Failure
from temporalio.bridge.proto.activity_result import ActivityResolution
from temporalio.bridge.proto.activity_result import Failure as ActivityFailed
from temporalio.bridge.proto.activity_result import Success as ActivityCompleted
from temporalio.bridge.proto.workflow_activation import (
    FireTimer,
    InitializeWorkflow,
    ResolveActivity,
    SignalWorkflow,
    WorkflowActivation,
    WorkflowActivationJob,
)
from temporalio.bridge.proto.workflow_commands import WorkflowCommand
from temporalio.common import Priority, TypedSearchAttributes
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.converter import ActivitySerializationContext
from temporalio.worker import UnsandboxedWorkflowRunner, WorkflowInstanceDetails

from starter.codec import EncryptionCodec
from starter.plugin import data_converter
from store.keyring import Keyring

KEYRING: Final = Keyring({"simulated": b"s" * 32}, "simulated")
CONVERTER: Final = data_converter(KEYRING).payload_converter
_CODEC: Final = EncryptionCodec(KEYRING)
_T = TypeVar("_T")
Job = WorkflowActivationJob
Command = WorkflowCommand
_QUEUE: Final = "simulated"
_NAMESPACE: Final = "default"
_TASK_TIMEOUT: Final = timedelta(seconds=10)


class Instance:
    """One run of a workflow class, as one worker keeps it in memory."""

    def __init__(
        self, kind: type, *, workflow_id: str, run_id: str, seed: int, began: datetime
    ) -> None:
        self.activated = 0
        self._run_id = run_id
        self._workflow_id = workflow_id
        self._steps: dict[int, str] = {}
        """The activities it asked for, by number: what their results have to be sealed for."""
        info = temporalio.workflow.Info(
            attempt=1,
            continued_run_id=None,
            cron_schedule=None,
            execution_timeout=None,
            first_execution_run_id=run_id,
            headers={},
            namespace=_NAMESPACE,
            original_execution_run_id=run_id,
            parent=None,
            root=None,
            raw_memo={},
            retry_policy=None,
            run_id=run_id,
            run_timeout=None,
            search_attributes={},
            start_time=began,
            workflow_start_time=began,
            task_queue=_QUEUE,
            task_timeout=_TASK_TIMEOUT,
            typed_search_attributes=TypedSearchAttributes([]),
            workflow_id=workflow_id,
            workflow_type=kind.__name__,
            priority=Priority.default,
        )
        self._instance = UnsandboxedWorkflowRunner().create_instance(
            WorkflowInstanceDetails(
                payload_converter_factory=lambda: CONVERTER,
                failure_converter_class=pydantic_data_converter.failure_converter_class,
                interceptor_classes=[],
                defn=temporalio.workflow._Definition.must_from_class(kind),
                info=info,
                randomness_seed=seed,
                extern_functions={"__temporal_assert_local_activity_valid": lambda _name: None},
                disable_eager_activity_execution=True,
                worker_level_failure_exception_types=[],
                patch_activation_callback=None,
                last_completion_result=Payloads(),
                last_failure=None,
            )
        )

    def activate(
        self, jobs: Sequence[Job], at: datetime, *, history_length: int, is_replay: bool
    ) -> list[Command]:
        """What the workflow wants after this.

        Raises:
            WorkflowTaskFailed: its code failed, or is not what it was when it ran before.
        """
        moment = Timestamp()
        moment.FromDatetime(at)
        loop = asyncio.get_running_loop()
        try:
            completion = self._instance.activate(
                WorkflowActivation(
                    run_id=self._run_id,
                    timestamp=moment,
                    is_replaying=is_replay,
                    history_length=history_length,
                    jobs=[self._opened(job) for job in jobs],
                )
            )
        finally:
            asyncio._set_running_loop(loop)  # It leaves none behind.
        self.activated += 1
        if completion.HasField("failed"):
            raise WorkflowTaskFailed(completion.failed.failure.message)
        commands = list(completion.successful.commands)
        for command in commands:
            for kind in ("schedule_activity", "schedule_local_activity"):
                if command.HasField(kind):
                    asked = getattr(command, kind)
                    self._steps[asked.seq] = asked.activity_type
        return commands

    def _opened(self, job: Job) -> Job:
        """As a worker does before it activates a workflow."""
        result = job.resolve_activity.result
        if not result.HasField("completed"):
            return job
        opened = Job()
        opened.CopyFrom(job)
        codec = _CODEC.with_context(
            _place(self._workflow_id, self._steps[job.resolve_activity.seq])
        )
        [payload] = _at_once(codec.decode([result.completed.result]))
        opened.resolve_activity.result.completed.result.CopyFrom(payload)
        return opened


class WorkflowTaskFailed(AssertionError):
    """A workflow's code broke; on a server its task would be tried again for ever."""


def begin(kind: type, workflow_id: str, argument: Any, seed: int, at: datetime) -> Job:
    """The job that starts a run."""
    moment = Timestamp()
    moment.FromDatetime(at)
    timeout = Duration()
    timeout.FromTimedelta(_TASK_TIMEOUT)
    return Job(
        initialize_workflow=InitializeWorkflow(
            workflow_type=kind.__name__,
            workflow_id=workflow_id,
            arguments=CONVERTER.to_payloads([argument]),
            randomness_seed=seed,
            start_time=moment,
            workflow_task_timeout=timeout,
            attempt=1,
        )
    )


def signal(name: str) -> Job:
    """A signal without arguments."""
    return Job(signal_workflow=SignalWorkflow(signal_name=name, identity="simulated"))


def fired(seq: int) -> Job:
    """A timer's moment has come."""
    return Job(fire_timer=FireTimer(seq=seq))


def completed(seq: int, result: Any, *, workflow_id: str, kind: str, is_local: bool = False) -> Job:
    """An activity of ours returned: its worker seals what it says."""
    codec = _CODEC.with_context(_place(workflow_id, kind))
    [payload] = _at_once(codec.encode(CONVERTER.to_payloads([result])))
    return _returned(seq, payload, is_local)


def completed_by_a_stranger(seq: int, result: Any) -> Job:
    """Somebody without our key answered for an activity."""
    [payload] = pydantic_data_converter.payload_converter.to_payloads([result])
    return _returned(seq, payload, is_local=False)


def _returned(seq: int, payload: Payload, is_local: bool) -> Job:
    return _resolved(seq, ActivityResolution(completed=ActivityCompleted(result=payload)), is_local)


def _place(workflow_id: str, kind: str) -> ActivitySerializationContext:
    return ActivitySerializationContext(
        _NAMESPACE, None, kind, None, workflow_id, None, is_local=False
    )


def _at_once(coroutine: Coroutine[Any, Any, _T]) -> _T:
    """What a coroutine gives that waits for nothing."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        value: _T = done.value
        return value
    raise AssertionError("it waits for something")


def failed(seq: int, why: str) -> Job:
    """An activity failed, or was given up by the server."""
    failure = Failure(
        message=why,
        activity_failure_info=ActivityFailureInfo(activity_id=str(seq)),
        cause=Failure(message=why),
    )
    return _resolved(
        seq, ActivityResolution(failed=ActivityFailed(failure=failure)), is_local=False
    )


def _resolved(seq: int, result: ActivityResolution, is_local: bool) -> Job:
    return Job(resolve_activity=ResolveActivity(seq=seq, result=result, is_local=is_local))


def arguments(payloads: Sequence[Payload], kinds: Sequence[type] | None) -> list[Any]:
    """What an activity is called with."""
    return CONVERTER.from_payloads(payloads, list(kinds) if kinds else None)
