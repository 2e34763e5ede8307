"""The body of an answer, bounded by what it unpacks to.

A few kilobytes of gzip become gigabytes, and `content-encoding: gzip, gzip` squares that. So we
unpack ourselves, one layer, and never more than we are ready to hold.
"""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterable
from typing import Final

#: zlib's word for "gzip or zlib, by its header".
_EITHER_HEADER: Final = 32 + zlib.MAX_WBITS
_PACKED: Final = frozenset({"gzip", "x-gzip", "deflate"})


class UnreadableBody(Exception):
    """The body cannot be had; the text says why."""


async def read_body(pieces: AsyncIterable[bytes], encoding: str, bytes_max: int) -> bytes:
    """The whole body, unpacked.

    Args:
        pieces: as they came over the wire.
        encoding: the header `content-encoding`.
        bytes_max: of what came, and of what it unpacks to.

    Raises:
        UnreadableBody: larger than that, cut off, damaged, or packed more than once.
    """
    words = [word.strip().lower() for word in encoding.split(",") if word.strip()]
    packed = [word for word in words if word in _PACKED]
    if packed and len(words) > 1:
        raise UnreadableBody(f"the answer is packed as {encoding[:40]!r}, not as we asked")
    # Other words stay unheeded: a partner was recorded with `content-encoding: text`.
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
    """Unpacks one layer; of gzip several members may follow each other (RFC 1952, 2.2)."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(_EITHER_HEADER)

    @property
    def is_whole(self) -> bool:
        return self._member.eof

    def more(self, piece: bytes, room: int) -> bytes:
        """At most one byte more than there is room for, which tells that it is too much."""
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
