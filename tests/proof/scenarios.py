"""What is killed at every point: each story as one value, with the ends that are right for it."""

from __future__ import annotations

import asyncio
import time
import zlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from domain.lifecycle.notifying import AGES
from domain.lifecycle.profile import IdempotencyKind, LookupKind
from domain.lifecycle.resource import Certainty
from domain.lifecycle.sending import AttemptResult
from domain.payments.order import Order, Times
from domain.payments.report import PaymentState
from starter.journal import Journal
from store.commands import CannotResolve
from store.records import PaymentRecord
from store.timeline import Timelines
from tests.operators import enrolled, person
from tests.proof.accounts import FORGETFUL, READ, TOLD, bank_account
from tests.proof.arena import OPERATORS, Arena, Standing
from tests.proof.bank_partner import BANK
from tests.proof.case import SEND
from tests.proof.world import order

FINAL, SETTLED, REJECTED = PaymentState.FINAL, PaymentState.SETTLED, PaymentState.REJECTED
RETURNED, CANCELLED = PaymentState.RETURNED, PaymentState.CANCELLED
#: Kept by nobody that we may ask: nobody but the partner's people can tell.
BLIND: Final = frozenset({LookupKind.STATEMENT_ONLY, LookupKind.NONE})
#: Which may be sent the same bytes again while in doubt.
REPEATABLE: Final = frozenset({IdempotencyKind.REPLAY_RESPONSE, IdempotencyKind.REPLAY_STATE})


#: Upkeep tells a run that is late with a step, which may be dead, only at the first age.
_END_SECONDS: Final = 60.0 + AGES[0].total_seconds()
_LOOK_SECONDS: Final = 0.2
#: The partner has it and has not said that it is done.
HELD: Final = (PaymentState.AWAITING_PARTNER, PaymentState.ACCEPTED, PaymentState.PROCESSING)


@dataclass
class Run:
    """One payment of a scenario."""

    scenario: Scenario
    reference: str
    payment_id: str = ""
    done: set[int] = field(default_factory=set)
    """Actions that were carried out, by their place."""


Moment = Callable[[PaymentRecord], bool]
Deed = Callable[[Arena, Run], Awaitable[bool]]


@dataclass(frozen=True)
class Scenario:
    """A story: an order, what the partner does with it, what people do, and how it may end.

    Attributes:
        faults: rules for the simulator, or faults for the bank, in the order of sends.
        hold_seconds: how long the bank waits before it releases.
        send_after: the order is not to be sent before that.
        actions: each carried out once, when its moment is there, until it says it was done.
        ends: states that are right; a certain one of them is expected.
        may_park: in doubt with a question to a person is right too.
    """

    name: str
    partner: str = "currencycloud"
    account: str = READ
    faults: tuple[tuple[str, Mapping[str, Any]] | str, ...] = ()
    hold_seconds: float = 0.0
    send_after: timedelta | None = None
    actions: tuple[tuple[Moment, Deed], ...] = ()
    ends: frozenset[PaymentState] = frozenset({FINAL})
    may_park: bool = False

    @property
    def collects(self) -> bool:
        """Whether it takes money in."""
        return False

    @property
    def prefix(self) -> str:
        """Of its payments' references, which are short."""
        return f"{zlib.crc32(self.name.encode()):08x}-{self.name[:12].replace(' ', '-')}-"

    def order(self, reference: str, number: int) -> Order:
        """Each to a creditor account of its own."""
        given = order(reference, number, minor=100_00 + number, account=self.account)
        changes: dict[str, Any] = {"partner": self.partner}
        if self.send_after is not None:
            now = datetime.now(UTC)
            changes["times"] = Times(
                submit_from=now + self.send_after, submit_before=now + timedelta(minutes=10)
            )
        return given.model_copy(update=changes)

    def verdict(self, standing: Standing) -> str:
        """ended, parked, or (so far) stuck."""
        if standing.is_certain and standing.state in self.ends:
            return "ended"
        if not standing.is_certain and self.may_park and standing.is_asked:
            return "parked"
        return "stuck"

    def journal(self, arena: Arena) -> Journal:
        """Where the client writes what it orders."""
        return arena.journal

    async def ordered(self, arena: Arena, reference: str, number: int) -> Order:
        """The order, once the partner knows what to do with it."""
        await self.prepare(arena, reference)
        return self.order(reference, number)

    async def prepare(self, arena: Arena, reference: str) -> None:
        """Tell the partner what to do with it."""
        if self.partner == BANK:
            script = {
                "reference": reference,
                "faults": list(self.faults),
                "hold_seconds": self.hold_seconds,
            }
            await arena.bank.control("script", script)
            return
        rules = []
        for fault in self.faults:
            name, param = (fault, {}) if isinstance(fault, str) else fault
            rules.append(
                {"fault": name, "on": SEND, "times": 1, "match": {"reference": reference},
                 "param": dict(param)}
            )  # fmt: skip
        if rules:
            await arena.simulator_of(self.account).control("POST", "faults", rules)


