"""Payloads are sealed for their place: what is clear, altered or moved is never believed."""

from __future__ import annotations

import tracemalloc
import zlib
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, get_args

import pytest
import temporalio.activity
import temporalio.workflow
from temporalio.api.common.v1 import Payload
from temporalio.api.failure.v1 import Failure
from temporalio.converter import (
    ActivitySerializationContext,
    DataConverter,
    NexusSerializationContext,
    SerializationContext,
    WorkflowSerializationContext,
)
from temporalio.exceptions import ApplicationError

from activities.messages import ResourceRef, Step, StepRequest
from activities.partner_steps import PartnerSteps
from activities.payment_store import PaymentStore
from activities.upkeep import Upkeep
from domain.ids import UPKEEP
from starter.codec import CLEAR_BYTES_MAX, ENCODING, REFUSED, EncryptionCodec, place_of
from starter.converter import NotOurs
from starter.nexus.border import BorderCodec
from starter.plugin import data_converter
from store.keyring import Keyring, MissingKey
from workflows.payment import PaymentWorkflow
from workflows.upkeep import UpkeepWorkflow

REF = ResourceRef(tenant="shop", resource_id="pay_1")
SECRET = "canary"
RUN = WorkflowSerializationContext("default", "payment/shop/pay_1")
OTHER_RUN = WorkflowSerializationContext("default", "payment/shop/pay_2")
STEP = Step(said="settled")
REQUEST = StepRequest(resource_id="pay_1", instruction_id="pay_1/pay/1")


def _keyring(*ids: str) -> Keyring:
    return Keyring({key_id: key_id.encode() * 16 for key_id in ids}, ids[0])


def step_of(kind: str, run: str = "payment/shop/pay_1") -> ActivitySerializationContext:
    return ActivitySerializationContext(
        "default", f"{kind} 1", kind, "finality", run, "PaymentWorkflow", is_local=False
    )


def converter(keyring: Keyring | None = None) -> DataConverter:
    return data_converter(keyring or _keyring("k1"))


async def test_a_value_goes_there_sealed_and_comes_back_whole() -> None:
    there = converter().with_context(RUN)
    [payload] = await there.encode([REF])
    assert payload.metadata["encoding"] == ENCODING
    assert payload.data.startswith(b"k1\0")
    assert payload.metadata["sealed-for"] == b"workflow payment/shop/pay_1"
    assert b"tenant" not in payload.data
    assert await there.decode([payload], [ResourceRef]) == [REF]


async def test_the_text_of_a_failure_is_sealed_too() -> None:
    there = converter().with_context(RUN)
    failure = Failure()
    await there.encode_failure(ApplicationError(f"failed for {SECRET}", SECRET), failure)
    assert SECRET.encode() not in failure.SerializeToString()
    error = await there.decode_failure(failure)
    assert f"failed for {SECRET}" in str(error)


async def test_what_an_older_key_sealed_still_opens() -> None:
    [old] = await converter(_keyring("k1")).with_context(RUN).encode([REF])
    newer = converter(_keyring("k2", "k1")).with_context(RUN)
    assert await newer.decode([old], [ResourceRef]) == [REF]
    [new] = await newer.encode([REF])
    assert new.data.startswith(b"k2\0")


async def test_a_round_of_upkeep_is_sealed_with_the_oldest_key() -> None:
    rolled = converter(_keyring("k2", "k1").with_oldest("k1"))
    for place, key_id in ((WorkflowSerializationContext("default", UPKEEP), b"k1"),
                          (step_of("prove", run=UPKEEP), b"k1"), (RUN, b"k2")):  # fmt: skip
        [sealed] = await rolled.with_context(place).encode([REF])
        assert sealed.data.startswith(key_id + b"\0")
        assert await rolled.with_context(place).decode([sealed], [ResourceRef]) == [REF]


async def test_without_the_key_it_says_which_is_missing() -> None:
    """No refusal: the task is to be tried again, by a worker that has the key."""
    [sealed] = await converter(_keyring("k1")).with_context(RUN).encode([REF])
    with pytest.raises(MissingKey, match="'k1', which the keyring lacks"):
        await converter(_keyring("k2")).with_context(RUN).decode([sealed], [ResourceRef])


async def test_a_clear_payload_is_refused_and_the_text_says_what_to_do() -> None:
    clear = Payload(metadata={"encoding": b"json/plain"}, data=b'{"said":"final"}')
    with pytest.raises(NotOurs, match=r"not sealed; .*docs/operations\.md"):
        await converter().with_context(step_of("instruct")).decode([clear], [Step])


