"""Deliveries that match no payment: people are asked after an hour, once for each reference."""

from __future__ import annotations

import logging
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlmodel import select
from temporalio.testing import ActivityEnvironment

from activities.upkeep import Upkeep
from activities.witness import Witness
from domain.lifecycle.profile import IdempotencyKind, LookupKind
from domain.lifecycle.questions import TASK_DUE_WITHIN, TASK_OWNER
from domain.lifecycle.statement import Signed, Statement, StatementKind
from starter.signing import sign
from store import schema
from store.clocks import StoreClocks
from store.inbox import MATCHED_WITHIN
from store.notifications import Notifications
from store.operators import NotSigned
from store.tables.partners import InboxRow
from store.tables.people import TaskRow
from store.tasks import Task, Tasks
from store.unmatched import Reference
from tests.clock import AgreedClocks, SteppedClock
from tests.fakes import ACCOUNT, BANK, profile
from tests.operators import enrolled, executed, person
from tests.rounds import no_feeds, no_round
from tests.store.books import PAYMENT, Store, accepted, in_doubt, opened

BODY = b'{"creditor": "the aviary"}'
WHY = "it is of the shop's other system"


class Nobody:
    """Starts no run: nothing here has one."""

    async def ensure_running(self, tenant: str, payment_id: str, kind: str = "payment") -> None: ...


async def _sweep(store: Store) -> None:
    upkeep = Upkeep(
        payments=store.payments,
        inbox=store.inbox,
        notifications=Notifications(store.database),
        tasks=Tasks(store.database),
        rounds=store.rounds,
        witness=Witness(listers={}, strangers=store.strangers, clock=store.clock),
        back_fill=no_feeds(store.database, store.inbox, store.clock),
        runner=Nobody(),
        clock=store.clock,
        clocks=AgreedClocks(store.clock, StoreClocks(store.database)),
        future=store.future,
        last_round=no_round,
    )
    await ActivityEnvironment().run(upkeep.sweep)


async def _deliver(
    store: Store, event: str, reference: str = "ref-1", account: str = ACCOUNT
) -> None:
    await store.inbox.put(
        partner=BANK,
        partner_account=account,
        event_key=event,
        partner_reference=reference,
        body=BODY,
        now=store.clock.now(),
    )


async def _open(store: Store) -> list[Task]:
    return await Tasks(store.database).open(limit=1000)


def _kept(store: Store) -> list[TaskRow]:
    return list(store.rows(lambda s: s.exec(select(TaskRow)).all()))


async def _asked(store: Store) -> Task:
    """People are asked about one delivery."""
    await _deliver(store, "e1")
    store.clock.step(MATCHED_WITHIN)
    await _sweep(store)
    [task] = await _open(store)
    return task


def _dismissal(store: Store, task_id: str, by: str = "alice", **fields: str) -> Signed:
    said = {"subject": task_id, "why": WHY, **fields}
    statement = Statement(StatementKind.DISMISS, by, store.clock.now(), **said)
    return sign(statement, person(by))


async def test_people_are_asked_after_an_hour_and_not_before(
    store: Store, clock: SteppedClock, caplog: pytest.LogCaptureFixture
) -> None:
    since = clock.now()
    await _deliver(store, "e1")
    clock.step(MATCHED_WITHIN - timedelta(seconds=1))
    await _sweep(store)
    assert await _open(store) == []
    clock.step(timedelta(seconds=1))
    with caplog.at_level(logging.WARNING, "finality.upkeep"):
        await _sweep(store)
    assert "deliveries about ref-1" in caplog.text
    [task] = await _open(store)
    assert task.unmatched == Reference(BANK, ACCOUNT, "ref-1")
    assert (task.payment_id, task.amount, task.kind) == (None, None, "unmatched")
    assert (task.owner, task.due_at) == (TASK_OWNER, clock.now() + TASK_DUE_WITHIN)
    assert all(word in task.question for word in (BANK, ACCOUNT, "ref-1", f"{since:%H:%M}"))
    assert "aviary" not in task.question


