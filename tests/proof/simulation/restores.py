"""Restores in a simulated world: what is copied, set back and given again, and who lifts halts."""

from __future__ import annotations

import asyncio
import contextlib
import random
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from domain.lifecycle.answers import Listed, Shown, Unanswered
from domain.lifecycle.profile import LookupKind
from store.faults import StoreAway
from store.halts import Halts, NotDoubtedYet
from tests.proof.simulation.network import SimulatedBank
from tests.proof.simulation.plan import LISTING, Fault, Kind
from tests.store.copies import copy_of, set_back

if TYPE_CHECKING:
    from tests.proof.bank_partner import BankPartner
    from tests.proof.simulation.world import World

_LIST_SECONDS: Final = 0.02
_LOOKS_SECONDS: Final = 30.0
#: Under workers that run through a restore, a bank without keys protects from the next round on.
_NEXT_ROUND_SECONDS: Final = 25.0


class ListingBank:
    """What one kind of bank shows of what it made, beside the network that breaks."""

    def __init__(self, bank: SimulatedBank, partner: BankPartner) -> None:
        self._bank = bank
        self._name = partner.path.strip("/")

    async def created_since(self, since: datetime) -> Listed | Unanswered:
        await asyncio.sleep(_LIST_SECONDS)
        made = [
            Shown(order_id, key, datetime.fromtimestamp(at, UTC))
            for order_id, key, at in self._bank.made(self._name)
        ]
        return Listed(tuple(one for one in made if one.created_at >= since), is_complete=True)


def lists(lookup: str) -> bool:
    """Whether a bank that can be asked in that way also lists what it made."""
    return LookupKind(lookup) in LISTING


async def restore(world: World, fault: Fault) -> None:
    """Set the store back to a copy, with Temporal or without; then every app gives its orders
    again, as people do who find some missing."""
    await world.until(fault.at - fault.amount)
    copy, known = copy_of(world.database), world.known
    await world.until(fault.at)
    if fault.kind is Kind.RESTORED:
        world.temporal.forget_all()
        world.known = known
    set_back(world.database, copy)
    world.weather.fires(fault, "world")
    chance = random.Random(world.plan.seed)
    after = _NEXT_ROUND_SECONDS if fault.kind is Kind.SET_BACK else 0.0
    given = [
        world.give(number, fault.at + after + chance.uniform(0, 60), again=True)
        for number in range(world.plan.payments)
    ]
    await asyncio.gather(lift(world), *given)


async def lift(world: World) -> None:
    """An operator lifts what has been halted, as soon as that is allowed."""
    while True:
        await asyncio.sleep(_LOOKS_SECONDS)
        with contextlib.suppress(StoreAway, NotDoubtedYet):
            halts = Halts(world.database)
            for halt in await halts.in_force():
                await halts.lift(halt.number, by="operator", now=world.clock.now())
