"""Events are counted per resource and lost by no cursor, whoever commits while somebody reads."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from datetime import timedelta
from pathlib import Path

from domain.lifecycle.answers import Answered
from domain.lifecycle.reversals import ReversalKind, ReversalState, SeenReversal
from domain.money import Money
from domain.payments.report import Movement, MovementKind, PaymentState, Source
from store.database import Database
from store.events import START, Events
from store.tables.events import EventRow
from tests.clock import SteppedClock
from tests.fakes import order
from tests.store.books import PAYMENT, Store, accepted, exchange, in_doubt, opened, report
from tests.store.processes import together

TENANT = "shop"


async def _changes(store: Store) -> list[tuple[str, int]]:
    found, _ = await Events(store.database).after(TENANT, limit=100)
    assert [each.position for each in found] == list(range(1, len(found) + 1))
    return [(each.change, each.sequence) for each in found if each.resource_id == PAYMENT]


async def test_every_change_of_a_payment_is_an_event_written_with_it(store: Store) -> None:
    now = store.clock.now
    await store.accept()
    await store.begin()
    await store.sent(accepted(now()))
    await store.booked(report(now() + timedelta(minutes=1), PaymentState.SETTLED))
    changes = await _changes(store)
    assert [sequence for _, sequence in changes] == list(range(1, len(changes) + 1))
    names = [name for name, _ in changes]
    assert names[0] == "created"
    assert names.count("state_changed") >= 3, "submitting, accepted, settled"
    assert "certainty_changed" in names


async def test_the_same_evidence_again_is_no_event(store: Store) -> None:
    now = store.clock.now()
    await store.accept()
    await store.begin()
    await store.sent(accepted(now))
    before = await _changes(store)
    await store.payments.refold([PAYMENT], now)
    assert await _changes(store) == before


async def test_a_task_is_an_event_when_it_opens_and_when_it_closes(store: Store) -> None:
    await store.accept()
    await store.begin()
    await store.sent(in_doubt())
    unknown = report(store.clock.now(), None)
    await store.booked(unknown)
    names = [name for name, _ in await _changes(store)]
    assert "task_opened" in names


async def test_each_booking_and_each_state_of_a_reversal_is_an_event(store: Store) -> None:
    now = store.clock.now()
    amount = Money(minor=12_345, currency="EUR")
    debit = Movement(movement_id="m-1", kind=MovementKind.DEBIT, amount=amount)

    def seen(state: ReversalState) -> tuple[SeenReversal, ...]:
        return (
            SeenReversal(reference="rt-1", kind=ReversalKind.RETURN, state=state, amount=amount),
        )

    await store.accept()
    await store.begin()
    await store.sent(accepted(now))
    for minutes, state, movements in (
        (1, ReversalState.PENDING, (debit,)),
        (2, ReversalState.DONE, (debit,)),
        (3, ReversalState.DONE, ()),
    ):
        at = now + timedelta(minutes=minutes)
        read = report(
            at, PaymentState.SETTLED, source=Source.READ, reversals=seen(state),
            movements=movements, lists_all_movements=True,
        )  # fmt: skip
        await store.read(Answered(read, exchange(at)))
    found, _ = await Events(store.database).after(TENANT, limit=100)
    of_reversal = [each.detail for each in found if each.change == "reversal_changed"]
    assert [each["reversal_state"] for each in of_reversal] == ["pending", "done"]
    assert {each["reference"] for each in of_reversal} == {"rt-1"}
    moved = [(e.change, e.detail["movement_id"]) for e in found if e.change.startswith("movement")]
    assert moved == [("movement_booked", "m-1"), ("movement_undone", "m-1")]


async def test_an_event_that_commits_late_is_not_behind_the_cursor(store: Store) -> None:
    """A transaction takes its numbers first and commits last, while others are listed."""
    if store.database.kind == "sqlite":
        return await _late_on_one_writer(store)
    holds, goes_on = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def slow(session: object) -> None:
        row = EventRow(
            tenant=TENANT, resource_id=PAYMENT, sequence=2, kind="payment", change="late",
            detail_json="{}", at=store.clock.now(),
        )  # fmt: skip
        session.add(row)  # type: ignore[attr-defined]
        session.flush()  # type: ignore[attr-defined]
        loop.call_soon_threadsafe(holds.set)
        asyncio.run_coroutine_threadsafe(goes_on.wait(), loop).result(30)

    await store.accept()
    events = Events(store.database)
    late = asyncio.create_task(store.database.write(slow))
    await holds.wait()
    await store.accept("k2", payment_id="pay_2")
    seen, cursor = await events.after(TENANT, limit=100)
    assert [each.resource_id for each in seen] == [PAYMENT, "pay_2"]
    goes_on.set()
    await late
    rest, _ = await events.after(TENANT, cursor, limit=100)
    assert [(each.change, each.position) for each in rest] == [("late", 3)]


async def _late_on_one_writer(store: Store) -> None:
    """SQLite has one writer: numbers are in the order of the commits, and so are the positions."""
    events, cursor = Events(store.database), START
    for number in range(3):
        await store.accept(f"k{number}", payment_id=f"pay_{number}")
        found, cursor = await events.after(TENANT, cursor, limit=100)
        assert [each.resource_id for each in found] == [f"pay_{number}"]


def _write(where: Path | str, meeting: Path, writer: int) -> int:
    """One process that records payments, and changes each."""
    store = Store(where, SteppedClock())
    together(meeting, 4)

    async def run() -> None:
        for number in range(8):
            payment_id = f"pay_{writer}x{number}"
            of = order(store.clock.now(), minor=1 + writer * 100 + number)
            await store.accept(payment_id, payment_id=payment_id, of=of)
            await store.commands.cancel(
                payment_id, command_id="c", by="a", why="", now=store.clock.now()
            )

    asyncio.run(run())
    store.close()
    return 8


def _read(where: Path | str, meeting: Path, expected: int) -> list[tuple[int, str, int]]:
    """One process that follows the list while the others write."""
    database: Database = opened(where)
    together(meeting, 4)

    async def run() -> list[tuple[int, str, int]]:
        events, cursor, seen = Events(database), START, []
        for _ in range(2000):
            found, cursor = await events.after(TENANT, cursor, limit=7)
            seen += [(each.position, each.resource_id, each.sequence) for each in found]
            if len(seen) >= expected:
                break
            await asyncio.sleep(0.01)
        return seen

    try:
        return asyncio.run(run())
    finally:
        database.close()


def test_readers_see_every_event_once_while_several_processes_write(
    store: Store, tmp_path: Path, processes: ProcessPoolExecutor
) -> None:
    where, meeting = store.where, tmp_path / "meeting"
    expected = 2 * 8 * 2
    writers = [processes.submit(_write, where, meeting, number) for number in range(2)]
    readers = [processes.submit(_read, where, meeting, expected) for _ in range(2)]
    assert [each.result(200) for each in writers] == [8, 8]
    for reader in readers:
        seen = reader.result(200)
        assert [position for position, _, _ in seen] == list(range(1, expected + 1))
        of_each = defaultdict(list)
        for _, resource_id, sequence in seen:
            of_each[resource_id].append(sequence)
        assert len(of_each) == 16
        assert set(map(tuple, of_each.values())) == {(1, 2)}, "in order, without a gap"