async def test_people_are_asked_once_for_all_deliveries_of_a_reference(
    store: Store, clock: SteppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where they fall into different pages and rounds."""
    monkeypatch.setattr("activities.upkeep._FOLDED", 1)
    for number in range(3):
        await _deliver(store, f"e{number}")
    await _deliver(store, "f1", reference="ref-2")
    await _deliver(store, "g1", account="another account")
    clock.step(MATCHED_WITHIN)
    await _sweep(store)
    await _deliver(store, "e9")
    clock.step(MATCHED_WITHIN)
    await _sweep(store)
    asked = {task.unmatched for task in await _open(store)}
    one, two = Reference(BANK, ACCOUNT, "ref-1"), Reference(BANK, ACCOUNT, "ref-2")
    assert asked == {one, two, Reference(BANK, "another account", "ref-1")}
    assert len(_kept(store)) == 3
    assert await store.inbox.unmatched(clock.now(), limit=9) == [], "each is looked at once"


async def test_a_delivery_of_a_payment_is_no_question(store: Store, clock: SteppedClock) -> None:
    await store.accept()
    await store.begin()
    await store.sent(accepted(clock.now(), reference="ref-1"))
    await _deliver(store, "e1")
    clock.step(MATCHED_WITHIN)
    await _sweep(store)
    assert await _open(store) == []


async def test_the_task_closes_once_a_payment_has_the_reference(
    store: Store, clock: SteppedClock
) -> None:
    await store.accept()
    await store.begin()
    task = await _asked(store)
    await store.sent(accepted(clock.now(), reference="another"))
    assert task in await _open(store), "another payment's reference is no answer"
    await store.accept("k2", payment_id="pay_2")
    await store.begin("pay_2/pay/1")
    await store.sent(
        accepted(clock.now(), reference="ref-1", instruction="pay_2/pay/1"), payment_id="pay_2"
    )
    assert task not in await _open(store)
    [row] = [row for row in _kept(store) if row.task_id == task.task_id]
    assert (row.closed_at, row.closed_by) == (clock.now(), None)
    [delivered] = store.rows(lambda s: s.exec(select(InboxRow)).all())
    assert delivered.resource_id == "pay_2", "and the payment has its news"


async def test_a_person_who_finds_the_payment_answers_it(store: Store, clock: SteppedClock) -> None:
    """The partner had executed what was in doubt here: its delivery was the only sign of that."""
    await store.accept(as_of=profile(IdempotencyKind.NONE, LookupKind.NONE))
    await store.begin()
    await store.sent(in_doubt())
    await _deliver(store, "e1")
    clock.step(MATCHED_WITHIN)
    await _sweep(store)
    assert {task.kind for task in await _open(store)} == {"parked", "unmatched"}
    await executed(
        store.commands, PAYMENT, command_id="x1", by="alice", why="seen in their portal",
        now=clock.now(), reference="ref-1",
    )  # fmt: skip
    assert await _open(store) == []


async def test_nobody_is_asked_about_what_was_matched_meanwhile(
    store: Store, clock: SteppedClock
) -> None:
    await store.accept()
    await store.begin()
    await _deliver(store, "e1")
    clock.step(MATCHED_WITHIN)
    [found] = await store.inbox.unmatched(clock.now(), limit=9)
    await store.sent(accepted(clock.now(), reference="ref-1"))
    assert not await store.inbox.ask_whose(found, clock.now())
    assert await _open(store) == []


async def test_an_operator_dismisses_what_is_nobodys_and_is_not_asked_again(
    store: Store, clock: SteppedClock
) -> None:
    task, tasks = await _asked(store), Tasks(store.database)
    enrolled(store.database, clock.now())
    said = _dismissal(store, task.task_id)
    assert await tasks.dismiss(task.task_id, signed=said, now=clock.now())
    assert await _open(store) == []
    [row] = _kept(store)
    assert (row.closed_at, row.closed_by, row.closed_why) == (clock.now(), "alice", WHY)
    assert not await tasks.dismiss(task.task_id, signed=said, now=clock.now())
    await _deliver(store, "e2")
    clock.step(MATCHED_WITHIN)
    await _sweep(store)
    assert await _open(store) == []


async def test_what_was_dismissed_and_is_a_payments_after_all_reaches_it(
    store: Store, clock: SteppedClock
) -> None:
    task, tasks = await _asked(store), Tasks(store.database)
    enrolled(store.database, clock.now())
    said = _dismissal(store, task.task_id)
    assert await tasks.dismiss(task.task_id, signed=said, now=clock.now())
    await store.accept()
    await store.begin()
    await store.sent(accepted(clock.now(), reference="ref-1"))
    assert (await store.reading()).inbox_through == 1
    [row] = _kept(store)
    assert row.closed_by == "alice"


@pytest.mark.parametrize(
    "altered", [{"by": "mallory"}, {"subject": "task_another"}], ids=["signer", "subject"]
)
async def test_a_task_is_dismissed_by_no_other_signature(
    store: Store, clock: SteppedClock, altered: dict[str, str]
) -> None:
    task = await _asked(store)
    enrolled(store.database, clock.now())
    said = _dismissal(store, task.task_id, **altered)
    with pytest.raises(NotSigned):
        await Tasks(store.database).dismiss(task.task_id, signed=said, now=clock.now())
    assert await _open(store) == [task]


async def test_a_question_about_a_payment_cannot_be_dismissed(
    store: Store, clock: SteppedClock
) -> None:
    await store.accept(as_of=profile(IdempotencyKind.NONE, LookupKind.NONE))
    await store.begin()
    await store.sent(in_doubt())
    [task] = await _open(store)
    enrolled(store.database, clock.now())
    said = _dismissal(store, task.task_id)
    assert not await Tasks(store.database).dismiss(task.task_id, signed=said, now=clock.now())
    assert await _open(store) == [task]


async def test_an_overdue_question_about_deliveries_is_named_by_their_reference(
    store: Store, clock: SteppedClock, caplog: pytest.LogCaptureFixture
) -> None:
    await _asked(store)
    clock.step(TASK_DUE_WITHIN + timedelta(seconds=1))
    with caplog.at_level(logging.WARNING, "finality.upkeep"):
        await _sweep(store)
    assert "questions overdue: unmatched of ref-1 (payments-operations" in caplog.text


async def test_people_are_asked_about_deliveries_of_earlier_releases(
    bare: Path | str, clock: SteppedClock
) -> None:
    database = opened(bare)
    schema.migrate(database, "0013")
    insert = text(
        "INSERT INTO inbox (partner, partner_account, event_key, partner_reference, received_at, "
        f"body_sealed) VALUES ('{BANK}', '{ACCOUNT}', 'e1', 'ref-1', "
        f"'{clock.now():%Y-%m-%d %H:%M:%S.%f}{'' if isinstance(bare, Path) else '+00'}', '')"
    )
    database.migrate(lambda session: session.connection().execute(insert))
    database.close()
    store = Store(bare, clock)
    assert await store.inbox.unmatched(clock.now(), limit=9) == []
    clock.step(MATCHED_WITHIN)
    assert await store.inbox.unmatched(clock.now(), limit=9) == [Reference(BANK, ACCOUNT, "ref-1")]
    store.close()
