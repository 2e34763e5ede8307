"""A world of a card processor: payments are held, captured, given back and disputed."""

from __future__ import annotations

import asyncio
import functools
import random
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from sqlmodel import Session

from domain.accounts import Account
from domain.lifecycle.profile import IdempotencyKind, LookupKind
from domain.money import Money
from domain.party import Party
from domain.payments.order import Captured, Collection, Direction, Order, Rail, Times
from domain.payments.payment import Payment
from store.claims import CannotClaim
from store.faults import StoreAway
from store.records import PaymentRecord
from store.tables.lifecycles import LifecycleRow
from tests.proof.card_checker import compare_cards, shown_too_early
from tests.proof.cards import Cards
from tests.proof.cards_partner import CARDS, CardsPartner, profile_of
from tests.proof.checker import Comparison
from tests.proof.shown import shown
from tests.proof.simulation.database import SimulatedDatabase
from tests.proof.simulation.happenings import deliver
from tests.proof.simulation.loop import BEGINNING, SimulatedClock, VirtualLoop
from tests.proof.simulation.network import Network
from tests.proof.simulation.plan import HEALED_AFTER, Plan
from tests.proof.simulation.temporal import Temporal
from tests.proof.simulation.weather import CURRENT, Weather
from tests.proof.simulation.world import World

_BORN_AGAIN_SECONDS: Final = 1.0
#: An app whose claim is refused asks again after this, doubled each time: the payment may not be so
#: far yet.
_ASKS_AGAIN_SECONDS: Final = 5.0
_TELLS_AGAIN_SECONDS: Final = 5.0
#: Of apps: those of claims give up a while after everything is healed.
_PATIENCE_SECONDS: Final = HEALED_AFTER + 60
_REVIEW_SECONDS: Final = 20.0
_LOOKS_SECONDS: Final = 10.0


@dataclass
class Wish:
    """One claim that an app asks for."""

    kind: str
    amount_minor: int
    at: float
    admitted: bool = False


@dataclass
class Story:
    """What apps, the payer and the payer's bank do with one payment, drawn from the seed."""

    number: int
    seed: int
    wishes: list[Wish] = field(default_factory=list)
    disputes: list[tuple[float, int, str]] = field(default_factory=list)
    """When, how much, and how each ends."""
    confirms_at: float | None = None

    def __post_init__(self) -> None:
        chance = random.Random(f"card {self.seed} {self.number}")
        own = 10 * self.number
        captures = chance.choice(
            ([3_000, 3_001], [6_000, 6_001], [10_000], [4_000, 4_001, 4_002], [7_000, 5_000])
        )
        refunds = chance.choice(([], [1_500], [2_000, 2_001], [3_000, 3_001, 3_002, 3_003]))
        at = chance.uniform(20, 70)
        # Some at the same moment, as two servers of an app would ask.
        self.wishes = [Wish("capture", own + amount, at + chance.choice((0, 0, 15)))
                       for amount in captures]  # fmt: skip
        at = chance.uniform(60, 120)
        self.wishes += [Wish("refund", own + amount, at + chance.choice((0, 0, 9)))
                        for amount in refunds]  # fmt: skip
        if chance.random() < 0.4:
            ends = chance.choice(("lost", "won", "reinstated"))
            self.disputes.append((chance.uniform(70, 140), own + 700, ends))
        self.confirms_at = chance.uniform(25, 45) if chance.random() < 0.7 else None
        # Drawn apart, so that the rest of a seed's world is what it was before there were any.
        chance = random.Random(f"increment {self.seed} {self.number}")
        if chance.random() < 0.6 and not self.is_captured_at_once:
            at = chance.uniform(15, 45)
            self.wishes.append(Wish("increment", own + 900, at))
            # It fits only into the larger hold, and some apps do not wait for that.
            self.wishes.append(Wish("capture", own + 10_300, at + chance.choice((0, 0, 20))))

    @property
    def reference(self) -> str:
        return f"order-{self.number}"

    @property
    def amount_minor(self) -> int:
        return 10_010 + 10 * self.number

    @property
    def asks_payer(self) -> bool:
        return self.number % 6 == 5

    @property
    def is_captured_at_once(self) -> bool:
        return self.number % 6 == 4


