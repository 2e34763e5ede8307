"""Commands as apps and operators give them: signed, recorded, then told."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import cast

import pytest

from domain.lifecycle.command import Outcome
from domain.lifecycle.notifying import NotNotified
from domain.lifecycle.profile import IdempotencyKind, LookupKind
from domain.lifecycle.questions import TASK_DUE_WITHIN, TASK_OWNER
from domain.lifecycle.resource import Certainty
from domain.payments.display import Funds
from domain.payments.order import Rail
from domain.payments.payment import UnknownPayment
from domain.payments.report import PaymentState
from starter.asking import InvalidCommand, Notifier
from starter.away import TemporalAway
from starter.client import Orchestrator
from starter.evidence import EVIDENCE_BYTES_MAX
from starter.operations import Operations
from starter.operators import Operators
from starter.running import Running
from starter.signing import OperatorKey
from store.claims import Claims
from store.commands import CannotResolve, CommandReused
from store.folding import Folding
from store.halts import Halts
from store.notifications import Notifications
from store.operators import NotSigned
from store.payment_kind import payments_alone
from store.tasks import Tasks
from tests.clock import SteppedClock
from tests.fakes import ACCOUNT, BANK, CREDITOR_IBAN, order, profile
from tests.operators import ALICE, BOB, enrolled, person
from tests.store.books import PAYMENT, Store, accepted, in_doubt

WHY = "asked by telephone"
LETTER = b"Their letter."


class FakeRunning:
    """Stands for Temporal: notes what was told, or is away."""

    def __init__(self) -> None:
        self.refuses: Exception | None = None
        self.told: list[str] = []

    async def __call__(self) -> Running:
        return cast(Running, self)

    async def ensure_running(self, tenant: str, payment_id: str, kind: str = "payment") -> None:
        if self.refuses:
            raise self.refuses
        self.told.append(payment_id)


@pytest.fixture
def clock() -> SteppedClock:
    return SteppedClock()


@pytest.fixture
def store(tmp_path: Path, clock: SteppedClock) -> Iterator[Store]:
    made = Store(tmp_path / "finality.db", clock)
    yield made
    made.close()


@pytest.fixture
def running() -> FakeRunning:
    return FakeRunning()


@pytest.fixture
def notifier(store: Store, running: FakeRunning, clock: SteppedClock) -> Notifier:
    return Notifier(Notifications(store.database), running, clock)


@pytest.fixture
def client(
    store: Store, running: FakeRunning, notifier: Notifier, clock: SteppedClock
) -> Orchestrator:
    return Orchestrator(
        payments=store.payments,
        commands=store.commands,
        claims=Claims(store.database, Folding(store.keyring, payments_alone())),
        notifier=notifier,
        running=running,
        profiles=lambda: {(BANK, ACCOUNT): profile()},
        clock=clock,
        operators=Operators(store.database, clock),
    )


def operations_of(store: Store, notifier: Notifier, clock: SteppedClock) -> Operations:
    return Operations(
        commands=store.commands,
        halts=Halts(store.database),
        tasks=Tasks(store.database),
        notifier=notifier,
        operators=Operators(store.database, clock),
        partners={BANK},
        clock=clock,
    )


@pytest.fixture
def operations(store: Store, notifier: Notifier, clock: SteppedClock) -> Operations:
    enrolled(store.database, clock.now())
    return operations_of(store, notifier, clock)


async def _parked(store: Store) -> None:
    await store.accept(as_of=profile(IdempotencyKind.NONE, LookupKind.NONE))
    await store.begin()
    store.clock.step(timedelta(seconds=3))
    await store.sent(in_doubt())


async def _notifications(store: Store) -> list[tuple[str, str]]:
    return await Notifications(store.database).commands(asked_through=store.clock.now(), limit=9)


async def test_a_cancel_is_recorded_told_and_answered_as_the_payment_now_stands(
    client: Orchestrator, store: Store, running: FakeRunning
) -> None:
    await store.accept()
    receipt = await client.cancel(PAYMENT, "c1", by="shop", why="ordered twice", tenant="shop")
    assert receipt.command.outcome is Outcome.DONE
    assert receipt.payment.state is PaymentState.CANCELLED
    assert (receipt.display.headline, receipt.display.funds) == ("Cancelled", Funds.RELEASE)
    assert receipt.is_notified
    assert running.told == [PAYMENT]
    assert await _notifications(store) == []


@pytest.mark.parametrize("refuses", [TemporalAway("no server"), NotNotified("10,000 signals")])
async def test_if_its_run_cannot_be_notified_a_cancel_is_recorded_all_the_same(
    client: Orchestrator, store: Store, running: FakeRunning, refuses: Exception
) -> None:
    await store.accept(as_of=profile(cancels=True))
    await store.begin()
    await store.sent(accepted(store.clock.now()))
    running.refuses = refuses
    receipt = await client.cancel(PAYMENT, "c1", by="shop", tenant="shop")
    assert not receipt.is_notified
    assert receipt.command.outcome is Outcome.ASKED
    assert await _notifications(store) == [("shop", PAYMENT)]
    running.refuses = None
    again = await client.cancel(PAYMENT, "c1", by="shop", tenant="shop")
    assert again.is_notified
    assert await _notifications(store) == []


async def test_in_doubt_a_cancel_promises_nothing(client: Orchestrator, store: Store) -> None:
    await _parked(store)
    receipt = await client.cancel(PAYMENT, "c1", by="shop", tenant="shop")
    assert receipt.command.outcome is Outcome.ASKED
    assert receipt.display.headline == "We are checking"
    assert receipt.display.funds is Funds.KEEP_HOLDING
    answer = await client.answer_of(PAYMENT, "c1", tenant="shop")
    assert answer.command == receipt.command
    with pytest.raises(LookupError):
        await client.answer_of(PAYMENT, "another", tenant="shop")


async def test_cancelling_what_is_not_there_is_said_and_nothing_runs(
    client: Orchestrator, running: FakeRunning
) -> None:
    with pytest.raises(UnknownPayment, match="no payment pay_1"):
        await client.cancel(PAYMENT, "c1", by="shop", tenant="shop")
    assert running.told == []


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ({"command_id": ""}, "command_id: is missing"),
        ({"command_id": "x" * 256}, "command_id: give one line"),
        ({"command_id": "a\nb"}, "command_id: give one line"),
        ({"by": " "}, "by: is missing"),
        ({"by": "x" * 101}, "by: give one line"),
        ({"why": "x" * 501}, "why: give one line"),
        ({"why": "for\x1b[31m"}, "why: give one line"),
        ({"why": f"goes to {CREDITOR_IBAN} instead"}, "why: shows an account number"),
        ({"why": "goes to de89 3704 0044 0532 0130 00!"}, "why: shows an account number"),
        ({"by": CREDITOR_IBAN}, "by: shows an account number"),
        ({"command_id": f"stop-{CREDITOR_IBAN}"}, "command_id: shows an account number"),
        ({"why": "paid with 4242 4242 4242 4242"}, "why: shows a card number"),
        ({"by": "4242424242424242"}, "by: shows a card number"),
        ({"command_id": "4242-4242-4242-4242"}, "command_id: shows a card number"),
    ],
)
async def test_words_that_cannot_be_kept_in_the_clear_are_refused(
    client: Orchestrator, store: Store, words: dict[str, str], says: str
) -> None:
    await store.accept()
    given = {"command_id": "c1", "by": "shop", "why": "", **words}
    with pytest.raises(InvalidCommand, match=says) as error:
        await client.cancel(
            PAYMENT, given["command_id"], by=given["by"], why=given["why"], tenant="shop"
        )
    assert CREDITOR_IBAN not in str(error.value)
    assert "4242" not in str(error.value)
    assert await store.commands.of(PAYMENT) == []


@pytest.mark.parametrize("why", ["ticket OP12 at the bank, desk 4", "DE89 3704 and so on", ""])
async def test_words_that_only_look_like_an_account_number_are_taken(
    client: Orchestrator, store: Store, why: str
) -> None:
    await store.accept()
    assert (
        await client.cancel(PAYMENT, "c1", by="shop", why=why, tenant="shop")
    ).command.why == why


@pytest.mark.parametrize(
    "forged",
    [person("alice", key_of="bob"), person("alice", key_of="nobody"), person("eve")],
    ids=["anothers key", "a new key", "nobody"],
)
async def test_a_decision_is_signed_with_the_operators_own_key(
    operations: Operations, store: Store, forged: OperatorKey
) -> None:
    """Each door refuses it, and keeps that it was tried; the fourth has to wait."""
    await _parked(store)
    tried = [
        operations.executed(PAYMENT, "e1", signer=forged, why=WHY),
        operations.abandon(PAYMENT, "a1", signer=forged, why=WHY),
        operations.not_executed(PAYMENT, "n1", signer=forged, why=WHY, evidence=LETTER),
        operations.halt(signer=forged, why=WHY),
        operations.lift(1, signer=forged),
    ]
    for number, decision in enumerate(tried):
        with pytest.raises(NotSigned) as error:
            await decision
        said = "try again after" if number >= 3 else "not by the key of an operator"
        assert said in str(error.value)
    assert await store.commands.of(PAYMENT) == []
    assert await operations.halts() == []
    refused = await Operators(store.database, store.clock).refusals()
    assert [(one.claimed, one.kind, one.times) for one in refused] == [
        (forged.by, "not_executed", 3),
        (forged.by, "abandon", 1),
        (forged.by, "executed", 1),
    ]


async def test_found_executed_it_goes_on_under_the_partners_reference(
    operations: Operations, store: Store, running: FakeRunning
) -> None:
    await _parked(store)
    receipt = await operations.executed(PAYMENT, "e1", signer=ALICE, why=WHY, reference="ref-7")
    assert receipt.command.outcome is Outcome.DONE
    assert receipt.payment.state is PaymentState.SETTLED
    assert receipt.payment.partner_reference == "ref-7"
    assert running.told == [PAYMENT]


async def test_two_operators_with_evidence_end_it(operations: Operations, store: Store) -> None:
    await _parked(store)
    first = await operations.not_executed(PAYMENT, "n1", signer=ALICE, why=WHY, evidence=LETTER)
    assert first.command.outcome is Outcome.PROPOSED
    assert first.display.headline == "We are checking"
    second = await operations.not_executed(PAYMENT, "n2", signer=BOB, why=WHY, evidence=b"Another.")
    assert second.command.outcome is Outcome.DONE
    assert second.payment.certainty is Certainty.NOT_SENT
    assert second.display.funds is Funds.RELEASE
    assert WHY not in second.display.detail, "written for operators, not for who ordered"
    assert await operations.evidence(PAYMENT, "n1") == LETTER


async def test_without_operators_not_executed_is_not_offered(
    store: Store, notifier: Notifier, clock: SteppedClock
) -> None:
    nobody = operations_of(store, notifier, clock)
    await _parked(store)
    assert not await nobody.offers_not_executed()
    with pytest.raises(CannotResolve, match=r"needs 2 operators.*finality operator enrol"):
        await nobody.not_executed(PAYMENT, "n1", signer=ALICE, why=WHY, evidence=LETTER)
    assert await store.commands.of(PAYMENT) == []


@pytest.mark.parametrize(
    ("evidence", "says"),
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"x" * (EVIDENCE_BYTES_MAX + 1), "is longer than 5 MiB"),
        (b"Card 4242 4242 4242 4242 was not charged.", "shows a card number"),
    ],
)
async def test_evidence_is_something_and_not_too_much(
    operations: Operations, store: Store, evidence: bytes, says: str
) -> None:
    await _parked(store)
    with pytest.raises(InvalidCommand, match=says):
        await operations.not_executed(PAYMENT, "n1", signer=ALICE, why=WHY, evidence=evidence)
    assert await store.commands.of(PAYMENT) == []


async def test_no_operator_writes_a_card_number_into_the_clear(
    operations: Operations, store: Store
) -> None:
    await _parked(store)
    card = "4242 4242 4242 4242"
    for attempt in (
        operations.executed(PAYMENT, "e1", signer=ALICE, why=card),
        operations.executed(PAYMENT, "e1", signer=ALICE, why=WHY, reference="4242424242424242"),
        operations.abandon(PAYMENT, "a1", signer=ALICE, why=card),
        operations.halt(signer=ALICE, why=card),
        operations.dismiss("t1", signer=ALICE, why=card),
    ):
        with pytest.raises(InvalidCommand, match="shows a card number") as error:
            await attempt
        assert "4242" not in str(error.value)
    assert await store.commands.of(PAYMENT) == []


async def test_a_decision_needs_its_reason(operations: Operations, store: Store) -> None:
    await _parked(store)
    with pytest.raises(InvalidCommand, match="why: is missing"):
        await operations.executed(PAYMENT, "e1", signer=ALICE, why="")
    with pytest.raises(InvalidCommand, match="why: is missing"):
        await operations.halt(signer=ALICE, why=" ")


async def test_an_operators_command_id_is_not_another_operators(
    operations: Operations, store: Store
) -> None:
    await _parked(store)
    await operations.abandon(PAYMENT, "x", signer=ALICE, why=WHY)
    with pytest.raises(CommandReused):
        await operations.abandon(PAYMENT, "x", signer=BOB, why=WHY)


async def test_a_halt_says_what_it_covers_and_how_much_it_holds_back(
    operations: Operations, store: Store, clock: SteppedClock
) -> None:
    await store.accept()
    await store.accept("k2", payment_id="pay_2", of=order(tenant="another"))
    made = await operations.halt(signer=ALICE, why="looks wrong", tenant="shop")
    everything = await operations.halt(signer=BOB, why="all of it")
    assert await operations.halts() == [(made, 1), (everything, 2)]
    assert (made.by, made.tenant, made.partner) == ("alice", "shop", None)
    assert await operations.halts_of("pay_2") == [everything]
    assert await operations.lift(everything.number, signer=ALICE)
    assert not await operations.lift(everything.number, signer=ALICE)
    assert await operations.halts() == [(made, 1)]


@pytest.mark.parametrize(
    ("scope", "known"), [({"partner": "bnak"}, BANK), ({"rail": "sepa"}, ", ".join(sorted(Rail)))]
)
async def test_a_halt_that_would_stop_nothing_is_refused(
    operations: Operations, scope: dict[str, str], known: str
) -> None:
    with pytest.raises(InvalidCommand, match=f"known: {known}"):
        await operations.halt(signer=ALICE, why="looks wrong", **scope)
    assert await operations.halts() == []


async def test_tasks_are_listed_by_owner_and_by_what_is_overdue(
    operations: Operations, store: Store, clock: SteppedClock
) -> None:
    await _parked(store)
    [task] = await operations.tasks()
    assert (task.payment_id, task.kind, task.owner) == (PAYMENT, "parked", TASK_OWNER)
    assert task.due_at == clock.now() + TASK_DUE_WITHIN
    assert await operations.tasks(owner=TASK_OWNER) == [task]
    assert await operations.tasks(owner="somebody") == []
    assert await operations.tasks(due_before=task.due_at) == []
    assert await operations.tasks(due_before=task.due_at + timedelta(seconds=1)) == [task]
    await operations.executed(PAYMENT, "e1", signer=ALICE, why=WHY)
    assert await operations.tasks() == []


async def test_the_same_command_by_many_callers_is_one(client: Orchestrator, store: Store) -> None:
    await store.accept()
    answers = await asyncio.gather(
        *(client.cancel(PAYMENT, "c1", by="shop", tenant="shop") for _ in range(20))
    )
    assert {answer.command.outcome for answer in answers} == {Outcome.DONE}
    assert len(await store.commands.of(PAYMENT)) == 1