async def give(arena: Arena, scenario: Scenario) -> Run:
    """Journal the order, give it, journal the answer."""
    number = next(arena.numbers)
    run = Run(scenario, f"{scenario.prefix}{number}")
    given = await scenario.ordered(arena, run.reference, number)
    journal = scenario.journal(arena)
    journal.intend(run.reference, given)
    receipt = await arena.assembly.orchestrator.pay(given, run.reference, patience=None)
    journal.acknowledged(run.reference, receipt.payment_id)
    run.payment_id = receipt.payment_id
    return run


async def act(arena: Arena, run: Run) -> None:
    """Carry out what people do at this moment."""
    if len(run.done) == len(run.scenario.actions):
        return
    record = await arena.assembly.orchestrator.get(run.payment_id, tenant=None)
    for place, (moment, deed) in enumerate(run.scenario.actions):
        if place not in run.done and moment(record) and await deed(arena, run):
            run.done.add(place)


async def at_end(arena: Arena, runs: Sequence[Run]) -> list[Run]:
    """Those at a right end; with all of them people do what they do at this moment."""
    for run in runs:
        await act(arena, run)
    standing = await arena.standing([run.payment_id for run in runs])
    return [run for run in runs if run.scenario.verdict(standing[run.payment_id]) != "stuck"]


async def until_ended(
    arena: Arena, runs: Sequence[Run], seconds: float = _END_SECONDS
) -> dict[str, float]:
    """Reference to when it was seen at a right end; those that never were are missing."""
    deadline = time.monotonic() + seconds
    ended: dict[str, float] = {}
    while len(ended) < len(runs) and time.monotonic() < deadline:
        for run in await at_end(arena, [run for run in runs if run.reference not in ended]):
            ended[run.reference] = time.monotonic()
        await asyncio.sleep(_LOOK_SECONDS)
    return ended


async def story(arena: Arena, run: Run) -> str:
    """What happened to a payment, for the text of a failure."""
    record = await arena.assembly.orchestrator.get(run.payment_id, tenant=None)
    timeline = await Timelines(arena.assembly.database, arena.assembly.keyring).of(run.payment_id)
    lines = [f"{run.reference}: {record.payment.state} ({record.payment.certainty})"]
    lines += [str(finding) for finding in record.payment.findings]
    lines += [f"{entry.at:%H:%M:%S.%f} {entry.kind} {entry.text}" for entry in timeline]
    return "\n".join(lines)


def in_state(*states: PaymentState) -> Moment:
    return lambda record: record.payment.state in states


def in_question(record: PaymentRecord) -> bool:
    """In doubt, and nothing of it is under way any more: only then may people look."""
    attempts = [a for i in record.view.instructions for a in i.book.attempts]
    now = datetime.now(UTC)
    is_live = any(a.result is AttemptResult.OPEN and now < a.ends_by for a in attempts)
    return record.payment.certainty is Certainty.UNKNOWN and bool(attempts) and not is_live


async def cancel(arena: Arena, run: Run) -> bool:
    await arena.assembly.orchestrator.cancel(run.payment_id, "cancel", by="shop", tenant=None)
    return True


