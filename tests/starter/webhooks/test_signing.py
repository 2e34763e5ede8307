"""Signatures by the Standard Webhooks specification, judged by its vectors and its own library."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from starter.webhooks.signing import signed_headers
from tests.clock import SteppedClock
from tests.starter.webhooks.conftest import TENANT, Webhooks
from tests.starter.webhooks.receiver import Receiver

BODY = b'{"type":"payment.created","data":{"name":"caf\xc3\xa9"}}'
OLD, NEW = "whsec_" + "QUJD" * 11, "whsec_" + "WFla" * 11


@pytest.fixture
def clock() -> SteppedClock:
    """The judge compares moments with the real clock."""
    return SteppedClock(datetime.now(UTC))


def verify(secret: str, headers: dict[str, str], body: bytes) -> Any:
    return Webhook(secret).verify(body, headers)


def test_the_vectors_of_the_specification_are_signed_as_it_says(specs: Path) -> None:
    vectors = json.loads((specs / "standard-webhooks" / "vectors.json").read_text())
    for one in vectors["valid"]:
        at = datetime.fromtimestamp(one["timestamp"], UTC)
        headers = signed_headers([one["secret"]], one["id"], at, one["payload"].encode())
        assert headers["webhook-signature"] == one["signature"]
        assert [headers[name] for name in vectors["headers"]] == [
            one["id"], str(one["timestamp"]), one["signature"],
        ]  # fmt: skip


@pytest.mark.parametrize("hours", [-11, 0, 5.5])
def test_a_moment_in_any_zone_is_the_same_moment(hours: float) -> None:
    """The library itself would sign another moment here."""
    at = datetime.now(timezone(timedelta(hours=hours)))
    headers = signed_headers([NEW], "evt_1", at, BODY)
    assert int(headers["webhook-timestamp"]) == int(at.timestamp())
    verify(NEW, headers, BODY)


def test_both_secrets_verify_while_one_is_replaced_and_a_third_does_not() -> None:
    headers = signed_headers([NEW, OLD], "evt_1", datetime.now(UTC), BODY)
    assert verify(NEW, headers, BODY) == verify(OLD, headers, BODY) == json.loads(BODY)
    for secret, changed in (
        ("whsec_" + "b3Ro" * 11, headers),
        (NEW, {**headers, "webhook-id": "evt_2"}),
        (NEW, {**headers, "webhook-timestamp": str(int(headers["webhook-timestamp"]) + 1)}),
    ):
        with pytest.raises(WebhookVerificationError):
            verify(secret, changed, BODY)
    with pytest.raises(WebhookVerificationError):
        verify(NEW, headers, BODY + b" ")


async def test_a_rotation_signs_with_both_until_its_overlap_ends(
    webhooks: Webhooks, receiver: Receiver
) -> None:
    made = await webhooks.endpoint(receiver)
    endpoint_id = made.endpoint.endpoint_id
    await webhooks.event("a")
    await webhooks.deliver()
    rotated = await webhooks.endpoints.rotate(TENANT, endpoint_id, "r", overlap_hours=1)
    await webhooks.event("b")
    await webhooks.deliver()
    webhooks.store.clock.step(timedelta(minutes=61))
    await webhooks.event("c")
    await webhooks.deliver()
    before, between, after = receiver.received
    assert [len(each.headers["webhook-signature"].split()) for each in receiver.received] == [
        1, 2, 1,
    ]  # fmt: skip
    verify(made.secret, before.headers, before.body)
    for secret in (made.secret, rotated.secret):
        verify(secret, between.headers, between.body)
    library, moment = Webhook(rotated.secret), int(after.headers["webhook-timestamp"])
    at = datetime.fromtimestamp(moment, UTC)
    assert library.sign(after.id, at, after.body.decode()) == after.headers["webhook-signature"]
    content = webhooks.store.kept()
    for secret in (made.secret, rotated.secret, receiver.url):
        assert secret.encode() not in content


async def test_a_retry_has_the_same_id_and_body_and_its_own_moment(
    webhooks: Webhooks, receiver: Receiver
) -> None:
    receiver.say("500 X", "200 OK")
    made = await webhooks.endpoint(receiver)
    await webhooks.event("a")
    await webhooks.deliver()
    webhooks.store.clock.step(timedelta(seconds=20))
    await webhooks.deliver()
    first, second = receiver.received
    assert (first.id, first.body) == (second.id, second.body)
    moments = [int(each.headers["webhook-timestamp"]) for each in (first, second)]
    assert moments[1] - moments[0] == 20
    for each in (first, second):
        verify(made.secret, each.headers, each.body)
