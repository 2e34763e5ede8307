"""Payload encryption: what Temporal stores of us, only our keys open."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from temporalio.api.common.v1 import Payload
from temporalio.converter import PayloadCodec

from store.keyring import Keyring

ENCODING: Final = b"binary/encrypted"
_CONTEXT: Final = "temporal.payload"


class EncryptionCodec(PayloadCodec):
    """AES-GCM with the key's id in the clear, so that old histories open after a change of keys."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        return [
            Payload(
                metadata={
                    "encoding": ENCODING,
                    "encryption-key-id": self._keyring.current.encode(),
                },
                data=self._keyring.seal(payload.SerializeToString(), _CONTEXT),
            )
            for payload in payloads
        ]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Clear payloads pass as they are: an engineer's own signal from the UI is one.

        Raises:
            KeyringError: sealed with a key we do not hold, or altered.
        """
        return [self._decode(payload) for payload in payloads]

    def _decode(self, payload: Payload) -> Payload:
        if payload.metadata.get("encoding") != ENCODING:
            return payload
        return Payload.FromString(self._keyring.open(payload.data, _CONTEXT))