class CardWorld(World):
    """A world whose partner is the card processor."""

    stories: list[Story]
    cards: Cards
    early: set[str]

    @classmethod
    def of(
        cls, plan: Plan, database: SimulatedDatabase, clock: SimulatedClock, loop: VirtualLoop,
        weather: Weather, temporal: Temporal,
    ) -> CardWorld:  # fmt: skip
        """A world of its own."""
        stories = [Story(number, plan.seed) for number in range(plan.payments)]
        asking = {story.reference for story in stories if story.asks_payer}
        cards: Any = Cards(
            lambda: clock.true().timestamp(),
            asks_payer=asking.__contains__,
            fails=lambda reference, amount: amount % 3 == 0,
            declines=lambda reference, amount: amount % 3 == 0,
        )
        world = cls(plan, database, clock, loop, weather, temporal, cards)
        world.stories, world.cards, world.early = stories, cards, set()
        return world

    def order(self, number: int) -> Order:
        story = self.stories[number]
        captured = Captured.AT_ONCE if story.is_captured_at_once else Captured.LATER
        return Order(
            tenant="shop",
            partner=CARDS,
            partner_account="/".join(self.plan.shapes[number]),
            rail=Rail.CARD,
            direction=Direction.INCOMING,
            collection=Collection(payment_method=f"pm_{number}", captured=captured),
            instructed_amount=Money(minor=story.amount_minor, currency="EUR"),
            debtor=Party(name="Jan de Vries"),
            debtor_account=Account(other=f"pm_{number}"),
            creditor=Party(name="We GmbH"),
            creditor_account=Account(iban="DE89370400440532013000"),
            end_to_end_id=story.reference,
            times=Times(submit_before=BEGINNING + timedelta(seconds=HEALED_AFTER + 60)),
        )

    def partners(self) -> dict[tuple[str, str], Any]:
        """One adapter for each shape; their connections are simulated."""
        made: dict[tuple[str, str], Any] = {}
        for shape in dict.fromkeys(self.plan.shapes):
            profile, name = profile_of(IdempotencyKind(shape[0]), LookupKind(shape[1])), shape[0]
            network = Network(self.bank, self.weather, self.clock, _remembers_keys)
            made[CARDS, "/".join(shape)] = CardsPartner(profile, name, network, self.clock)
        return made

    def others(self) -> list[Coroutine[Any, Any, None]]:
        things = [self.claim(story, wish) for story in self.stories for wish in story.wishes]
        things += [self.disputed(story, *one) for story in self.stories for one in story.disputes]
        things += [
            self.confirmed(story, story.confirms_at)
            for story in self.stories
            if story.asks_payer and story.confirms_at is not None
        ]
        return [*things, self.failures(), self.watched()]

    async def watched(self) -> None:
        """Whoever looks in between sees no money that was not moved yet."""
        while True:
            await asyncio.sleep(_LOOKS_SECONDS)
            for payment in self.bank.book()["payments"]:
                story = next(s for s in self.stories if s.reference == payment["reference"])
                payment_id = self.payment_id(story.number)
                row = self.database.read_now(functools.partial(_amounts, payment_id))
                self.early |= {f"early: {text}" for text in shown_too_early(payment, row)}

    async def failures(self) -> None:
        """The processor tells of refunds that failed: nobody asks about those that were done."""
        told: set[str] = set()
        while True:
            await asyncio.sleep(_TELLS_AGAIN_SECONDS)
            for number, refund in self._failed():
                if refund not in told and await deliver(self, number, f"{refund} failed"):
                    told.add(refund)

    def _failed(self) -> list[tuple[int, str]]:
        numbers = {story.reference: story.number for story in self.stories}
        return [
            (numbers[payment["reference"]], child["id"])
            for payment in self.bank.book()["payments"]
            for child in payment["children"]
            if child["status"] == "failed"
        ]

    async def claim(self, story: Story, wish: Wish) -> None:
        """An app asks until it is told, also after it died meanwhile: always under one key."""
        await self.until(wish.at)
        pause_seconds = _ASKS_AGAIN_SECONDS
        while self.loop.time() < _PATIENCE_SECONDS:
            process = self.process("app")
            asking = process.run(self._claim(story, wish))
            await asyncio.wait({asking}, timeout=30)
            if asking.done() and asking.exception() is None:
                wish.admitted = wish.admitted or asking.result()
                if wish.admitted:
                    return
                await asyncio.sleep(pause_seconds)
                pause_seconds *= 2
            elif asking.done():
                asking.result()
            process.kill()
            await asyncio.sleep(_BORN_AGAIN_SECONDS)

    async def _claim(self, story: Story, wish: Wish) -> bool:
        CURRENT.set(story.number)
        payment_id = self.payment_id(story.number)
        if payment_id is None:
            return False
        client, amount = self.orchestrator(), Money(minor=wish.amount_minor, currency="EUR")
        claims = {"increment": client.increment, "capture": client.capture, "refund": client.refund}
        ask, key = claims[wish.kind], f"k-{wish.amount_minor}"
        try:
            for _ in range(2):  # An app that does not trust its own notes asks again.
                await ask(payment_id, key, amount, tenant="shop", by="shop")
        except (StoreAway, CannotClaim):
            return False
        return True

    async def confirmed(self, story: Story, at: float) -> None:
        """The payer confirms what the processor asked."""
        await self.until(at)
        while self.loop.time() < _PATIENCE_SECONDS and not self.cards.confirm(story.reference):
            await asyncio.sleep(_TELLS_AGAIN_SECONDS)

    async def disputed(self, story: Story, at: float, amount: int, ends: str) -> None:
        """The payer's bank takes money back and decides, and the processor tells us each time."""
        await self.until(at)
        deadline = self.clock.true().timestamp() + 10 * _REVIEW_SECONDS
        while (dispute := self.cards.dispute(story.reference, amount, deadline)) is None:
            if self.loop.time() > _PATIENCE_SECONDS:
                return
            await asyncio.sleep(_TELLS_AGAIN_SECONDS)
        steps = ("needs_evidence", "pending", "won" if ends == "reinstated" else ends, ends)
        for status in dict.fromkeys(steps):
            if status != dispute.status:
                self.cards.decide(dispute, status)
            told = f"{dispute.id} {status}"
            while not await deliver(self, story.number, told):
                await asyncio.sleep(_TELLS_AGAIN_SECONDS)
            await asyncio.sleep(_REVIEW_SECONDS)

    def compared(self, records: Sequence[PaymentRecord]) -> Comparison:
        asked = [
            {"reference": s.reference, "kind": w.kind, "amount_minor": w.amount_minor,
             "admitted": w.admitted}
            for s in self.stories for w in s.wishes
        ]  # fmt: skip
        acknowledged = sum("acknowledged" in line for line in self.journal)
        known = set(self.numbers.values())
        asked += [{"reference": s.reference, "kind": "order", "amount_minor": s.amount_minor,
                   "admitted": s.number in known} for s in self.stories]  # fmt: skip
        ours = self.database.read_now(functools.partial(shown, records))
        told = compare_cards(asked, self.bank.book(), ours)
        return Comparison(
            requested=len(self.stories),
            acknowledged=acknowledged,
            booked=told.captured,
            twice=told.twice,
            lost=told.lost,
            flaws=(*told.flaws, *sorted(self.early)),
        )


def _amounts(payment_id: str | None, session: Session) -> dict[str, int]:
    row = session.get(LifecycleRow, payment_id) if payment_id else None
    if row is None:
        return {}
    amounts = Payment.model_validate_json(row.folded_json).amounts
    return {name: getattr(amounts, name).minor for name in ("captured", "refunded", "disputed")}


def _remembers_keys(path: str) -> bool:
    return not path.startswith(f"/{IdempotencyKind.NONE}/")
