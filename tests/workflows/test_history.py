"""What Temporal keeps and shows of a payment: plain words to those who may, nothing to others."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.message import Message
from temporalio.api.common.v1 import Payload
from temporalio.api.enums.v1 import EventType
from temporalio.api.sdk.v1 import WorkflowMetadata
from temporalio.client import Client
from temporalio.converter import WorkflowSerializationContext

from activities.clocks import Moments
from activities.messages import Step
from activities.partner_steps import PartnerSteps
from domain.ids import end_to_end_hash
from domain.lifecycle.heard import Heard
from domain.payments.report import PaymentState
from local.temporal_server import DevServer
from starter.codec import ENCODING, EncryptionCodec
from tests.fakes import CREDITOR_IBAN, CREDITOR_NAME, DEBTOR_IBAN, REMITTANCE
from tests.polling import eventually
from tests.servers import dev_server
from tests.words import OnSend
from tests.world import KEYRING, World, world

CANARIES = (CREDITOR_IBAN, DEBTOR_IBAN, CREDITOR_NAME, REMITTANCE)
UI = "http://127.0.0.1:8233"


@pytest.fixture
async def filed_server(tmp_path: Path) -> AsyncIterator[DevServer]:
    """A real server that keeps its database in a file."""
    started = await dev_server(tmp_path / "log", tmp_path / "temporal.db")
    yield started
    started.kill()


@pytest.fixture
async def at_work(filed_server: DevServer, tmp_path: Path) -> AsyncIterator[World]:
    async with world(tmp_path / "home", filed_server.address) as made:
        await made.work()
        yield made


async def _whole_life_with_every_kind_of_payload(
    made: World, monkeypatch: pytest.MonkeyPatch
) -> str:
    """A failed step, whose error tells a name, and one that hands over what it heard."""
    made.partner.on_send.append(OnSend.BUG_AFTER)

    async def handed_over(_: PartnerSteps, heard: Heard, __: Moments) -> Step:
        return Step(said="not recorded yet", unrecorded=heard)

    monkeypatch.setattr(PartnerSteps, "_record", handed_over)
    payment_id = str((await made.pay()).payment_id)
    await made.until(payment_id, PaymentState.SETTLED)
    return payment_id


def _payloads(message: Message) -> Iterator[Payload]:
    """Every payload anywhere in a message."""
    if isinstance(message, Payload):
        yield message
        return
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        is_map = field.message_type.GetOptions().map_entry
        values = value.values() if is_map else value if field.is_repeated else [value]
        for inner in values:
            if isinstance(inner, Message):
                yield from _payloads(inner)


async def test_neither_histories_nor_the_servers_file_hold_names_or_accounts(
    at_work: World, filed_server: DevServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    payment_id = await _whole_life_with_every_kind_of_payload(at_work, monkeypatch)
    history = await (await at_work.handle(payment_id)).fetch_history()
    raw = history.to_json()
    sealed = [
        payload
        for event in history.events
        for payload in _payloads(event)
        if payload.metadata.get("encoding") == ENCODING
    ]
    # They are in it, for those who hold the key: or this test would prove nothing.
    opened = await EncryptionCodec(KEYRING).decode(sealed)
    clear = b"".join(payload.data for payload in opened)
    assert CREDITOR_IBAN.encode() in clear
    assert CREDITOR_NAME.encode() in clear

    filed_server.kill()
    files = sorted(tmp_path.glob("temporal.db*"))
    content = b"".join(file.read_bytes() for file in files)
    assert payment_id.encode() in content, "the history is not in these files at all"
    for canary in CANARIES:
        assert canary not in raw
        assert canary.encode() not in content


async def test_only_search_attributes_and_ids_are_in_clear(at_work: World) -> None:
    payment_id = (await at_work.pay()).payment_id
    await at_work.until(payment_id, PaymentState.SETTLED)
    history = await (await at_work.handle(payment_id)).fetch_history()
    for event in history.events:
        if event.event_type == EventType.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES:
            continue
        for payload in _payloads(event):
            if payload.metadata.get("encoding") != ENCODING:
                # The SDK's own notes in markers and patches: of numbers, never of ours.
                assert b"shop" not in payload.data, event
                assert len(payload.data) < 400, event


async def test_the_list_of_workflows_can_be_filtered_by_what_matters(at_work: World) -> None:
    payment_id = (await at_work.pay()).payment_id
    await at_work.until(payment_id, PaymentState.SETTLED)
    client = await at_work.assembly.client()

    async def listed() -> list[dict[str, Any]]:
        query = "Kind = 'payment' AND State = 'settled' AND Tenant = 'shop' AND Requires = 'nobody'"
        return [
            {pair.key.name: pair.value for pair in found.typed_search_attributes}
            async for found in client.list_workflows(query)
        ]

    [attributes] = await eventually(listed, "the settled payment in the listing")
    record = await at_work.assembly.payments.record(payment_id)
    assert attributes["Partner"] == "bank"
    assert attributes["Rail"] == "sepa_credit_transfer"
    assert attributes["Certainty"] == "sent"
    assert attributes["EndToEndHash"] == end_to_end_hash("shop", record.end_to_end_id)
    assert attributes["Deadline"] > at_work.assembly.clock.now()


async def test_the_ui_says_in_plain_words_what_a_payment_waits_for(at_work: World) -> None:
    payment_id = (await at_work.pay()).payment_id
    await at_work.until(payment_id, PaymentState.SETTLED)
    handle = await at_work.handle(payment_id)

    async def details() -> str:
        found: WorkflowMetadata = await handle.query(
            "__temporal_workflow_metadata", result_type=WorkflowMetadata
        )
        return found.current_details if "watch" in found.current_details else ""

    text = await eventually(details, "the watch in the details")
    assert text.startswith("**Sent by our provider** (settled, sent)")
    assert "Waits: the watch for returns; next look at " in text
    description = await handle.describe()
    assert await description.static_summary() == f"payment {payment_id}"
    summaries = await _summaries(at_work, handle.id)
    assert "nothing has been sent so far; our checks come before the send" in summaries
    assert any(summary.startswith("waits: the watch") for summary in summaries)


async def _summaries(made: World, workflow_id: str) -> list[str]:
    client: Client = await made.assembly.client()
    history = await client.get_workflow_handle(workflow_id).fetch_history()
    summaries = [e.user_metadata.summary for e in history.events if e.HasField("user_metadata")]
    of_run = WorkflowSerializationContext(client.namespace, workflow_id)
    opens = client.data_converter.with_context(of_run)
    return [text for [text] in [await opens.decode([summary]) for summary in summaries]]


async def test_a_run_does_not_ask_for_the_first_step_that_it_was_started_with(
    at_work: World,
) -> None:
    payment_id = (await at_work.pay()).payment_id
    await at_work.until(payment_id, PaymentState.SETTLED)
    events = (await (await at_work.handle(payment_id)).fetch_history()).events
    kinds = [event.event_type for event in events]
    first = kinds.index(EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED)
    assert EventType.EVENT_TYPE_MARKER_RECORDED not in kinds[:first]


async def test_a_happy_payment_takes_at_most_thirty_seven_events(at_work: World) -> None:
    payment_id = (await at_work.pay()).payment_id
    await at_work.until(payment_id, PaymentState.SETTLED)
    at_work.partner.calls.clear()

    async def waits() -> int:
        events = (await (await at_work.handle(payment_id)).fetch_history()).events
        return len(events) if events[-1].event_type == EventType.EVENT_TYPE_TIMER_STARTED else 0

    before_the_watch = await eventually(waits, "the wait for the watch")
    last_read_and_end = 8
    assert before_the_watch + last_read_and_end <= 37