async def resolve(arena: Arena, run: Run) -> bool:
    """Operators look into the bank's own book, and say what they saw."""
    operations, payment_id = arena.assembly.operations, run.payment_id
    enrolled(arena.assembly.database, arena.assembly.clock.now(), *OPERATORS)
    ada, bo = map(person, OPERATORS)
    book = await arena.bank.control("book")
    held = [p["id"] for p in book["payments"] if p["reference"] == run.reference]
    try:
        if held:
            why = "seen in their book"
            await operations.executed(payment_id, "found", signer=ada, why=why, reference=held[0])
            return True
        for number, who in enumerate((ada, bo)):
            await operations.not_executed(
                payment_id, f"signed {number}", signer=who, why="not in their book",
                evidence=b"their list of the day",
            )  # fmt: skip
    except CannotResolve:
        return False  # Meanwhile something is under way again, or is known.
    return True


async def announce_completed(arena: Arena, run: Run) -> bool:
    """The simulator's webhook, once its book says completed."""
    book = await arena.simulator.control("GET", "book")
    if not any(p["reference"] == run.reference and p["status"] == "completed"
               for p in book["payments"]):  # fmt: skip
        return False
    return await arena.announce(run.reference)


async def fail_and_announce(arena: Arena, run: Run) -> bool:
    """Long after the end the money comes back, and the partner says so."""
    book = await arena.simulator.control("GET", "book")
    (found,) = [p for p in book["payments"] if p["reference"] == run.reference]
    fate = {"fault": "fail_after_completed", "param": {"fee": "0.00"}}
    await arena.simulator.control("POST", f"payments/{found['id']}", fate)
    return await arena.announce(run.reference, run.scenario.account)


STORIES: Final = (
    Scenario("settled by reads only"),
    Scenario(
        "settled by webhook",
        account=TOLD,
        actions=((in_state(*HELD), announce_completed),),
        ends=frozenset({SETTLED}),
    ),
    Scenario("rejected", faults=("fail_before_release",), ends=frozenset({REJECTED})),
    Scenario("suspended then released", faults=(("suspend", {"resume_after_seconds": 0.6}),)),
    Scenario("lost reply", faults=("reply_lost_after",)),
    # Where the word is lost with its worker, the next send is the first that they hear.
    Scenario("duplicate word", faults=("duplicate_word",), may_park=True),
    Scenario("token death", account=FORGETFUL, faults=("unauthorised",)),
    Scenario(
        "failed after completed", faults=("fail_after_completed",), ends=frozenset({RETURNED})
    ),
    Scenario(
        "late evidence after the end",
        actions=((in_state(FINAL), fail_and_announce),),
        ends=frozenset({RETURNED}),
    ),
    Scenario(
        "cached 500",
        partner=BANK,
        account=bank_account(IdempotencyKind.REPLAY_RESPONSE, LookupKind.STRONG),
        faults=("error_before",),
    ),
    Scenario(
        "cancel in time",
        partner=BANK,
        account=bank_account(IdempotencyKind.REPLAY_STATE, LookupKind.STRONG),
        hold_seconds=6,
        actions=((in_state(*HELD), cancel),),
        ends=frozenset({CANCELLED, FINAL}),
    ),
    Scenario(
        "cancel race",
        partner=BANK,
        account=bank_account(IdempotencyKind.NONE, LookupKind.STRONG),
        hold_seconds=0.7,
        actions=((in_state(PaymentState.SUBMITTING, *HELD), cancel),),
        ends=frozenset({CANCELLED, FINAL}),
    ),
    Scenario(
        "future-dated",
        partner=BANK,
        account=bank_account(IdempotencyKind.REPLAY_STATE, LookupKind.STRONG),
        send_after=timedelta(seconds=2),
    ),
    Scenario(
        "operator finds it executed",
        partner=BANK,
        account=bank_account(IdempotencyKind.NONE, LookupKind.NONE),
        faults=("lost_after",),
        actions=((in_question, resolve),),
        ends=frozenset({FINAL, REJECTED}),
    ),
    Scenario(
        "operators find it not executed",
        partner=BANK,
        account=bank_account(IdempotencyKind.NONE, LookupKind.NONE),
        faults=("lost_before",),
        actions=((in_question, resolve),),
        ends=frozenset({FINAL, REJECTED}),
    ),
)

SHAPES: Final = tuple(
    Scenario(
        f"bank {idempotency} {lookup}",
        partner=BANK,
        account=bank_account(idempotency, lookup),
        may_park=lookup in BLIND and idempotency not in REPEATABLE,
    )
    for idempotency in IdempotencyKind
    for lookup in LookupKind
)
