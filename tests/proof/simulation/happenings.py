"""Faults that are tied to a moment of a world, and not to a point that somebody passes."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final

from sqlmodel import select

from domain.payments.payment import UnknownPayment
from domain.payments.report import PaymentState, Source
from starter.away import TemporalAway
from store.faults import StoreAway
from store.inbox import Inbox
from store.tables.lifecycles import LifecycleRow
from tests.attacks.strangers import forged
from tests.proof.bank_partner import BANK
from tests.proof.simulation.activations import KEYRING
from tests.proof.simulation.plan import HEALED_AFTER, Fault, Kind

if TYPE_CHECKING:
    from tests.proof.simulation.world import World

_TELLS_AGAIN_SECONDS: Final = 5.0


async def happen(world: World, fault: Fault) -> None:
    """What is tied to a moment."""
    await world.until(fault.at)
    payment_id = world.payment_id(fault.payment)
    done, was_over = False, _is_over(world, payment_id)
    with contextlib.suppress(StoreAway, TemporalAway, UnknownPayment):
        match fault.kind:
            case Kind.STORE_AWAY:
                world.weather.store_away_until, done = fault.at + fault.amount, True
            case Kind.TEMPORAL_AWAY:
                world.temporal.away_until, done = fault.at + fault.amount, True
            case Kind.TERMINATE if payment_id:
                done = world.temporal.terminate(payment_id)
            case Kind.STRANGER if payment_id:
                said = forged(payment_id, Source.READ, PaymentState.SETTLED, world.clock.now())
                done = await world.temporal.forge(payment_id, said, HEALED_AFTER)
            case Kind.FAIL_LATER:
                asked = {"reference": world.order(fault.payment).end_to_end_id}
                done = world.bank.answer("POST", "/_control/fail", asked).body["failed"] > 0
                # After the watch nobody asks by himself: such a bank has to say so.
                while done and not await _has_been_told(world, fault):
                    await asyncio.sleep(_TELLS_AGAIN_SECONDS)
            case Kind.CANCEL if payment_id:
                await world.orchestrator().cancel(payment_id, "cancel", by="shop", tenant=None)
                done = True
            case Kind.NEWS if payment_id:
                done = await deliver(world, fault.payment, f"{fault.payment} at {fault.at}")
            case Kind.REPEAT_ORDER if payment_id:
                key = f"key-{fault.payment}"
                again = await world.orchestrator().pay(
                    world.order(fault.payment), key, patience=None
                )
                assert again.is_replay
                done = True
    if done:
        world.weather.fires(fault, "world", was_over=was_over)


def _is_over(world: World, payment_id: str | None) -> bool:
    if payment_id is None:
        return False
    found = select(LifecycleRow.is_over).where(LifecycleRow.resource_id == payment_id)
    # None where the store was set back to before it was taken.
    return bool(world.database.read_now(lambda session: session.exec(found).one_or_none()))


async def _has_been_told(world: World, fault: Fault) -> bool:
    """A delivery is repeated until it is taken, as partners do for a while."""
    return await deliver(world, fault.payment, f"{fault.payment} at {fault.at}")


async def deliver(world: World, number: int, event_key: str) -> bool:
    """A delivery about a payment, twice. False: it was not taken, and has to be repeated."""
    try:
        return await _deliver(world, number, event_key)
    except (StoreAway, TemporalAway):
        return False


async def _deliver(world: World, number: int, event_key: str) -> bool:
    order = world.order(number)
    held = [p for p in world.bank.book()["payments"] if p["reference"] == order.end_to_end_id]
    if not held:
        return False
    inbox = Inbox(world.database, KEYRING)
    for _ in range(2):  # Doubled, as deliveries are.
        arrival = await inbox.put(
            partner=BANK,
            partner_account=order.partner_account,
            event_key=event_key,
            partner_reference=held[0]["id"],
            body=b"{}",
            now=world.clock.now(),
        )
        if arrival.payment_id:
            await world.temporal.ensure_running(order.tenant, arrival.payment_id)
    return True