async def test_a_clear_nothing_is_refused_too() -> None:
    clear = Payload(metadata={"encoding": b"binary/null"})
    with pytest.raises(NotOurs):
        await converter().with_context(step_of("instruct")).decode([clear])


async def test_a_result_sealed_for_one_payment_opens_in_no_other() -> None:
    [sealed] = await converter().with_context(step_of("instruct")).encode([STEP])
    other = converter().with_context(step_of("instruct", "payment/shop/pay_2"))
    with pytest.raises(NotOurs, match="'activity instruct of payment/shop/pay_1' and stands in"):
        await other.decode([sealed], [Step])


async def test_a_result_of_one_step_does_not_open_as_that_of_another() -> None:
    [sealed] = await converter().with_context(step_of("read")).encode([STEP])
    with pytest.raises(NotOurs):
        await converter().with_context(step_of("instruct")).decode([sealed], [Step])


async def test_an_input_does_not_open_as_a_result() -> None:
    there = converter().with_context(step_of("instruct"))
    [sealed] = await there.encode([REQUEST])
    with pytest.raises(NotOurs, match="a StepRequest was sealed, and a Step belongs here"):
        await there.decode([sealed], [Step])


async def test_a_result_of_a_run_does_not_open_as_that_of_a_step() -> None:
    [sealed] = await converter().with_context(RUN).encode([STEP])
    with pytest.raises(NotOurs):
        await converter().with_context(step_of("instruct")).decode([sealed], [Step])


@pytest.mark.parametrize(
    "spoil",
    [
        lambda sealed: sealed.metadata.update({"sealed-for": b"workflow payment/shop/pay_2"}),
        lambda sealed: setattr(sealed, "data", sealed.data[:-1] + bytes([sealed.data[-1] ^ 1])),
        lambda sealed: setattr(sealed, "data", sealed.data[:20]),
        lambda sealed: setattr(sealed, "data", b"garbage"),
        lambda sealed: setattr(sealed, "data", b""),
    ],
    ids=["its place renamed", "a bit changed", "cut short", "garbage", "empty"],
)
async def test_what_was_altered_is_refused(spoil: Callable[[Payload], None]) -> None:
    [sealed] = await converter().with_context(RUN).encode([REF])
    spoil(sealed)
    for context in (RUN, OTHER_RUN):
        with pytest.raises(NotOurs):
            await converter().with_context(context).decode([sealed], [ResourceRef])


async def test_a_long_value_is_compressed_and_that_cannot_be_taken_back() -> None:
    there = converter().with_context(RUN)
    long = STEP.model_copy(update={"said": "waits for the partner's next status; " * 30})
    [sealed] = await there.encode([long])
    assert len(sealed.data) < 300
    assert await there.decode([sealed], [Step]) == [long]
    del sealed.metadata["packed"]
    with pytest.raises(NotOurs):
        await there.decode([sealed], [Step])


async def test_a_short_value_does_not_pass_as_a_compressed_one() -> None:
    there = converter().with_context(RUN)
    [sealed] = await there.encode([REF])
    sealed.metadata["packed"] = b"zlib"
    with pytest.raises(NotOurs):
        await there.decode([sealed], [ResourceRef])


BOMB = zlib.compress(bytes(200 * 1024 * 1024), 9)


@pytest.mark.parametrize(
    ("packed", "why"),
    [
        (BOMB, "larger than 2097152 bytes once it is unpacked"),
        (b"no zlib", "what was packed is damaged"),
        (zlib.compress(bytes(1000))[:-6], "what was packed is damaged"),
        (b"", "what was packed is damaged"),
        (zlib.compress(b"\xff no payload"), "what was sealed is no payload"),
    ],
    ids=["bomb", "garbage", "cut short", "empty", "no payload"],
)
@pytest.mark.parametrize(
    ("codec", "context"),
    [
        (EncryptionCodec, RUN),
        (BorderCodec, NexusSerializationContext("to-us", "finality.payments", "pay")),
    ],
)
async def test_who_has_a_key_can_neither_fill_our_memory_nor_break_a_task(
    codec: type[EncryptionCodec], context: SerializationContext, packed: bytes, why: str
) -> None:
    keyring = _keyring("k1")
    there = codec(keyring).with_context(context)
    [ours] = await there.encode([Payload(data=bytes(500))])
    place = ours.metadata["sealed-for"].decode()
    ours.data = keyring.seal(packed, f"temporal.payload.2 {place} packed")
    tracemalloc.start()
    try:
        [opened] = await there.decode([ours])
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert opened.metadata["encoding"] == REFUSED
    assert why in opened.data.decode()
    assert peak < 8 * 1024 * 1024


