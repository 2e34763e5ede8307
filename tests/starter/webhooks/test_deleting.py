"""Deleted endpoints get nothing more, and deliveries are kept for a time and then deleted."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlmodel import col, select

from domain.webhooks import DEAD_KEPT, DELIVERED_KEPT
from store.tables.webhooks import WebhookAttemptRow, WebhookDeliveryRow, WebhookEndpointRow
from store.webhooks.deliveries import UnknownDelivery
from store.webhooks.endpoints import UnknownEndpoint
from store.webhooks.retention import DeliveryRetention
from tests.starter.webhooks.conftest import TENANT, Webhooks
from tests.starter.webhooks.receiver import Receiver

MINUTE = timedelta(minutes=1)


async def states(webhooks: Webhooks, endpoint_id: str) -> list[str]:
    found = await webhooks.endpoints.deliveries(
        TENANT, endpoint_id, state=None, before=None, limit=100
    )
    return [each.state for each in reversed(found)]


def attempts(webhooks: Webhooks) -> int:
    rows = select(WebhookAttemptRow)
    return webhooks.store.rows(lambda session: len(session.exec(rows).all()))


async def test_a_deleted_endpoint_gets_nothing_more_and_is_shown_no_more(
    webhooks: Webhooks, receiver: Receiver, other: Receiver
) -> None:
    its = (await webhooks.endpoint(receiver)).endpoint.endpoint_id
    await webhooks.endpoint(other)
    await webhooks.event("a")
    await webhooks.deliver()
    receiver.say("500 X")
    await webhooks.event("b")
    await webhooks.deliver()
    for _ in range(2):
        await webhooks.endpoints.delete(TENANT, its)
    await webhooks.event("c")
    await webhooks.deliver_through(webhooks.store.clock.now() + 10 * MINUTE, MINUTE)
    assert [each for each in receiver.ids if each.endswith("c_1")] == []
    assert [each for each in other.ids if each.endswith("c_1")] != []
    assert await states(webhooks, its) == ["delivered", "dead"]
    assert its not in [each.endpoint_id for each in await webhooks.endpoints.all(TENANT)]
    for ask in (
        webhooks.endpoints.get(TENANT, its),
        webhooks.endpoints.enable(TENANT, its),
        webhooks.endpoints.test(TENANT, its, webhooks.key()),
        webhooks.endpoints.rotate(TENANT, its, webhooks.key(), overlap_hours=1),
        webhooks.endpoints.delete("another", its),
    ):
        with pytest.raises(UnknownEndpoint):
            await ask
    assert [each.change for each in await webhooks.events()] == ["deleted"]


async def test_its_address_and_secrets_are_erased(webhooks: Webhooks, receiver: Receiver) -> None:
    made = await webhooks.endpoint(receiver)
    its = made.endpoint.endpoint_id
    await webhooks.endpoints.rotate(TENANT, its, webhooks.key(), overlap_hours=1)
    await webhooks.endpoints.delete(TENANT, its)
    row = webhooks.store.rows(lambda session: session.get_one(WebhookEndpointRow, its))
    assert (row.url_sealed, row.secret_sealed, row.old_secret_sealed) == (b"", b"", None)


async def test_a_delivery_under_way_while_its_endpoint_is_deleted_is_recorded(
    webhooks: Webhooks, receiver: Receiver
) -> None:
    its = (await webhooks.endpoint(receiver)).endpoint.endpoint_id
    await webhooks.event("a")
    now = webhooks.store.clock.now()
    leased = await webhooks.turns.lease(its, now, now + MINUTE)
    assert leased is not None
    await webhooks.turns.fill(its, now)
    due = await webhooks.turns.next(its, now)
    assert due is not None
    await webhooks.endpoints.delete(TENANT, its)
    assert await webhooks.turns.fill(its, now) == 0
    assert await webhooks.turns.next(its, now) is None
    assert await webhooks.turns.lease(its, now + MINUTE, now + 2 * MINUTE) is None
    assert await states(webhooks, its) == ["dead"]


async def test_what_was_delivered_is_kept_a_month_and_what_was_given_up_three(
    webhooks: Webhooks, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("store.webhooks.retention.LOOKED_AT", 2)
    retention, clock = DeliveryRetention(webhooks.store.database), webhooks.store.clock
    its = (await webhooks.endpoint(receiver)).endpoint.endpoint_id
    for name in ("a", "b", "c"):
        await webhooks.event(name)
    await webhooks.deliver()
    receiver.say("500 X")
    await webhooks.event("d")
    await webhooks.deliver()
    known = attempts(webhooks)
    await webhooks.endpoints.delete(TENANT, its)

    async def clean() -> int:
        return sum([await retention.clean(clock.now()) for _ in range(6)])

    clock.step(DELIVERED_KEPT)
    assert await clean() == 0
    clock.step(MINUTE)
    assert await clean() == 3, "d was given up"
    assert (known, attempts(webhooks)) == (4, 1)
    assert await states(webhooks, its) == ["dead"]
    clock.step(DEAD_KEPT - DELIVERED_KEPT)
    await clean()
    rows = select(WebhookDeliveryRow).where(col(WebhookDeliveryRow.endpoint_id) == its)
    assert webhooks.store.rows(lambda session: session.exec(rows).all()) == []
    assert attempts(webhooks) == 0
    assert webhooks.store.rows(lambda session: session.get(WebhookEndpointRow, its)) is None


async def test_what_is_asked_for_again_is_kept(webhooks: Webhooks, receiver: Receiver) -> None:
    retention, clock = DeliveryRetention(webhooks.store.database), webhooks.store.clock
    its = (await webhooks.endpoint(receiver)).endpoint.endpoint_id
    await webhooks.event("a")
    await webhooks.deliver()
    [known] = await webhooks.endpoints.deliveries(TENANT, its, state=None, before=None, limit=10)
    clock.step(DELIVERED_KEPT + MINUTE)
    await webhooks.endpoints.resend(TENANT, known.delivery_id, webhooks.key())
    assert await retention.clean(clock.now()) == 0
    await webhooks.deliver()
    clock.step(DELIVERED_KEPT + MINUTE)
    assert await retention.clean(clock.now()) == 1
    with pytest.raises(UnknownDelivery):
        await webhooks.endpoints.delivery(TENANT, known.delivery_id)
