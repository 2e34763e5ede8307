"""One world from beginning to end: the product's own code, and everything around it simulated."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import functools
import json
import random
import traceback
from collections import Counter
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final, cast

from temporalio.testing import ActivityEnvironment

from activities.checks import Checks
from activities.clocks import Clocks
from activities.partner_steps import PartnerSteps
from activities.payment_store import PaymentStore
from activities.upkeep import Upkeep
from activities.witness import Witness
from assembly import STORE_AWAY
from domain.accounts import Account
from domain.lifecycle.profile import IdempotencyKind, InstructionKind, LookupKind, Profile
from domain.lifecycle.witness import Known
from domain.money import Money
from domain.party import Party
from domain.payments.order import Order, Times
from regimes.ladder import escalate
from starter.asking import Notifier
from starter.away import TemporalAway
from starter.client import Orchestrator
from starter.operators import Operators
from starter.running import Running
from store.claims import Claims
from store.clocks import StoreClocks
from store.commands import Commands
from store.faults import StoreAway
from store.folding import Folding
from store.future import Future
from store.inbox import Inbox
from store.notifications import Notifications
from store.payment_kind import payments_alone
from store.payments import Payments
from store.records import PaymentRecord
from store.rounds import Rounds
from store.sending import SendBook
from store.set_back import SetBack
from store.strangers import Strangers
from store.tasks import Tasks
from store.turns import ReadTurns
from terminal.table import as_object
from tests.clock import AgreedClocks
from tests.proof.accounts import bank_account
from tests.proof.bank_partner import BANK, BankAccount, BankPartner
from tests.proof.checker import Comparison, compare
from tests.proof.simulation.activations import KEYRING
from tests.proof.simulation.database import SimulatedDatabase
from tests.proof.simulation.happenings import happen
from tests.proof.simulation.loop import BEGINNING, Process, SimulatedClock, VirtualLoop
from tests.proof.simulation.network import Network, SimulatedBank
from tests.proof.simulation.plan import GIVEN_WITHIN, HEALED_AFTER, RESTORES, Fault, Kind, Plan
from tests.proof.simulation.restores import ListingBank, lists, restore
from tests.proof.simulation.result import Result, stuck_payments
from tests.proof.simulation.temporal import Temporal
from tests.proof.simulation.weather import CURRENT, Weather
from tests.proof.simulation.worker import Worker
from tests.rounds import no_feeds, no_round

_TENANT: Final = "shop"
_WORKERS: Final = 2
_BORN_AGAIN_SECONDS: Final = 1.0
_UPKEEP_SECONDS: Final = 20.0
#: After the last fault everything has so long to come to its end.
_PEACE_SECONDS: Final = 1500.0
_CREDITOR: Final = "NL91ABNA0417164300"


@dataclass(eq=False)
class World:
    """Everything of one run."""

    plan: Plan
    database: SimulatedDatabase
    clock: SimulatedClock
    loop: VirtualLoop
    weather: Weather
    temporal: Temporal
    bank: SimulatedBank
    journal: list[str] = field(default_factory=list)
    numbers: dict[str, int] = field(default_factory=dict)
    """Of payments by their ids."""
    born: int = 0
    hired: int = 0
    known: Known = field(default_factory=Known)
    """What Temporal remembers of the last round of upkeep."""

    def order(self, number: int) -> Order:
        """The same whenever it is asked for: a client that died gives it again."""
        return Order(
            tenant=_TENANT,
            partner=BANK,
            partner_account=_account(self.plan, number),
            instructed_amount=Money(minor=1000 + number, currency="EUR"),
            debtor=Party(name="We GmbH"),
            debtor_account=Account(iban="DE89370400440532013000"),
            creditor=Party(name="Jan de Vries"),
            creditor_account=Account(iban=_CREDITOR),
            end_to_end_id=f"order-{number}",
            times=Times(submit_before=BEGINNING + timedelta(seconds=self._sent_before(number))),
        )

    def _sent_before(self, number: int) -> float:
        """Of some orders the time runs out while things still go wrong; of none that is given again
        to a world that has forgotten it."""
        if self._forgets:
            return HEALED_AFTER * 4
        return HEALED_AFTER + 60 if number % 3 else HEALED_AFTER / 2

    @functools.cached_property
    def _forgets(self) -> bool:
        return any(fault.kind in RESTORES for fault in self.plan.faults)

    def payment_id(self, number: int) -> str | None:
        """Of a payment that was taken."""
        return next((one for one, of in self.numbers.items() if of == number), None)

    # Processes

    def process(self, name: str) -> Process:
        self.born += 1
        process = Process(f"{name} {self.born}")
        ahead = [f for f in self.plan.faults if f.kind is Kind.CLOCK_AHEAD]
        if ahead and self.born % 2:
            process.clock_runs_ahead = timedelta(seconds=ahead[0].amount)
            self.weather.fired[Kind.CLOCK_AHEAD, "process"] += 1
        if name == "worker" and self.wrong_clocks:
            self._set_wrong(process)
        return process

    @functools.cached_property
    def wrong_clocks(self) -> list[Fault]:
        """Clocks that are so wrong that their process may do nothing."""
        return [f for f in self.plan.faults if f.kind in (Kind.CLOCK_DAYS_AHEAD, Kind.CLOCK_BEHIND)]

    def _set_wrong(self, process: Process) -> None:
        """Every second worker's clock is right; those of the others go wrong by turns, and are
        mended when everything is."""
        self.hired += 1
        if self.hired % 2:
            fault = self.wrong_clocks[self.hired // 2 % len(self.wrong_clocks)]
            process.clock_runs_ahead = timedelta(seconds=fault.amount)
            process.clock_is_mended_at = HEALED_AFTER
            self.weather.fires(fault, "process")

    def work(self) -> None:
        """A worker process is born, and polls."""
        payments, book = (
            Payments(self.database, KEYRING, payments_alone(escalate)),
            SendBook(self.database, KEYRING, payments_alone(escalate)),
        )
        commands = Commands(self.database, Folding(KEYRING, payments_alone(escalate)))
        clocks = Clocks(
            self.clock,
            StoreClocks(self.database),
            process=f"worker {self.born + 1}",
            elapsed=self.loop.time,
        )
        steps = PartnerSteps(
            partners=self.partners(),
            kinds=payments_alone(escalate),
            book=book,
            turns=ReadTurns(self.database, Folding(KEYRING, payments_alone(escalate))),
            checks=Checks(self.clock, ()),
            witness=self.witness(),
            clocks=clocks,
            future=Future(self.database, Folding(KEYRING, payments_alone(escalate))),
            store_away=STORE_AWAY,
        )
        store = PaymentStore(
            kinds=payments_alone(escalate),
            payments=payments,
            book=book,
            commands=commands,
            set_back=self.set_back,
            clock=self.clock,
        )
        activities: list[Any] = [steps.instruct, steps.read, store.load, store.record, store.cancel]
        process = self.process("worker")
        self.temporal.join(Worker(process, activities, self.point, self.clock, clocks.apart))

    def witness(self) -> Witness:
        """Of a process: the banks that list what they made, in worlds where that matters."""
        listers = {
            name: (ListingBank(self.bank, partner), partner.profile)
            for name, partner in self.partners().items()
            if self._forgets and lists(partner.profile.operation(InstructionKind.PAY).lookup.kind)
        }
        strangers = Strangers(self.database, Folding(KEYRING, payments_alone(escalate)))
        return Witness(listers=listers, strangers=strangers, clock=self.clock)

    @property
    def set_back(self) -> SetBack:
        """What follows where the store was set back."""
        return SetBack(self.database, Folding(KEYRING, payments_alone(escalate)))

    def partners(self) -> dict[tuple[str, str], Any]:
        """One adapter for each shape of bank; their connections are simulated."""
        made: dict[tuple[str, str], Any] = {}
        for idempotency, lookup in dict.fromkeys(self.plan.shapes):
            account = BankAccount(
                base_url="https://bank.example",
                idempotency=IdempotencyKind(idempotency),
                lookup=LookupKind(lookup),
                watch=timedelta(minutes=1),
                write_within=timedelta(seconds=3),
                answer_within=timedelta(seconds=2),
                read_pause=timedelta(milliseconds=400),
            )
            partner = BankPartner(account, self.clock)
            partner._profile = partner.profile.model_copy(
                update={"read_pause_max": timedelta(seconds=30)}
            )
            partner._transport = cast(
                Any, Network(self.bank, self.weather, self.clock, _remembers_keys)
            )
            made[BANK, bank_account(account.idempotency, account.lookup)] = partner
        return made

    @functools.cached_property
    def _profiles(self) -> dict[tuple[str, str], Profile]:
        return {name: partner.profile for name, partner in self.partners().items()}

    async def point(self, name: str, payment_id: str) -> None:
        """A point of a payment, in whatever process."""
        CURRENT.set(self.numbers.get(payment_id, -1))
        await self.weather.point(name)

    def orchestrator(self) -> Orchestrator:
        """An app's client."""
        running = cast(Running, self.temporal)

        async def reached() -> Running:
            return running

        return Orchestrator(
            payments=Payments(self.database, KEYRING, payments_alone(escalate)),
            commands=Commands(self.database, Folding(KEYRING, payments_alone(escalate))),
            claims=Claims(self.database, Folding(KEYRING, payments_alone(escalate))),
            notifier=Notifier(Notifications(self.database), reached, self.clock),
            running=reached,
            profiles=lambda: self._profiles,
            clock=self.clock,
            operators=Operators(self.database, self.clock),
        )

    # What apps, people and the partner do

    async def give(self, number: int, at: float, *, again: bool = False) -> None:
        """An app orders, and asks again until it is told: also after it died meanwhile."""
        await self.until(at)
        key, order = f"key-{number}", self.order(number)
        if not again:
            self._say({"intended": key, "creditor_account": order.creditor_account.number,
                       "creditor": order.creditor.name,
                       "amount_minor": order.instructed_amount.minor, "currency": "EUR",
                       "end_to_end_id": order.end_to_end_id})  # fmt: skip
        while True:
            process = self.process("app")
            asking = process.run(self._pay(number, key, order))
            await asyncio.wait({asking}, timeout=30)
            if asking.done() and asking.exception() is None:
                if (payment_id := asking.result()) is not None:
                    if not again:
                        self._say({"acknowledged": key, "payment_id": payment_id})
                    return
            elif asking.done():
                asking.result()
            process.kill()
            await asyncio.sleep(_BORN_AGAIN_SECONDS)

    async def _pay(self, number: int, key: str, order: Order) -> str | None:
        CURRENT.set(number)
        try:
            receipt = await self.orchestrator().pay(order, key, patience=None)
        except StoreAway:
            return None
        self.numbers[receipt.payment_id] = number
        return str(receipt.payment_id)

    async def upkeep(self) -> None:
        """Relay and sweep, by nobody who dies: that they are done again is a schedule's."""
        rounds = Upkeep(
            payments=Payments(self.database, KEYRING, payments_alone(escalate)),
            inbox=(inbox := Inbox(self.database, KEYRING)),
            notifications=Notifications(self.database),
            tasks=Tasks(self.database),
            rounds=Rounds(self.database, self.set_back),
            witness=self.witness(),
            back_fill=no_feeds(self.database, inbox, self.clock),
            runner=self.temporal,
            clock=self.clock,
            clocks=AgreedClocks(self.clock, StoreClocks(self.database)),
            future=Future(self.database, Folding(KEYRING, payments_alone(escalate))),
            last_round=no_round,
        )
        while True:
            await asyncio.sleep(_UPKEEP_SECONDS)
            with contextlib.suppress(StoreAway, TemporalAway):
                at = self.clock.now()
                mark = await ActivityEnvironment().run(rounds.prove, self.known)
                self.known = Known(mark=mark, at=at)
                await ActivityEnvironment().run(rounds.compare_with_partners)
                await ActivityEnvironment().run(rounds.relay)
                await ActivityEnvironment().run(rounds.sweep)

    async def until(self, at: float) -> None:
        await asyncio.sleep(max(at - self.loop.time(), 0))

    def _say(self, line: dict[str, Any]) -> None:
        self.journal.append(json.dumps(line) + "\n")

    # The end

    async def run(self) -> Result:
        """Everything, until long after the last fault."""
        self.weather.on_death = self.temporal.on_death = self._on_death
        for _ in range(_WORKERS + 2 * max(len(self.wrong_clocks) - 1, 0)):
            self.work()
        chance = random.Random(self.plan.seed)
        things = [
            self.give(number, chance.uniform(0, GIVEN_WITHIN))
            for number in range(self.plan.payments)
        ]
        things += [
            restore(self, fault) if fault.kind in RESTORES else happen(self, fault)
            for fault in self.plan.faults
            if not fault.point
        ]
        things += self.others()
        tasks = [asyncio.create_task(thing) for thing in things]
        tasks.append(asyncio.create_task(self.upkeep()))
        broke = ""
        ended = asyncio.create_task(self._until_over())
        watched = {self.temporal.broken, ended, *tasks}
        while not ended.done() and not broke:
            done, _ = await asyncio.wait(watched, return_when=asyncio.FIRST_COMPLETED)
            watched -= done
            broke = next((_told(error) for one in done if (error := one.exception())), "")
        for task in (*tasks, ended):
            task.cancel()
        return await self._result(broke)

    def others(self) -> list[Coroutine[Any, Any, None]]:
        """What else happens in worlds of another kind."""
        return []

    def _on_death(self, process: Process) -> None:
        if process.name.startswith("worker"):
            # Not in the context of the dead, where nothing is done any more.
            self.loop.call_at(
                self.loop.time() + _BORN_AGAIN_SECONDS, self.work, context=contextvars.Context()
            )

    async def _until_over(self) -> None:
        """Until nothing is owed to any payment any more, or peace has lasted long enough."""
        await asyncio.sleep(HEALED_AFTER)
        while self.loop.time() < HEALED_AFTER + _PEACE_SECONDS:
            await asyncio.sleep(_UPKEEP_SECONDS)
            if not self.database.read_now(stuck_payments):
                break
        # A word too late, or a step nobody knew of, would still come.
        await asyncio.sleep(_UPKEEP_SECONDS)

    async def _result(self, broke: str) -> Result:
        records = (await self.orchestrator().find(limit=1_000_000)).records
        rows = [as_object(record) for record in records]
        book = self.bank.book()
        states = Counter(f"{row['state']} ({row['certainty']})" for row in rows)
        return Result(
            plan=self.plan,
            comparison=self.compared(records),
            states=states,
            stuck=self.database.read_now(stuck_payments),
            fired=self.weather.fired,
            masked=self.weather.masked,
            met=[frozenset(kinds) for kinds in self.weather.met.values()],
            unfired=self.weather.unfired,
            seconds=self.loop.time(),
            broke=broke,
            trace=json.dumps([book["payments"], sorted(states.items())]),
        )

    def compared(self, records: Sequence[PaymentRecord]) -> Comparison:
        """Journal, book and store side by side."""
        return compare(self.journal, self.bank.book(), [as_object(one) for one in records])


def _told(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))


def _account(plan: Plan, number: int) -> str:
    idempotency, lookup = plan.shapes[number]
    return bank_account(IdempotencyKind(idempotency), LookupKind(lookup))


def _remembers_keys(path: str) -> bool:
    return not path.startswith(f"/{IdempotencyKind.NONE}/")
