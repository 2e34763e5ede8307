"""Bodies of answers that unpack to more than we hold, over real sockets."""

from __future__ import annotations

import asyncio
import gzip
import tracemalloc
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.transport.servers import HEAD, Connection, SteppingClock, serving
from transport.exchange import Lost, Outcome, Request, Response
from transport.http import BODY_BYTES_MAX, Transport

READ = Request("GET", "/v2/payments/1")
MEGABYTE = 1024 * 1024
#: Of Python's own objects while one answer is read.
MEMORY_MAX = 8 * MEGABYTE


@contextmanager
def bounded_memory() -> Iterator[None]:
    """Fails where reading an answer took far more memory than an answer may have."""
    tracemalloc.start()
    try:
        yield
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < MEMORY_MAX


async def answered(body: bytes, encoding: str) -> Outcome:
    async def packing(connection: Connection) -> None:
        await connection.request()
        headers = f"content-encoding: {encoding}\r\ncontent-length: {len(body)}\r\n\r\n"
        await connection.answer(HEAD + headers.encode() + body)

    clock = SteppingClock()
    async with serving(packing) as server:
        transport = Transport(f"http://127.0.0.1:{server.port}", clock=clock)
        try:
            return await transport.exchange(READ, clock.deadline(20, 30))
        finally:
            await transport.close()


def _bomb(megabytes: int, wbits: int = 16 + zlib.MAX_WBITS) -> bytes:
    """So many megabytes of blanks, packed piece by piece."""
    packing = zlib.compressobj(9, zlib.DEFLATED, wbits)
    blanks = b" " * MEGABYTE
    return b"".join(packing.compress(blanks) for _ in range(megabytes)) + packing.flush()


GZIP = _bomb(300)
DEFLATE = _bomb(300, zlib.MAX_WBITS)


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (GZIP, "gzip"),
        (GZIP, "GZip"),
        (DEFLATE, "deflate"),
        (gzip.compress(GZIP), "gzip, gzip"),
        (gzip.compress(b"{}") * 100_000, "gzip"),
        (GZIP, "gzip, br"),
        (b"{}", "gzip," * 2000),
    ],
    ids=["gzip", "spelt otherwise", "deflate", "twice", "many members", "mixed", "long"],
)
async def test_a_bomb_is_lost_and_never_unpacked_whole(body: bytes, encoding: str) -> None:
    with bounded_memory():
        answer = await asyncio.wait_for(answered(body, encoding), 30)
    assert isinstance(answer, Lost), "what it says of the payment is not known"


@pytest.mark.parametrize("encoding", ["br", "zstd", "text", "identity, identity"])
async def test_what_we_cannot_unpack_is_taken_as_it_came(encoding: str) -> None:
    """Some servers put words there that pack nothing."""
    answer = await answered(b"\x28\xb5\x2f\xfd", encoding)
    assert isinstance(answer, Response)
    assert answer.body == b"\x28\xb5\x2f\xfd"


async def test_members_one_after_the_other_are_one_body() -> None:
    answer = await answered(gzip.compress(b'{"a":') + gzip.compress(b"1}"), "gzip")
    assert isinstance(answer, Response)
    assert answer.body == b'{"a":1}'


async def test_an_answer_as_large_as_we_hold_is_taken_and_one_byte_more_is_not() -> None:
    whole = b"x" * BODY_BYTES_MAX
    taken = await answered(gzip.compress(whole), "gzip")
    assert isinstance(taken, Response)
    assert taken.body == whole
    assert isinstance(await answered(gzip.compress(whole + b"x"), "gzip"), Lost)
    assert isinstance(await answered(whole, "identity"), Response)


async def test_a_packed_answer_that_is_cut_off_is_lost() -> None:
    packed = gzip.compress(b'{"status":"completed"}')
    assert isinstance(await answered(packed[:-9], "gzip"), Lost)
    empty = await answered(b"", "gzip")
    assert isinstance(empty, Response)
    assert empty.body == b""
