"""A process that is killed while a delivery is under way loses nothing."""

from __future__ import annotations

import asyncio
import multiprocessing
from datetime import timedelta
from pathlib import Path

from tests.clock import START, SteppedClock
from tests.starter.webhooks.conftest import Webhooks
from tests.starter.webhooks.receiver import Received, Receiver
from tests.store.books import Store


def _deliver(where: Path | str) -> None:
    """A process that delivers until it is killed."""
    webhooks = Webhooks(Store(where, SteppedClock(START)))
    asyncio.run(webhooks.deliverer.run(asyncio.Event()))


async def test_a_delivery_that_a_kill_cut_off_comes_again_with_the_same_id_and_in_order(
    webhooks: Webhooks, receiver: Receiver, store: Store
) -> None:
    taken = asyncio.Event()

    async def hang_at_the_second(received: Received) -> str:
        if len(receiver.received) == 2:
            taken.set()
            await asyncio.sleep(60)
        return "200 OK"

    receiver.answer = hang_at_the_second
    await webhooks.endpoint(receiver)
    sent = [await webhooks.event(f"p{number}") for number in range(4)]
    process = multiprocessing.get_context("spawn").Process(target=_deliver, args=(store.where,))
    process.start()
    try:
        async with asyncio.timeout(120):
            await taken.wait()
    finally:
        process.kill()
        process.join()
    assert receiver.ids == sent[:2]
    await webhooks.deliver()
    assert receiver.ids == sent[:2], "the turn of the dead process still lasts"
    store.clock.step(timedelta(minutes=2))
    await webhooks.deliver()
    assert receiver.ids == [*sent[:2], *sent[1:]]
