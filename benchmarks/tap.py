"""Follows one happy payment of the product, and writes down all that it did."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final
from urllib.parse import parse_qsl

from sqlalchemy import event
from temporalio import activity
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import WorkflowHandle

from benchmarks.shape import Act, Shape, Step
from benchmarks.stand import ACCOUNT, Stand, order
from domain.ids import workflow_id
from transport.exchange import Response
from worker import workers

_PATIENCE: Final = timedelta(seconds=30)
_CALLER: Final = "caller"
_KEY_FIELD: Final = "unique_request_id"


async def follow(stand: Stand) -> Shape:
    """Run a worker in this process, give it payments, and keep what the second one did.

    The first one logs in and makes the beneficiary, which others find.
    """
    async with AsyncExitStack() as running:
        for worker in workers(stand.assembly, stand.client):
            await running.enter_async_context(worker)
        await _whole(stand, "tap-1")
        async with _listening(stand) as heard:
            handle = await _whole(stand, "tap-2")
    history = [each async for each in handle.fetch_history_events()]
    return _shape(history, heard, "tap-2")


async def _whole(stand: Stand, reference: str) -> WorkflowHandle[Any, Any]:
    receipt = await stand.assembly.orchestrator.pay(order(reference), reference, patience=_PATIENCE)
    assert receipt.is_started
    handle: WorkflowHandle[Any, Any] = stand.client.get_workflow_handle(
        workflow_id("bench", receipt.payment_id)
    )
    await handle.result()
    return handle


@asynccontextmanager
async def _listening(stand: Stand) -> AsyncIterator[list[tuple[str, Act]]]:
    """Who did what, until the end of the block: an activity's id, or the caller."""
    heard: list[tuple[str, Act]] = []
    database = stand.assembly.database
    partner: Any = stand.assembly.partners["currencycloud", ACCOUNT]
    transport = partner._transport
    read, write, exchange = database.read, database.write, transport.exchange
    rows: Counter[str] = Counter()

    def count(_conn: Any, cursor: Any, statement: str, *_: Any) -> None:
        if not statement.lstrip().upper().startswith(("SELECT", "BEGIN", "PRAGMA")):
            rows["all"] += max(cursor.rowcount, 0)

    async def tapped_read(query: Any) -> Any:
        heard.append((_who(), Act("read")))
        return await read(query)

    async def tapped_write(transaction: Any) -> Any:
        before = rows["all"]
        result = await write(transaction)
        heard.append((_who(), Act("write", rows=rows["all"] - before)))
        return result

    async def tapped_exchange(request: Any, deadline: Any) -> Any:
        outcome = await exchange(request, deadline)
        assert isinstance(outcome, Response), outcome
        call = Act(
            "call",
            method=request.method,
            path=request.path,
            query=dict(request.query),
            form=dict(parse_qsl((request.body or b"").decode())),
        )
        heard.append((_who(), replace(call, gives_id=_KEY_FIELD in call.form)))
        return outcome

    engine = database._engines.write
    event.listen(engine, "after_cursor_execute", count)
    vars(database).update(read=tapped_read, write=tapped_write)
    transport.exchange = tapped_exchange
    try:
        yield heard
    finally:
        event.remove(engine, "after_cursor_execute", count)
        del vars(database)["read"], vars(database)["write"], vars(transport)["exchange"]


def _who() -> str:
    return activity.info().activity_id if activity.in_activity() else _CALLER


def _shape(history: list[HistoryEvent], heard: list[tuple[str, Act]], reference: str) -> Shape:
    acts = _acts_by_whom(_templates(heard, reference))
    first_of_others = next(n for n, (who, _) in enumerate(heard) if who != _CALLER)
    before = sum(who == _CALLER for who, _ in heard[:first_of_others])
    mine = acts.pop(_CALLER)
    done = iter(acts.values())
    steps: list[Step] = []
    news_after = 0
    for each in history:
        match each.event_type:
            case EventType.EVENT_TYPE_MARKER_RECORDED:
                steps.append(Step("local", "load", acts=tuple(next(done))))
            case EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
                scheduled = each.activity_task_scheduled_event_attributes
                steps.append(Step("activity", scheduled.activity_type.name, acts=tuple(next(done))))
            case EventType.EVENT_TYPE_TIMER_STARTED:
                timeout = each.timer_started_event_attributes.start_to_fire_timeout
                steps.append(Step("timer", seconds=round(timeout.ToTimedelta().total_seconds(), 3)))
            case EventType.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES:
                found = each.upsert_workflow_search_attributes_event_attributes.search_attributes
                names = {
                    name: {"type": payload.metadata["type"].decode(),
                           "json": payload.data.decode()}
                    for name, payload in found.indexed_fields.items()
                }  # fmt: skip
                steps.append(Step("attributes", attributes=names))
            case EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_COMPLETED:
                # What was begun in the same task comes before it in the history.
                news_after = 1 + max(n for n, step in enumerate(steps) if step.kind == "activity")
    return Shape(
        before=tuple(mine[:before]),
        steps=tuple(steps),
        after=tuple(mine[before:]),
        news_after=news_after,
        events=dict(Counter(_words(each) for each in history)),
        history_bytes=sum(each.ByteSize() for each in history),
    )


def _acts_by_whom(heard: list[tuple[str, Act]]) -> dict[str, list[Act]]:
    by: dict[str, list[Act]] = {}
    for who, act in heard:
        by.setdefault(who, []).append(act)
    return by


def _templates(heard: list[tuple[str, Act]], reference: str) -> list[tuple[str, Act]]:
    """With names in place of what is this payment's own."""
    own = {reference: "{reference}"}
    for _, act in heard:
        if _KEY_FIELD in act.form:
            own[act.form[_KEY_FIELD]] = "{key}"
        if act.method == "GET" and act.path.startswith("/v2/payments/"):
            own[act.path.rpartition("/")[2]] = "{id}"

    def filled(text: str) -> str:
        for value, name in own.items():
            text = text.replace(value, name)
        return text

    return [
        (
            who,
            replace(
                act,
                path=filled(act.path),
                query={name: filled(value) for name, value in act.query.items()},
                form={name: filled(value) for name, value in act.form.items()},
            ),
        )
        for who, act in heard
    ]


def _words(each: HistoryEvent) -> str:
    return EventType.Name(each.event_type).removeprefix("EVENT_TYPE_").lower()
