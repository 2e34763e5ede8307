"""What Temporal keeps and shows of a payment: plain words to those who may, nothing to others."""

from __future__ import annotations

import asyncio
import json
import threading
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from google.protobuf import json_format
from google.protobuf.message import Message
from temporalio.api.common.v1 import Payload, Payloads
from temporalio.api.enums.v1 import EventType
from temporalio.api.sdk.v1 import WorkflowMetadata
from temporalio.client import Client

from activities.partner_steps import PartnerSteps, Step
from domain.heard import Heard
from domain.report import PaymentState
from local.temporal_server import DevServer, free_port
from starter.codec import ENCODING
from starter.codec_endpoint import codec_endpoint
from store.keyring import Keyring
from tests.fakes import CREDITOR_IBAN, CREDITOR_NAME, DEBTOR_IBAN, REMITTANCE, OnSend
from tests.polling import eventually, until
from tests.servers import dev_server
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


@pytest.fixture
def endpoint() -> Iterator[str]:
    """The codec endpoint, served as `up` does."""
    port = free_port()
    application = codec_endpoint(KEYRING, ui_origins=[UI])
    server = uvicorn.Server(
        uvicorn.Config(application, host="127.0.0.1", port=port, log_level="warning")
    )
    serving = threading.Thread(target=server.run)
    serving.start()
    until(lambda: server.started, "the codec endpoint")
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    serving.join()


async def _whole_life_with_every_kind_of_payload(
    made: World, monkeypatch: pytest.MonkeyPatch
) -> str:
    """A failed step, whose error tells a name, and one that hands over what it heard."""
    made.partner.on_send.append(OnSend.BUG_AFTER)

    async def handed_over(_: PartnerSteps, heard: Heard) -> Step:
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
    clear = b"".join(KEYRING.open(payload.data, "temporal.payload") for payload in sealed)
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
    view = await at_work.assembly.payments.view(payment_id)
    assert attributes["Partner"] == "bank"
    assert attributes["Rail"] == "sepa_credit_transfer"
    assert attributes["Certainty"] == "sent"
    assert attributes["EndToEndHash"] == view.end_to_end_hash
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
    assert "Waits for the watch for returns until " in text
    description = await handle.describe()
    assert await description.static_summary() == f"payment {payment_id}"
    summaries = await _summaries(at_work, handle.id)
    assert "nothing was sent so far; our checks, then the send" in summaries
    assert any(summary.startswith("waits for the watch") for summary in summaries)


async def _summaries(made: World, workflow_id: str) -> list[str]:
    client: Client = await made.assembly.client()
    history = await client.get_workflow_handle(workflow_id).fetch_history()
    summaries = [e.user_metadata.summary for e in history.events if e.HasField("user_metadata")]
    return [
        text for [text] in [await client.data_converter.decode([summary]) for summary in summaries]
    ]


def _post(url: str, body: bytes, **headers: str) -> tuple[int, bytes, dict[str, str]]:
    request = urllib.request.Request(url, body, headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read(), dict(answer.headers)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read(), dict(error.headers)


async def test_the_codec_endpoint_shows_what_is_sealed_to_the_ui(
    at_work: World, endpoint: str
) -> None:
    payment_id = (await at_work.pay()).payment_id
    await at_work.until(payment_id, PaymentState.SETTLED)
    history = await (await at_work.handle(payment_id)).fetch_history()
    payloads = history.events[0].workflow_execution_started_event_attributes.input
    body = json_format.MessageToJson(payloads).encode()
    status, answer, headers = await asyncio.to_thread(
        _post, f"{endpoint}/decode", body, **{"Content-Type": "application/json", "Origin": UI}
    )
    assert status == 200
    assert headers["access-control-allow-origin"] == UI
    shown = json_format.Parse(answer, Payloads())
    ids = {"tenant": "shop", "payment_id": payment_id}
    assert json.loads(shown.payloads[0].data) == {**ids, "attempts": {}}


def test_the_codec_endpoint_refuses_what_it_cannot_open(endpoint: str) -> None:
    stranger = Keyring({"other": b"o" * 32}, "other").seal(b"x", "temporal.payload")
    for sealed in (stranger, KEYRING.seal(b"x", "temporal.payload")[:-1], b"test-1\0short"):
        payloads = Payloads(payloads=[Payload(metadata={"encoding": ENCODING}, data=sealed)])
        body = json_format.MessageToJson(payloads).encode()
        status, answer, _ = _post(f"{endpoint}/decode", body)
        assert status == 422
        assert "message" in json.loads(answer)
    for body in (b"", b"not json", b'{"payloads": 7}', b"\xff"):
        assert _post(f"{endpoint}/decode", body)[0] == 400


def test_the_codec_endpoint_serves_no_other_page_and_writes_nothing(endpoint: str) -> None:
    _, _, headers = _post(f"{endpoint}/decode", b"{}", Origin="http://evil.example")
    assert "access-control-allow-origin" not in headers
    assert _post(f"{endpoint}/encode", b"{}")[0] == 404


async def test_a_happy_payment_takes_at_most_forty_events(at_work: World) -> None:
    payment_id = (await at_work.pay()).payment_id
    await at_work.until(payment_id, PaymentState.SETTLED)
    at_work.partner.calls.clear()

    async def waits() -> int:
        events = (await (await at_work.handle(payment_id)).fetch_history()).events
        return len(events) if events[-1].event_type == EventType.EVENT_TYPE_TIMER_STARTED else 0

    before_the_watch = await eventually(waits, "the wait for the watch")
    last_read_and_end = 8
    assert before_the_watch + last_read_and_end <= 40
