"""The client's codec reads what Finality sealed, and nothing that fills its memory."""

from __future__ import annotations

import base64
import tracemalloc
import zlib
from typing import Final

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.converter import NexusSerializationContext

from finality_client.nexus import SERVICE, NexusCodec
from starter.nexus.border import BorderCodec
from store.keyring import Keyring

KEY: Final = b"k" * 32
PAY: Final = NexusSerializationContext("to-us", SERVICE, "pay")
OURS: Final = Keyring({"k1": KEY}, "k1")
THEIRS: Final = NexusCodec(f"k1:{base64.b64encode(KEY).decode()}").with_context(PAY)


@pytest.mark.parametrize("length", [0, 10, 5000, 2 * 1024 * 1024 - 100, 2 * 1024 * 1024 + 100])
async def test_each_side_opens_what_the_other_sealed(length: int) -> None:
    ours, value = BorderCodec(OURS).with_context(PAY), Payload(data=bytes(length))
    assert await THEIRS.decode(await ours.encode([value])) == [value]
    assert await ours.decode(await THEIRS.encode([value])) == [value]


@pytest.mark.parametrize(
    "packed",
    [
        zlib.compress(bytes(200 * 1024 * 1024), 9),
        b"no zlib",
        zlib.compress(bytes(1000))[:-6],
        zlib.compress(b"\xff no payload"),
    ],
    ids=["bomb", "garbage", "cut short", "no payload"],
)
async def test_a_sealed_payload_that_cannot_be_unpacked_is_unreadable(packed: bytes) -> None:
    [sealed] = await BorderCodec(OURS).with_context(PAY).encode([Payload(data=bytes(500))])
    place = sealed.metadata["sealed-for"].decode()
    sealed.data = OURS.seal(packed, f"temporal.payload.2 {place} packed")
    tracemalloc.start()
    try:
        [opened] = await THEIRS.decode([sealed])
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert opened.metadata["encoding"] == b"finality/not-sealed-by-this-keyring"
    assert not opened.data
    assert peak < 8 * 1024 * 1024
