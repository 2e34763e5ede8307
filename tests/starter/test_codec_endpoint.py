"""The codec endpoint over real HTTP: who may ask, what is opened, and what nobody may seal."""

from __future__ import annotations

import json
import os
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import uvicorn
from google.protobuf import json_format
from temporalio.api.common.v1 import Payload, Payloads
from temporalio.converter import SerializationContext, WorkflowSerializationContext

from activities.messages import ResourceRef, Step
from local.temporal_server import free_port
from starter.codec_endpoint import codec_endpoint
from starter.plugin import data_converter
from store.keyring import Keyring
from tests.polling import until
from tests.starter.test_codec import step_of

KEYRING = Keyring({"test-1": b"w" * 32}, "test-1")
UI = "http://127.0.0.1:8233"
TOKEN = "t0ken-of-a-test"
RUN = WorkflowSerializationContext("default", "payment/shop/pay_1")
IDS = {"tenant": "shop", "resource_id": "pay_1"}
REF = ResourceRef(tenant="shop", resource_id="pay_1")

Answer = tuple[int, bytes, dict[str, str]]


@contextmanager
def _served(only_user: int | None = None) -> Iterator[str]:
    port = free_port()
    application = codec_endpoint(KEYRING, token=TOKEN, ui_origins=[UI], only_user=only_user)
    server = uvicorn.Server(
        uvicorn.Config(application, host="127.0.0.1", port=port, log_level="warning")
    )
    serving = threading.Thread(target=server.run)
    serving.start()
    until(lambda: server.started, "the codec endpoint")
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        serving.join()


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with _served() as url:
        yield url


def _post(url: str, body: bytes, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(url, body, named)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read(), dict(answer.headers)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read(), dict(error.headers)


def _body(*payloads: Payload) -> bytes:
    return json_format.MessageToJson(Payloads(payloads=payloads)).encode()


async def _sealed(value: object, context: SerializationContext = RUN) -> Payload:
    [payload] = await data_converter(KEYRING).with_context(context).encode([value])
    return payload


def _shown(answer: Answer) -> list[object]:
    status, body, _ = answer
    assert status == 200, body
    return [json.loads(p.data) for p in json_format.Parse(body, Payloads()).payloads]


async def test_the_ui_is_shown_what_was_sealed_wherever_it_stood(endpoint: str) -> None:
    """It is given the address with the token in it, and adds `/decode`."""
    body = _body(await _sealed(REF), await _sealed(Step(said="settled"), step_of("instruct")))
    answer = _post(f"{endpoint}/{TOKEN}/decode", body, Origin=UI)
    assert answer[2]["access-control-allow-origin"] == UI
    ref, step = _shown(answer)
    assert ref == REF.model_dump()
    assert isinstance(step, dict)
    assert step["said"] == "settled"


async def test_a_program_may_give_the_token_as_a_header(endpoint: str) -> None:
    answer = _post(f"{endpoint}/decode", _body(await _sealed(REF)), Authorization=f"Bearer {TOKEN}")
    assert _shown(answer) == [REF.model_dump()]


@pytest.mark.parametrize("verb", ["decode", "encode"])
@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("", {}),
        ("/wrong", {}),
        (f"/{TOKEN[:-1]}", {}),
        ("", {"Authorization": "Bearer wrong"}),
        ("", {"Authorization": f"Basic {TOKEN}"}),
        ("", {"Authorization": TOKEN}),
        ("", {"Origin": UI}),
    ],
)
async def test_without_the_token_nothing_is_answered(
    endpoint: str, verb: str, path: str, headers: dict[str, str]
) -> None:
    status, body, _ = _post(f"{endpoint}{path}/{verb}", _body(await _sealed(REF)), **headers)
    assert status == 401
    assert b"pay_1" not in body


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "http://127.0.0.1:9", "http://localhost", "null"]
)
async def test_another_page_is_refused_even_with_the_token(endpoint: str, origin: str) -> None:
    """Refused by us and not by the browser alone, which would send the request all the same."""
    answer = _post(f"{endpoint}/{TOKEN}/decode", _body(await _sealed(REF)), Origin=origin)
    assert answer[0] == 403
    assert b"pay_1" not in answer[1]
    assert "access-control-allow-origin" not in answer[2]