async def test_a_payload_that_is_no_payload_is_refused() -> None:
    keyring = _keyring("k1")
    there = EncryptionCodec(keyring).with_context(RUN)
    [ours] = await there.encode([Payload(data=b"short")])
    ours.data = keyring.seal(b"\xff no payload", "temporal.payload.2 workflow payment/shop/pay_1")
    [opened] = await there.decode([ours])
    assert b"what was sealed is no payload" in opened.data


@pytest.mark.parametrize("length", [CLEAR_BYTES_MAX - 100, CLEAR_BYTES_MAX + 100])
async def test_what_we_seal_opens_however_long_it_is(length: int) -> None:
    there = EncryptionCodec(_keyring("k1")).with_context(RUN)
    long = Payload(data=bytes(length))
    assert await there.decode(await there.encode([long])) == [long]


async def test_a_payload_of_the_first_form_of_seal_is_refused() -> None:
    """It had no place, so it could be moved. Runs that hold one are begun anew."""
    keyring = _keyring("k1")
    clear = Payload(metadata={"encoding": b"json/plain"}, data=REF.model_dump_json().encode())
    sealed = Payload(
        metadata={"encoding": ENCODING, "encryption-key-id": b"k1"},
        data=keyring.seal(clear.SerializeToString(), "temporal.payload"),
    )
    with pytest.raises(NotOurs, match="by an earlier version"):
        await converter(keyring).with_context(RUN).decode([sealed], [ResourceRef])


async def test_nothing_is_sealed_that_would_open_anywhere() -> None:
    with pytest.raises(ValueError, match="sealed for one place"):
        await converter().encode([REF])


async def test_a_forged_refusal_is_refused_as_clear() -> None:
    forged = Payload(metadata={"encoding": REFUSED}, data=b"all is well")
    [decoded] = await EncryptionCodec(_keyring("k1")).decode([forged])
    assert b"not sealed" in decoded.data


def test_the_rounds_of_a_schedule_have_one_place() -> None:
    """Each is handed the result of the one before."""
    rounds = {
        place_of(WorkflowSerializationContext("default", workflow_id))
        for workflow_id in (
            "finality-upkeep",
            "finality-upkeep-2026-11-28T18:44:00Z",
            "finality-upkeep-2026-11-28T18:44:20Z",
        )
    }
    assert rounds == {"workflow finality-upkeep"}


def _signatures() -> dict[str, tuple[set[str], set[str]]]:
    """Of all that a worker of ours runs: the types that go in and that come out, by name."""
    found: dict[str, tuple[set[str], set[str]]] = {}
    for of in (PartnerSteps, PaymentStore, Upkeep):
        for step in vars(of).values():
            if definition := temporalio.activity._Definition.from_callable(step):
                found[f"activity {definition.name}"] = (
                    _names(definition.arg_types or []),
                    _names([definition.ret_type]),
                )
    for of_workflow in (PaymentWorkflow, UpkeepWorkflow):
        flow = temporalio.workflow._Definition.must_from_class(of_workflow)
        into, out = _names(flow.arg_types or []), _names([flow.ret_type])
        for update in flow.updates.values():
            into |= _names(update.arg_types or [])
            out |= _names([update.ret_type])
        found[f"workflow {flow.name}"] = (into, out)
    return found


def _names(hints: list[Any]) -> set[str]:
    members = [member for hint in hints for member in (get_args(hint) or (hint,))]
    return {member.__name__ for member in members}


@pytest.mark.parametrize("name", sorted(_signatures()))
def test_what_goes_into_a_step_has_another_type_than_what_comes_out(name: str) -> None:
    """The type under the seal is what tells them apart, so that neither stands for the other."""
    into, out = _signatures()[name]
    assert out
    assert not into & out


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        (7, int),
        (None, type(None)),
        (None, datetime | None),
        (datetime(2026, 11, 28, tzinfo=UTC), datetime | None),
        ("said", str),
        (REF, ResourceRef),
        ([1], list[int]),
        ({"a": 1}, dict[str, int]),
    ],
)
async def test_values_of_every_kind_we_send_come_back(value: object, hint: Any) -> None:
    there = converter().with_context(RUN)
    assert await there.decode(await there.encode([value]), [hint]) == [value]
