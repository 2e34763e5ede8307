"""Payloads are sealed on their way to Temporal and open again, also after a change of keys."""

from __future__ import annotations

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.api.failure.v1 import Failure
from temporalio.exceptions import ApplicationError

from activities.payment_store import PaymentRef
from starter.codec import ENCODING, EncryptionCodec
from starter.plugin import data_converter
from store.keyring import Keyring, KeyringError

REF = PaymentRef(tenant="shop", payment_id="pay_1")
SECRET = "canary"


def _keyring(*ids: str) -> Keyring:
    return Keyring({key_id: key_id.encode() * 16 for key_id in ids}, ids[0])


async def test_a_value_goes_there_sealed_and_comes_back_whole() -> None:
    converter = data_converter(_keyring("k1"))
    [payload] = await converter.encode([REF])
    assert payload.metadata["encoding"] == ENCODING
    assert payload.metadata["encryption-key-id"] == b"k1"
    assert b"shop" not in payload.SerializeToString()
    assert await converter.decode([payload], [PaymentRef]) == [REF]


async def test_the_text_of_a_failure_is_sealed_too() -> None:
    converter = data_converter(_keyring("k1"))
    failure = Failure()
    await converter.encode_failure(ApplicationError(f"failed for {SECRET}", SECRET), failure)
    assert SECRET.encode() not in failure.SerializeToString()
    error = await converter.decode_failure(failure)
    assert f"failed for {SECRET}" in str(error)


async def test_what_an_older_key_sealed_still_opens() -> None:
    [old] = await data_converter(_keyring("k1")).encode([REF])
    newer = data_converter(_keyring("k2", "k1"))
    assert await newer.decode([old], [PaymentRef]) == [REF]
    [new] = await newer.encode([REF])
    assert new.metadata["encryption-key-id"] == b"k2"


async def test_without_the_key_it_says_which_is_missing() -> None:
    [sealed] = await data_converter(_keyring("k1")).encode([REF])
    with pytest.raises(KeyringError, match="'k1', which the keyring lacks"):
        await data_converter(_keyring("k2")).decode([sealed], [PaymentRef])


async def test_a_clear_payload_passes_as_it_is() -> None:
    clear = Payload(metadata={"encoding": b"json/plain"}, data=b'"typed by hand"')
    assert await EncryptionCodec(_keyring("k1")).decode([clear]) == [clear]
