"""Events reach endpoints at least once, in order, whatever one of the receivers does."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from domain.webhooks import DELAYS, TRIES_MAX
from starter.event_answer import event_answer
from store.events import Events
from store.webhooks.deliveries import Attempt
from store.webhooks.turns import Due
from tests.clock import SteppedClock
from tests.starter.webhooks.conftest import TENANT, Webhooks, deliverer
from tests.starter.webhooks.receiver import Received, Receiver
from tests.store.books import Store

HOUR = timedelta(hours=1)


async def test_an_event_is_delivered_once_with_what_the_api_says_of_it(
    webhooks: Webhooks, receiver: Receiver
) -> None:
    await webhooks.event("before")
    made = await webhooks.endpoint(receiver)
    event_id = await webhooks.event("a")
    await webhooks.deliver()
    await webhooks.deliver()
    [received] = receiver.received
    assert received.id == event_id, "the events before it was made are not sent"
    event = await Events(webhooks.store.database).get(TENANT, event_id)
    answer = event_answer(event)
    assert received.event["type"] == "payment.created"
    assert received.event["data"] == answer.model_dump(mode="json")
    assert received.headers["content-type"] == "application/json"
    [delivery] = await webhooks.endpoints.deliveries(TENANT, made.endpoint.endpoint_id, limit=9)
    assert (delivery.state, delivery.tries) == ("delivered", 1)
    found = await webhooks.endpoints.delivery(TENANT, delivery.delivery_id)
    assert [(each.status, each.why) for each in found.attempts] == [(200, None)]


async def test_an_endpoint_gets_its_types_of_its_tenant_in_the_order_of_events(
    webhooks: Webhooks, receiver: Receiver, other: Receiver
) -> None:
    await webhooks.endpoint(receiver, "payment.*")
    await webhooks.endpoint(other, "payment.state_changed")
    async_other = await webhooks.endpoint(other, tenant="other")
    sent = [await webhooks.event(f"p{number}") for number in range(130)]
    await webhooks.store.commands.cancel(
        "pay_p7", command_id="c", by="a", why="", now=webhooks.store.clock.now()
    )
    await webhooks.deliver()
    assert receiver.ids == [*sent, "evt_pay_p7_2"]
    assert other.ids == ["evt_pay_p7_2"]
    listed = await webhooks.endpoints.deliveries("other", async_other.endpoint.endpoint_id, limit=9)
    assert listed == []


async def test_one_that_is_slow_or_fails_does_not_hold_up_another(
    webhooks: Webhooks, receiver: Receiver, other: Receiver
) -> None:
    hangs = asyncio.Event()

    async def hang(_: Received) -> str:
        await hangs.wait()
        return "200 OK"

    receiver.answer = hang
    slow = await webhooks.endpoint(receiver)
    await webhooks.endpoint(other)
    sent = [await webhooks.event(f"p{number}") for number in range(5)]
    delivering = deliverer(webhooks.turns, webhooks.store, seconds=5)
    async with asyncio.timeout(60):
        while other.ids != sent:
            await delivering.look()
            await asyncio.sleep(0.01)
        assert receiver.ids == sent[:1], "its answer is still awaited"
        await delivering.settled()
    hangs.set()
    found = await webhooks.endpoints.get(TENANT, slow.endpoint.endpoint_id)
    assert found.health.failures == 1


async def test_a_short_failure_keeps_the_order(webhooks: Webhooks, receiver: Receiver) -> None:
    receiver.say("500 X", "200 OK")
    await webhooks.endpoint(receiver)
    sent = [await webhooks.event(f"p{number}") for number in range(3)]
    await webhooks.deliver()
    assert receiver.ids == sent[:1], "the others wait for the first retry"
    webhooks.store.clock.step(DELAYS[0] * 2)
    await webhooks.deliver()
    assert receiver.ids == [sent[0], *sent]


async def test_an_event_that_always_fails_lets_the_others_pass_and_is_given_up_at_last(
    webhooks: Webhooks, receiver: Receiver
) -> None:
    made = await webhooks.endpoint(receiver)
    endpoint_id = made.endpoint.endpoint_id
    bad = await webhooks.event("bad")

    async def answer(received: Received) -> str:
        return "500 X" if received.id == bad else "200 OK"

    receiver.answer = answer
    clock, passed = webhooks.store.clock, []
    for number, delay in enumerate((*DELAYS, HOUR)):
        passed.append(await webhooks.event(f"p{number}"))
        await webhooks.deliver_through(clock.now() + DELAYS[0] * 2, DELAYS[0] * 1.2)
        clock.step(delay * 1.2)
    assert receiver.ids.count(bad) == TRIES_MAX
    assert [each for each in receiver.ids if each != bad] == passed, "each once, and in order"
    assert (await webhooks.endpoints.get(TENANT, endpoint_id)).is_enabled
    [dead] = await webhooks.endpoints.deliveries(TENANT, endpoint_id, state="dead", limit=9)
    assert dead.event_id == bad
    assert webhooks.tasks() == []
    receiver.say("204 X")
    await webhooks.endpoints.resend(TENANT, dead.delivery_id, "again")
    await webhooks.endpoints.resend(TENANT, dead.delivery_id, "again")
    await webhooks.deliver()
    assert receiver.ids.count(bad) == TRIES_MAX + 1
    assert (await webhooks.endpoints.delivery(TENANT, dead.delivery_id)).state == "delivered"


async def test_days_of_500_are_told_a_day_before_the_end_and_lose_nothing(
    webhooks: Webhooks, receiver: Receiver, other: Receiver
) -> None:
    receiver.say("500 X")
    made = await webhooks.endpoint(receiver)
    await webhooks.endpoint(other, "webhook_endpoint.*")
    clock, endpoint_id = webhooks.store.clock, made.endpoint.endpoint_id
    began = clock.now()
    sent = [await webhooks.event(f"p{number}") for number in range(4)]
    while not (found := await webhooks.events()):
        await webhooks.deliver_through(clock.now() + HOUR, HOUR / 2)
    [failing] = found
    assert failing.type == "webhook_endpoint.failing"
    assert failing.at - began >= 2 * timedelta(days=1)
    shown = await webhooks.endpoints.get(TENANT, endpoint_id)
    assert shown.health.disable_at == failing.at + timedelta(days=1)
    [task] = webhooks.tasks()
    assert endpoint_id in task.question
    assert (task.due_at, task.closed_at) == (shown.health.disable_at, None)
    while (await webhooks.endpoints.get(TENANT, endpoint_id)).is_enabled:
        await webhooks.deliver_through(clock.now() + HOUR, HOUR / 2)
    disabled = (await webhooks.endpoints.get(TENANT, endpoint_id)).disabled_at
    assert disabled is not None
    assert timedelta(days=1) <= disabled - failing.at <= timedelta(hours=27)
    assert len(receiver.ids) <= 200, "it was asked again and again"
    [task] = webhooks.tasks()
    assert task.closed_at is not None
    sent += [await webhooks.event(f"later{number}") for number in range(2)]
    await webhooks.deliver()
    tried = len(receiver.ids)
    await webhooks.deliver_through(clock.now() + 4 * HOUR, HOUR)
    assert len(receiver.ids) == tried, "nothing is sent to a disabled endpoint"
    assert [each["type"] for each in (one.event for one in other.received)] == [
        "webhook_endpoint.failing", "webhook_endpoint.disabled",
    ]  # fmt: skip
    receiver.say("200 OK")
    await webhooks.endpoints.enable(TENANT, endpoint_id)
    await webhooks.deliver_through(clock.now() + 48 * HOUR, HOUR)
    after = [each for each in receiver.ids[tried:] if each.startswith("evt_pay")]
    assert after == sent, "all that waited, in order"


async def test_one_that_recovers_after_the_notice_is_told_and_gets_all_at_once(
    webhooks: Webhooks, receiver: Receiver
) -> None:
    receiver.say("503 X\r\nretry-after: 3600")
    made = await webhooks.endpoint(receiver)
    sent = [await webhooks.event(f"p{number}") for number in range(3)]
    clock = webhooks.store.clock
    while not await webhooks.events():
        await webhooks.deliver_through(clock.now() + 3 * HOUR, HOUR)
    tried = len(receiver.ids)
    receiver.say("200 OK")
    while not (ids := receiver.ids[tried:]):
        await webhooks.deliver_through(clock.now() + HOUR, HOUR)
    assert {*ids} >= {*sent}, "what was put off for hours is sent too"
    assert [each.change for each in await webhooks.events()] == ["failing", "recovered"]
    [task] = webhooks.tasks()
    assert task.closed_at is not None
    assert (await webhooks.endpoints.get(TENANT, made.endpoint.endpoint_id)).health.failures == 0


async def test_410_disables_at_once(webhooks: Webhooks, receiver: Receiver) -> None:
    receiver.say("410 Gone")
    made = await webhooks.endpoint(receiver)
    await webhooks.event("a")
    await webhooks.event("b")
    await webhooks.deliver_through(webhooks.store.clock.now() + 24 * HOUR, HOUR)
    assert len(receiver.ids) == 1
    shown = await webhooks.endpoints.get(TENANT, made.endpoint.endpoint_id)
    assert shown.disabled_why == "gone"
    [event] = await webhooks.events()
    assert (event.change, event.detail) == ("disabled", {"reason": "gone"})


async def test_a_process_that_dies_before_it_recorded_the_answer_has_it_sent_again(
    webhooks: Webhooks, receiver: Receiver, clock: SteppedClock
) -> None:
    made = await webhooks.endpoint(receiver)
    sent = [await webhooks.event(f"p{number}") for number in range(2)]

    class Dies:
        """The turns of a process that ends between the answer and its record."""

        def __getattr__(self, name: str) -> object:
            return getattr(webhooks.turns, name)

        async def sent(self, due: Due, endpoint_id: str, attempt: Attempt, *_: object) -> None:
            raise SystemError("killed")

    dying = deliverer(Dies(), webhooks.store)  # type: ignore[arg-type]
    assert await dying.look() == 1
    await dying.settled()
    assert receiver.ids == sent[:1]
    await webhooks.deliver()
    assert receiver.ids == sent[:1], "its turn lasts until it would have ended"
    clock.step(timedelta(minutes=2))
    await webhooks.deliver()
    assert receiver.ids == [sent[0], *sent]
    bodies = {each.body for each in receiver.received if each.id == sent[0]}
    assert len(bodies) == 1
    listed = await webhooks.endpoints.deliveries(TENANT, made.endpoint.endpoint_id, limit=9)
    assert [each.state for each in listed] == ["delivered"] * 2


async def test_two_processes_share_endpoints_without_mixing_the_order(
    webhooks: Webhooks, receiver: Receiver, other: Receiver, store: Store
) -> None:
    await webhooks.endpoint(receiver)
    await webhooks.endpoint(other)
    sent = [await webhooks.event(f"p{number}") for number in range(30)]
    beside = store.beside()
    try:
        second = Webhooks(beside)
        await asyncio.gather(webhooks.deliver(), second.deliver())
    finally:
        beside.close()
    assert receiver.ids == sent
    assert other.ids == sent


async def test_what_waits_is_kept_in_the_store_and_sent_by_the_next_process(
    webhooks: Webhooks, receiver: Receiver, store: Store, clock: SteppedClock
) -> None:
    receiver.say("500 X", "200 OK")
    await webhooks.endpoint(receiver)
    sent = await webhooks.event("a")
    await webhooks.deliver()
    beside = store.beside()
    try:
        second = Webhooks(beside)
        await second.deliver()
        assert receiver.ids == [sent]
        clock.step(DELAYS[0] * 2)
        await second.deliver()
    finally:
        beside.close()
    assert receiver.ids == [sent, sent]


async def test_a_new_address_gets_what_waits_for_the_old_one(
    webhooks: Webhooks, receiver: Receiver, other: Receiver
) -> None:
    receiver.say("404 X")
    made = await webhooks.endpoint(receiver)
    sent = await webhooks.event("a")
    await webhooks.deliver_through(webhooks.store.clock.now() + HOUR, HOUR / 12)
    endpoint_id = made.endpoint.endpoint_id
    await webhooks.endpoints.change(TENANT, endpoint_id, url=other.url, types=["payment.created"])
    webhooks.store.clock.step(5 * HOUR)
    await webhooks.deliver()
    assert other.ids == [sent]
