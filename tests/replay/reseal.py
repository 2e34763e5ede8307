"""`python -m tests.replay.reseal` gives saved histories the seals of today.

The events stay those that an earlier version wrote. Only the payloads are sealed again, each for
its place and with the name of its type, as that version's worker would have sealed them today.
Payloads that already have today's seal are left alone.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator, Sequence
from typing import Any, Final, get_args

import temporalio.activity
from temporalio.api.common.v1 import Payload
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import WorkflowHistory
from temporalio.converter import (
    ActivitySerializationContext,
    SerializationContext,
    WorkflowSerializationContext,
)

from activities.partner_steps import PartnerSteps
from activities.payment_store import PaymentRef, PaymentStore
from activities.upkeep import Upkeep
from domain.view import PaymentView
from starter.codec import EncryptionCodec
from starter.converter import TYPE
from tests.replay.shapes import HISTORIES, KEYRING
from workflows.upkeep import Round

_FIRST_FORM: Final = "temporal.payload"
_STEPS: Final = {
    definition.name: definition
    for of in (PartnerSteps, PaymentStore, Upkeep)
    for step in vars(of).values()
    if (definition := temporalio.activity._Definition.from_callable(step)) is not None
}
#: Steps that no worker has any more. Their payloads were sealed anew while there still was one.
_GONE: Final = frozenset({"compare"})

_Found = tuple[SerializationContext, Payload, str]


async def reseal(history: WorkflowHistory) -> int:
    """Seal the payloads of the first form anew, in place; how many there were."""
    count = 0
    for context, payload, kind in _payloads(history.events):
        if "sealed-for" in payload.metadata:
            continue
        clear = Payload.FromString(KEYRING.open(payload.data, _FIRST_FORM))
        clear.metadata[TYPE] = kind.encode()
        [sealed] = await EncryptionCodec(KEYRING).with_context(context).encode([clear])
        payload.CopyFrom(sealed)
        count += 1
    return count


def _payloads(events: Sequence[HistoryEvent]) -> Iterator[_Found]:
    started = events[0].workflow_execution_started_event_attributes
    of_run = WorkflowSerializationContext("default", started.workflow_id)
    kinds: dict[int, str] = {}

    def of_step(kind: str) -> SerializationContext:
        return ActivitySerializationContext(
            "default", None, kind, None, started.workflow_id, None, is_local=False
        )

    for event in events:
        if event.user_metadata.HasField("summary"):
            yield of_run, event.user_metadata.summary, "str"
        match event.WhichOneof("attributes"):
            case "workflow_execution_started_event_attributes":
                for payload in started.input.payloads:
                    yield of_run, payload, PaymentRef.__name__
            case "workflow_execution_completed_event_attributes":
                done = event.workflow_execution_completed_event_attributes
                kind = "str" if started.workflow_type.name == "PaymentWorkflow" else Round.__name__
                for payload in done.result.payloads:
                    yield of_run, payload, kind
            case "workflow_execution_continued_as_new_event_attributes":
                again = event.workflow_execution_continued_as_new_event_attributes
                for payload in again.input.payloads:
                    yield of_run, payload, PaymentRef.__name__
            case "workflow_execution_update_completed_event_attributes":
                update = event.workflow_execution_update_completed_event_attributes
                for payload in update.outcome.success.payloads:
                    yield of_run, payload, PaymentView.__name__
            case "activity_task_scheduled_event_attributes":
                scheduled = event.activity_task_scheduled_event_attributes
                kind = kinds[event.event_id] = scheduled.activity_type.name
                if kind in _GONE:
                    continue
                hints = _STEPS[kind].arg_types or []
                for payload, hint in zip(scheduled.input.payloads, hints, strict=False):
                    yield of_step(kind), payload, _name(hint, payload)
            case "activity_task_completed_event_attributes":
                completed = event.activity_task_completed_event_attributes
                kind = kinds[completed.scheduled_event_id]
                if kind in _GONE:
                    continue
                for payload in completed.result.payloads:
                    yield of_step(kind), payload, _name(_STEPS[kind].ret_type, payload)
            case "activity_task_failed_event_attributes":
                failed = event.activity_task_failed_event_attributes
                kind = kinds[failed.scheduled_event_id]
                yield of_step(kind), failed.failure.encoded_attributes, "dict"
            case "marker_recorded_event_attributes":
                details = event.marker_recorded_event_attributes.details
                if "result" in details:
                    kind = json.loads(details["data"].payloads[0].data)["activity_type"]
                    for payload in details["result"].payloads:
                        yield of_step(kind), payload, _name(_STEPS[kind].ret_type, payload)
            case _:
                pass


def _name(hint: Any, payload: Payload) -> str:
    """The type of the value, where the hint allows for several."""
    if not (members := get_args(hint)):
        return str(hint.__name__)
    clear = Payload.FromString(KEYRING.open(payload.data, _FIRST_FORM))
    is_none = clear.metadata["encoding"] == b"binary/null"
    return next(str(m.__name__) for m in members if (m is type(None)) == is_none)


async def _main() -> None:
    for path in sorted(HISTORIES.glob("*.json")):
        history = WorkflowHistory.from_json("", path.read_text())
        if count := await reseal(history):
            path.write_text(json.dumps(json.loads(history.to_json())) + "\n")
        sys.stdout.write(f"{path.stem}: {count} payloads sealed anew\n")


if __name__ == "__main__":
    asyncio.run(_main())
