"""The body of an answer, with a limit on its unpacked size.

A few kilobytes of gzip can become gigabytes, and `content-encoding: gzip, gzip` squares that. So
the body is unpacked here instead of in httpx: one layer, and never more than the limit.
"""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterable
from typing import Final

#: zlib's word for "gzip or zlib, by its header".
_EITHER_HEADER: Final = 32 + zlib.MAX_WBITS
_PACKED: Final = frozenset({"gzip", "x-gzip", "deflate"})


class UnreadableBody(Exception):
    """The body cannot be read; the text says why."""


async def read_body(pieces: AsyncIterable[bytes], encoding: str, bytes_max: int) -> bytes:
    """The whole body, unpacked.

    Args:
        pieces: the body as it came over the wire.
        encoding: the header `content-encoding`.
        bytes_max: limit of both the received and the unpacked body.

    Raises:
        UnreadableBody: larger than the limit, cut off, damaged, or packed more than once.
    """
    words = [word.strip().lower() for word in encoding.split(",") if word.strip()]
    packed = [word for word in words if word in _PACKED]
    if packed and len(words) > 1:
        raise UnreadableBody(f"the answer is packed as {encoding[:40]!r}, not as we asked")
    # Other words are ignored: a recorded partner sends `content-encoding: text`.
    unpack = _Unpacking() if packed else None
    body, received = bytearray(), 0
    async for piece in pieces:
        received += len(piece)
        body += piece if unpack is None else unpack.more(piece, bytes_max - len(body))
        if max(received, len(body)) > bytes_max:
            raise UnreadableBody(f"the answer is larger than {bytes_max} bytes")
    if unpack is not None and received and not unpack.is_whole:
        raise UnreadableBody("the answer is packed, and cut off")
    return bytes(body)


class _Unpacking:
    """Unpacks one layer. A gzip body may have several members in a row (RFC 1952, 2.2)."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(_EITHER_HEADER)

    @property
    def is_whole(self) -> bool:
        return self._member.eof

    def more(self, piece: bytes, room: int) -> bytes:
        """Unpack at most one byte more than there is room for; that byte shows the excess."""
        unpacked = bytearray()
        try:
            while piece and len(unpacked) <= room:
                if self._member.eof:
                    self._member = zlib.decompressobj(_EITHER_HEADER)
                unpacked += self._member.decompress(piece, room + 1 - len(unpacked))
                piece = self._member.unconsumed_tail or self._member.unused_data
        except zlib.error:
            raise UnreadableBody("the answer is packed, and damaged") from None
        return bytes(unpacked)
