"""Deliveries are sent again, one or a range, each with the id that it had before."""

from __future__ import annotations

from datetime import timedelta

import pytest

from store.webhooks.endpoints import EndpointConflict
from store.webhooks.requests import WebhookKeyReused
from tests.starter.webhooks.conftest import TENANT, Webhooks
from tests.starter.webhooks.receiver import Receiver


async def test_a_range_is_sent_again_by_position_and_by_time(
    webhooks: Webhooks, receiver: Receiver
) -> None:
    before = await webhooks.event("before")
    webhooks.store.clock.step(timedelta(minutes=1))
    made = await webhooks.endpoint(receiver)
    endpoint_id, clock = made.endpoint.endpoint_id, webhooks.store.clock
    sent = []
    for number in range(6):
        sent.append(await webhooks.event(f"p{number}"))
        await webhooks.deliver()
        clock.step(timedelta(minutes=1))
    assert receiver.ids == sent

    async def resent(key: str, **fields: object) -> list[str]:
        known = len(receiver.ids)
        asked = {"first": None, "last": None, "since": None, "until": None, "missed_only": False}
        found = await webhooks.endpoints.resend_range(
            TENANT,
            endpoint_id,
            key,
            **{**asked, **fields},  # type: ignore[arg-type]
        )
        await webhooks.deliver()
        assert found.next_position is None
        return receiver.ids[known:]

    assert await resent("a", first=3, last=4) == sent[1:3]
    assert await resent("a", first=3, last=4) == [], "the key stands for the range before"
    with pytest.raises(WebhookKeyReused):
        await resent("a", first=3, last=5)
    start = clock.now() - timedelta(minutes=6)
    assert await resent("b", since=start, until=start + timedelta(minutes=2)) == sent[:2]
    assert await resent("c", since=start + timedelta(minutes=4), first=1) == sent[4:]
    assert await resent("d", first=1) == [before, *sent], "also what was never for it"
    assert await resent("e", first=1, missed_only=True) == []
    await webhooks.endpoints.disable(TENANT, endpoint_id)
    with pytest.raises(EndpointConflict, match="enable it first"):
        await resent("f", first=1)


async def test_a_range_that_is_too_long_says_where_to_go_on(
    webhooks: Webhooks, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("store.webhooks.deliveries.RESENT_MAX", 2)
    made = await webhooks.endpoint(receiver, "payment.created")
    sent = [await webhooks.event(f"p{number}") for number in range(5)]
    await webhooks.deliver()
    begins: int | None = 1
    counts = []
    while begins is not None:
        found = await webhooks.endpoints.resend_range(
            TENANT, made.endpoint.endpoint_id, webhooks.key(), first=begins, last=None,
            since=None, until=None, missed_only=False,
        )  # fmt: skip
        counts.append(found.deliveries)
        begins = found.next_position
    assert counts == [2, 2, 1]
    await webhooks.deliver()
    assert receiver.ids == [*sent, *sent]


async def test_a_test_is_sent_also_to_an_endpoint_that_waits(
    webhooks: Webhooks, receiver: Receiver
) -> None:
    receiver.say("500 X", "200 OK")
    made = await webhooks.endpoint(receiver, "payment.task_opened")
    endpoint_id = made.endpoint.endpoint_id
    first = await webhooks.endpoints.test(TENANT, endpoint_id, "t")
    await webhooks.deliver()
    second = await webhooks.endpoints.test(TENANT, endpoint_id, "t2")
    await webhooks.deliver()
    assert receiver.ids == [first.event_id, second.event_id]
    assert receiver.received[1].event["type"] == "webhook_endpoint.test"
    assert receiver.received[1].event["data"] == {"id": second.event_id}
    webhooks.store.clock.step(timedelta(seconds=30))
    await webhooks.deliver()
    assert receiver.ids[2:] == [first.event_id]