async def test_another_user_of_the_machine_is_refused_even_with_the_token() -> None:
    """The Temporal UI shows the endpoint's address, token and all, to every user."""
    body = _body(await _sealed(REF))
    with _served(only_user=os.getuid()) as ours:
        assert _post(f"{ours}/{TOKEN}/decode", body)[0] == 200
    with _served(only_user=os.getuid() + 1) as anothers:
        status, said, _ = _post(f"{anothers}/{TOKEN}/decode", body)
        assert status == 403
        assert b"another user" in said


async def test_what_cannot_be_opened_is_shown_as_the_reason(endpoint: str) -> None:
    good = await _sealed(REF)
    moved = Payload()
    moved.CopyFrom(good)
    moved.metadata["sealed-for"] = b"workflow payment/shop/pay_2"
    cut = Payload(metadata=good.metadata, data=good.data[:-1])
    [strange] = await (
        data_converter(Keyring({"other": b"o" * 32}, "other")).with_context(RUN).encode([REF])
    )
    shown = _shown(_post(f"{endpoint}/{TOKEN}/decode", _body(good, moved, cut, strange)))
    assert shown[0] == REF.model_dump()
    assert "its seal is broken" in str(shown[1])
    assert "its seal is broken" in str(shown[2])
    assert "'other', which the keyring lacks" in str(shown[3])


async def test_a_search_attribute_is_shown_as_it_is(endpoint: str) -> None:
    clear = Payload(metadata={"encoding": b"json/plain", "type": b"Keyword"}, data=b'"settled"')
    assert _shown(_post(f"{endpoint}/{TOKEN}/decode", _body(clear))) == ["settled"]


@pytest.mark.parametrize("body", [b"", b"not json", b'{"payloads": 7}', b"\xff"])
@pytest.mark.parametrize("verb", ["decode", "encode"])
def test_what_is_no_list_of_payloads_is_said_so(endpoint: str, verb: str, body: bytes) -> None:
    assert _post(f"{endpoint}/{TOKEN}/{verb}", body)[0] == 400


def test_more_than_an_event_can_hold_is_not_read(endpoint: str) -> None:
    assert _post(f"{endpoint}/{TOKEN}/decode", b" " * (9 * 1024**2))[0] == 413


async def test_the_ids_of_a_payment_are_sealed_for_its_own_run(endpoint: str) -> None:
    """For `temporal workflow start` by hand."""
    clear = Payload(metadata={"encoding": b"json/plain"}, data=json.dumps(IDS).encode())
    status, body, _ = _post(f"{endpoint}/{TOKEN}/encode", _body(clear))
    assert status == 200
    [sealed] = json_format.Parse(body, Payloads()).payloads
    here = data_converter(KEYRING).with_context(RUN)
    assert await here.decode([sealed], [ResourceRef]) == [REF]


def _step() -> bytes:
    return Step(said="final").model_dump_json().encode()


@pytest.mark.parametrize(
    "data",
    [
        _step,
        lambda: b'"final"',
        lambda: b"null",
        lambda: b'{"tenant": "shop", "resource_id": "pay_1", "view": {}}',
        lambda: b'{"tenant": "shop"}',
        lambda: b'{"tenant": "shop", "resource_id": "pay_1", "attempts": {"pay_1/pay/1": 9}}',
    ],
)
def test_nothing_that_speaks_of_money_is_sealed_for_anybody(
    endpoint: str, data: Callable[[], bytes]
) -> None:
    """Or the token, made for reading, could write a step's result."""
    clear = Payload(metadata={"encoding": b"json/plain"}, data=data())
    status, body, _ = _post(f"{endpoint}/{TOKEN}/encode", _body(clear))
    assert status == 422
    assert b"only the ids of a payment" in body
