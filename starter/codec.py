"""The payload codec: payloads in Temporal are encrypted, and bound to the place where they stand.

Anybody who can reach Temporal can write payloads. So each one is encrypted and bound to its place:
the workflow id and, for activities, the activity type. `starter.converter` adds the type of the
value inside the seal. A payload that is clear, altered, or moved from another place is not opened.
It decodes to a refusal, which is a value and not an exception: an exception would fail the workflow
task again and again, so a stranger could stop a run for good with one byte.

A key that is missing from the keyring does raise. That is our own mistake, and the failed task goes
on as soon as some worker has the key. Rounds of upkeep are the exception: each reads the result of
the last one, so one payload with an unknown key would stop all of them. A round goes on without the
payload that it cannot open, and is itself sealed with the oldest key of the ring: a process that
has a new key leaves nothing there that the others cannot open (docs/decisions/0018).
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from typing import Final, Self

from google.protobuf.message import DecodeError
from temporalio.api.common.v1 import Payload
from temporalio.converter import (
    ActivitySerializationContext,
    PayloadCodec,
    SerializationContext,
    WithSerializationContext,
    WorkflowSerializationContext,
)

from domain.ids import UPKEEP
from store.keyring import Keyring, KeyringError, MissingKey

ENCODING: Final = b"binary/encrypted"
#: Encoding of the payload that `decode` returns instead of one that is not ours. Its data says why.
REFUSED: Final = b"finality/refused"
#: Metadata with the place, in the clear but authenticated by the seal: the codec endpoint has to
#: open payloads without knowing where they stand.
_PLACE: Final = "sealed-for"
#: Metadata of a payload that was compressed before it was sealed; the seal covers it.
_PACKED: Final = "packed"
#: Temporal takes no larger payload, by default. A larger one is sealed as it is, so that Temporal
#: refuses it, and what is longer once it is unpacked was made to fill our memory.
CLEAR_BYTES_MAX: Final = 2 * 1024 * 1024
#: Smaller payloads gain little.
_PACKED_FROM_BYTES: Final = 200
#: The version of the seal. Payloads of the first version, which had no place, are refused.
_PURPOSE: Final = "temporal.payload.2"
#: A schedule adds the moment to its workflow's id. It is left out of the place, because a round
#: reads the result of the round before.
_ROUND: Final = re.compile(r"-\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$", re.ASCII)
#: Every place in a round of upkeep ends with this.
_OF_UPKEEP: Final = f" {UPKEEP}"
_REMEDY: Final = (
    "somebody else can write to this Temporal namespace: see 'Access to Temporal is access to "
    "money' in docs/operations.md"
)


def place_of(context: SerializationContext) -> str:
    """The place of a payload. It is the same in every run of the workflow.

    Raises:
        ValueError: we do not send payloads of this kind.
    """
    match context:
        case WorkflowSerializationContext(workflow_id=workflow_id):
            return f"workflow {_ROUND.sub('', workflow_id)}"
        case ActivitySerializationContext(
            workflow_id=str(workflow_id), activity_type=str(activity_type)
        ):
            return f"activity {activity_type} of {_ROUND.sub('', workflow_id)}"
        case _:
            raise ValueError(f"payloads are not sealed for {context}")


class EncryptionCodec(PayloadCodec, WithSerializationContext):
    """AES-GCM with the key's id in the clear, so that old histories open after keys were rolled."""

    def __init__(self, keyring: Keyring, place: str | None = None) -> None:
        self._keyring = keyring
        self._place = place

    def with_context(self, context: SerializationContext) -> Self:
        """The codec for payloads at this place."""
        return type(self)(self._keyring, place_of(context))

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Seal payloads for this codec's place.

        Raises:
            ValueError: the codec has no place, so the payload could be used anywhere.
        """
        if self._place is None:
            raise ValueError("a payload is sealed for one place, and none was given")
        return [self._seal(payload, self._place) for payload in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Open payloads that are ours and stand in their place. Others become refusals.

        Raises:
            MissingKey: a payload outside of upkeep is sealed with a key that is not in the keyring.
        """
        return [self._open(payload) for payload in payloads]

    def _seal(self, payload: Payload, place: str) -> Payload:
        keyring = self._keyring
        key_id = keyring.oldest if place.endswith(_OF_UPKEEP) else keyring.current
        metadata = {"encoding": ENCODING, _PLACE: place.encode()}
        clear = payload.SerializeToString()
        if is_packed := _PACKED_FROM_BYTES < len(clear) <= CLEAR_BYTES_MAX:
            metadata[_PACKED] = b"zlib"
            clear = zlib.compress(clear)
        sealed = keyring.seal(clear, _context(place, is_packed=is_packed), key_id=key_id)
        return Payload(metadata=metadata, data=sealed)

    def _open(self, payload: Payload) -> Payload:
        if payload.metadata.get("encoding") != ENCODING:
            return _refusal("it is not sealed")
        place = payload.metadata.get(_PLACE, b"").decode(errors="replace")
        if not place:
            return _refusal("it was sealed by an earlier version, for no place")
        if self._place is not None and place != self._place:
            return _refusal(f"it was sealed for '{place}' and stands in '{self._place}'")
        if b"\0" not in payload.data:
            return _refusal("its seal is broken")
        is_packed = _PACKED in payload.metadata
        try:
            clear = self._keyring.open(payload.data, _context(place, is_packed=is_packed))
            return Payload.FromString(_unpacked(clear) if is_packed else clear)
        except MissingKey as missing:
            if self._place is not None and self._place.endswith(_OF_UPKEEP):
                return _refusal(str(missing))
            raise
        except KeyringError:
            return _refusal("its seal is broken")
        except _TooLarge:
            return _refusal(f"it is larger than {CLEAR_BYTES_MAX} bytes once it is unpacked")
        except zlib.error:
            return _refusal("what was packed is damaged")
        except DecodeError:
            return _refusal("what was sealed is no payload")


class _TooLarge(Exception):
    """A payload was packed to fill the memory of who unpacks it."""


def _unpacked(packed: bytes) -> bytes:
    """What was packed, of which no more than `CLEAR_BYTES_MAX` is ever unpacked.

    Raises:
        _TooLarge: there is more of it.
        zlib.error: it is damaged, or cut short.
    """
    unpacking = zlib.decompressobj()
    clear = unpacking.decompress(packed, CLEAR_BYTES_MAX)
    if unpacking.eof:
        return clear
    if unpacking.unconsumed_tail or len(clear) == CLEAR_BYTES_MAX:
        raise _TooLarge
    raise zlib.error("cut short")


def _context(place: str, *, is_packed: bool) -> str:
    return f"{_PURPOSE} {place}{' packed' if is_packed else ''}"


def _refusal(why: str) -> Payload:
    return Payload(
        metadata={"encoding": REFUSED}, data=f"a payload is not ours: {why}; {_REMEDY}".encode()
    )
