"""Payments from a workflow of yours, by Temporal Nexus. Needs `finality-client[nexus]`.

The operations' payloads are sealed with a key that your team and the one that runs Finality share.
Add `NexusCodec` to the data converter of your client and worker; other payloads it leaves to yours.
"""

import base64
import os
import zlib
from collections.abc import Mapping, Sequence
from copy import copy
from typing import Any, Self

import nexusrpc
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from google.protobuf.message import DecodeError
from pydantic import BaseModel
from temporalio.api.common.v1 import Payload
from temporalio.converter import (
    NexusSerializationContext,
    PayloadCodec,
    SerializationContext,
    WithSerializationContext,
)

SERVICE = "finality.payments"

_ENCODING = b"binary/encrypted"
_PLACE = "sealed-for"
_PACKED = "packed"
_PURPOSE = "temporal.payload.2"
_NONCE_BYTES = 12
#: As much as Temporal takes in a payload, by default. Finality packs nothing larger.
_CLEAR_BYTES_MAX = 2 * 1024 * 1024
_UNREADABLE = Payload(metadata={"encoding": b"finality/not-sealed-by-this-keyring"})


class PayRequest(BaseModel):
    """A credit transfer to be made once under the key.

    Attributes:
        key: your own, for this payment and for ever; no secret and no account number. Make it from
            what the workflow is about, such as an invoice's number, and never anew in a retry. It
            neither begins nor ends with a blank.
        order: the fields of a `PaymentOrder`. `times.submit_before` has to be given: until then
            the sealed order counts, also for somebody else who has kept it.
    """

    key: str
    order: dict[str, Any]


class GetRequest(BaseModel):
    """Which payment to show, by your key."""

    key: str


class CancelRequest(BaseModel):
    """Which payment to cancel, by your key.

    Attributes:
        command: your own id of this cancel. A repeat does nothing new.
        why: in one line, for the timeline; no account number.
    """

    key: str
    command: str
    why: str = ""


@nexusrpc.service(name=SERVICE)
class FinalityPayments:
    """Payments of your tenant. Each result is a payment: `Payment.model_validate(result)`.

    Attributes:
        pay: ends when the payment is over, in whatever state: read it. If you cancel the operation,
            the payment is cancelled if it still can be.
        get_payment: how the payment stands now.
        cancel_payment: cancels it without the operation that ordered it; how it stands now.
    """

    pay: nexusrpc.Operation[PayRequest, dict[str, Any]]
    get_payment: nexusrpc.Operation[GetRequest, dict[str, Any]]
    cancel_payment: nexusrpc.Operation[CancelRequest, dict[str, Any]]


class NexusCodec(PayloadCodec, WithSerializationContext):
    """Seals the payloads of `FinalityPayments`, and leaves all others to a codec of yours."""

    def __init__(self, keyring: str, others: PayloadCodec | None = None) -> None:
        """A codec for your data converter.

        Args:
            keyring: the text of the keyring file that both teams have: one `id:base64` a line, the
                first being the current key.
            others: what encodes all other payloads; None leaves them as they are.
        """
        self._keys = _keys(keyring)
        self._others = others
        self._place: str | None = None

    def with_context(self, context: SerializationContext) -> Self:
        """The codec for payloads at this place."""
        bound = copy(self)
        if isinstance(context, NexusSerializationContext) and context.service == SERVICE:
            bound._place = f"nexus {SERVICE}/{context.operation}"
        elif isinstance(self._others, WithSerializationContext):
            bound._others = self._others.with_context(context)
        return bound

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Seal payloads of an operation; others as your codec does."""
        if self._place is not None:
            return [self._seal(each, self._place) for each in payloads]
        return list(payloads) if self._others is None else await self._others.encode(payloads)

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Open payloads of an operation; others as your codec does.

        If Finality did not seal a payload for the operation, or the keyring lacks the key, it is
        replaced by one that no converter reads. A result then fails the workflow task, which goes
        on once the keyring has the key, and a failure comes without its texts.
        """
        if self._place is not None:
            return [self._open(each, self._place) for each in payloads]
        return list(payloads) if self._others is None else await self._others.decode(payloads)

    def _seal(self, payload: Payload, place: str) -> Payload:
        key_id, cipher = next(iter(self._keys.items()))
        nonce = os.urandom(_NONCE_BYTES)
        context = f"{_PURPOSE} {place}".encode()
        sealed = cipher.encrypt(nonce, payload.SerializeToString(), context)
        return Payload(
            metadata={"encoding": _ENCODING, _PLACE: place.encode()},
            data=key_id.encode() + b"\0" + nonce + sealed,
        )

    def _open(self, payload: Payload, place: str) -> Payload:
        if payload.metadata.get("encoding") != _ENCODING:
            return _UNREADABLE
        key_id, _, rest = payload.data.partition(b"\0")
        cipher = self._keys.get(key_id.decode(errors="replace"))
        if cipher is None:
            return _UNREADABLE
        packed = _PACKED in payload.metadata
        context = f"{_PURPOSE} {place}{' packed' if packed else ''}".encode()
        try:
            clear = cipher.decrypt(rest[:_NONCE_BYTES], rest[_NONCE_BYTES:], context)
            return Payload.FromString(_unpacked(clear) if packed else clear)
        except (InvalidTag, ValueError, zlib.error, DecodeError):
            return _UNREADABLE


def _unpacked(packed: bytes) -> bytes:
    """What was packed, of which no more than `_CLEAR_BYTES_MAX` is ever unpacked.

    Raises:
        zlib.error: there is more of it. It is damaged, or cut short.
    """
    unpacking = zlib.decompressobj()
    clear = unpacking.decompress(packed, _CLEAR_BYTES_MAX)
    if not unpacking.eof:
        raise zlib.error("too large, or cut short")
    return clear


def _keys(keyring: str) -> Mapping[str, AESGCM]:
    """The ciphers by the ids of their keys, the current one first.

    Raises:
        ValueError: a line is not a key. The text has no key.
    """
    found = {}
    for number, line in enumerate(keyring.split(), start=1):
        key_id, _, text = line.partition(":")
        try:
            found[key_id] = AESGCM(base64.b64decode(text, validate=True))
        except ValueError:
            raise ValueError(f"line {number} of the keyring is not `id:base64`") from None
    if not found:
        raise ValueError("the keyring is empty")
    return found
