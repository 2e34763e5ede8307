"""Payload seals: Temporal stores what only our keys open, and we believe only what they sealed.

Whoever reaches Temporal can write payloads. So each one is encrypted and bound to its place: the
workflow id and, for activities, the activity type; `starter.converter` adds the type of the value
inside the seal. A payload that is clear, altered, or moved from another place is not opened; it
decodes to a refusal. The refusal is a value and not an exception, because an exception here fails
the workflow task, again and again: a stranger could stop a run for good with one byte.

A key that the keyring lacks does raise. That is a mistake of ours, and the task that fails now
goes on as soon as some worker holds the key. Rounds of upkeep are the exception: each gets the
result of the last one, so one payload with an unknown key would stop them all for good. A round
goes on without what it cannot open, and seals with the oldest key that it holds: a process with a
new key leaves nothing there that the others cannot open.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, Self

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
#: What `decode` gives in place of a payload that is not ours; its data says why.
REFUSED: Final = b"finality/refused"
#: Clear metadata, but part of the seal: the codec endpoint opens payloads without knowing where
#: they stood.
_PLACE: Final = "sealed-for"
#: The form of the seal. Payloads of the first form, which had no place, are refused.
_PURPOSE: Final = "temporal.payload.2"
#: A schedule adds the moment to its workflow's id. The next round reads the last one's result, so
#: both have one place.
_ROUND: Final = re.compile(r"-\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$", re.ASCII)
#: The end of every place in a round of upkeep.
_OF_UPKEEP: Final = f" {UPKEEP}"
_REMEDY: Final = (
    "somebody else can write to this Temporal namespace: see 'Access to Temporal is access to "
    "money' in docs/operations.md"
)


def place_of(context: SerializationContext) -> str:
    """Where a payload stands, the same in every run of the workflow.

    Raises:
        ValueError: a kind of payload that we do not send.
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
    """AES-GCM with the key's id in the clear, so that old histories open after a change of keys."""

    def __init__(self, keyring: Keyring, place: str | None = None) -> None:
        self._keyring = keyring
        self._place = place

    def with_context(self, context: SerializationContext) -> Self:
        """The codec for payloads of that place."""
        return type(self)(self._keyring, place_of(context))

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Seal for this codec's place.

        Raises:
            ValueError: the codec has none, so the payload could be used anywhere.
        """
        if self._place is None:
            raise ValueError("a payload is sealed for one place, and none was given")
        return [self._seal(payload, self._place) for payload in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Open what is ours and stands in its place; refuse anything else.

        Raises:
            MissingKey: sealed with a key that we do not hold, and of no round of upkeep.
        """
        return [self._open(payload) for payload in payloads]

    def _seal(self, payload: Payload, place: str) -> Payload:
        keyring = self._keyring
        key_id = keyring.oldest if place.endswith(_OF_UPKEEP) else keyring.current
        return Payload(
            metadata={
                "encoding": ENCODING,
                "encryption-key-id": key_id.encode(),
                _PLACE: place.encode(),
            },
            data=keyring.seal(payload.SerializeToString(), _context(place), key_id=key_id),
        )

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
        try:
            return Payload.FromString(self._keyring.open(payload.data, _context(place)))
        except MissingKey as missing:
            if self._place is not None and self._place.endswith(_OF_UPKEEP):
                return _refusal(str(missing))
            raise
        except KeyringError:
            return _refusal("its seal is broken")


def _context(place: str) -> str:
    return f"{_PURPOSE} {place}"


def _refusal(why: str) -> Payload:
    return Payload(
        metadata={"encoding": REFUSED}, data=f"a payload is not ours: {why}; {_REMEDY}".encode()
    )
