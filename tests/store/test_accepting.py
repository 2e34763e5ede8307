"""One key stands for one order, for ever, whoever asks at the same time."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from sqlmodel import col, func, select

from domain.lifecycle.next_step import Owed
from domain.lifecycle.resource import Certainty
from domain.money import Money
from domain.payments.intent import Acknowledgement, Intent, PossibleDuplicate
from domain.payments.order import Times
from domain.payments.payment import UnknownPayment
from domain.payments.report import PaymentState
from store.accepting import Acceptance, Given, KeyReused
from store.finding import Wanted
from store.tables.lifecycles import InstructionRow, LifecycleRow, StateRow
from store.tables.payments import PaymentRow
from tests.clock import SteppedClock
from tests.fakes import order, profile
from tests.store.books import PAYMENT, Store
from tests.store.processes import together

CALLERS = 50


def _payments(store: Store) -> int:
    return store.rows(lambda session: session.exec(select(func.count(col(LifecycleRow.key)))).one())


async def test_a_new_order_is_recorded_with_its_instruction_and_nothing_sent(store: Store) -> None:
    acceptance = await store.accept()
    assert acceptance.is_new
    assert acceptance.view.payment.state is PaymentState.CREATED
    assert acceptance.view.payment.certainty is Certainty.NOT_SENT
    assert len(acceptance.view.instructions) == 1
    assert acceptance.view.instructions[0].book.attempts == ()
    assert [row.state for row in store.rows(lambda s: s.exec(select(StateRow)).all())] == [
        "created"
    ]


async def test_the_same_key_with_the_same_order_is_the_same_payment(store: Store) -> None:
    first = await store.accept(payment_id="pay_1")
    again = await store.accept(payment_id="pay_2")
    assert (again.is_new, again.view) == (False, first.view)
    assert _payments(store) == 1


async def test_the_same_key_with_another_order_changes_nothing(store: Store) -> None:
    await store.accept(payment_id="pay_1", fingerprint="f")
    with pytest.raises(KeyReused, match="pay_1") as error:
        await store.accept(payment_id="pay_2", fingerprint="g")
    assert error.value.payment_id == "pay_1"
    assert _payments(store) == 1
    with pytest.raises(UnknownPayment):
        await store.payments.view("pay_2")


async def test_two_tenants_may_use_the_same_key(store: Store) -> None:
    await store.accept(payment_id="pay_1")
    other = order(tenant="another shop")
    assert (await store.accept(payment_id="pay_2", of=other)).is_new
    assert _payments(store) == 2


def test_fifty_callers_with_one_key_make_one_payment(store: Store) -> None:
    stores = [store, *(store.beside() for _ in range(4))]
    gate = threading.Barrier(10)

    def pay(number: int) -> tuple[bool, str]:
        if number < 10:
            gate.wait()
        made = asyncio.run(stores[number % 5].accept(payment_id=f"pay_{number}"))
        return made.is_new, made.view.payment_id

    with ThreadPoolExecutor(10) as callers:
        outcomes = list(callers.map(pay, range(CALLERS)))
    assert sum(is_new for is_new, _ in outcomes) == 1
    assert len({payment_id for _, payment_id in outcomes}) == 1
    assert _payments(store) == 1
    for beside in stores[1:]:
        beside.close()


def _pay_ten(where: Path | str, meeting: Path, process: int) -> list[tuple[bool, str]]:
    store = Store(where, SteppedClock())
    together(meeting, 4)

    async def pay() -> list[tuple[bool, str]]:
        made = [await store.accept(f"key-{n}", payment_id=f"pay_{process}_{n}") for n in range(10)]
        return [(one.is_new, one.view.payment_id) for one in made]

    try:
        return asyncio.run(pay())
    finally:
        store.close()


def test_four_processes_with_the_same_ten_keys_make_ten_payments(
    store: Store, tmp_path: Path, processes: ProcessPoolExecutor
) -> None:
    asked = [
        processes.submit(_pay_ten, store.where, tmp_path / "meeting", process)
        for process in range(4)
    ]
    outcomes = [future.result(60) for future in asked]
    for answers in zip(*outcomes, strict=True):
        assert sum(is_new for is_new, _ in answers) == 1
        assert len({payment_id for _, payment_id in answers}) == 1
    assert _payments(store) == 10


async def test_amounts_are_exact_far_beyond_floating_point(store: Store) -> None:
    minor = 10**17 + 1
    await store.accept(of=order(instructed_amount=Money(minor=minor, currency="EUR")))
    row = store.rows(lambda session: session.get_one(PaymentRow, PAYMENT))
    assert row.amount_minor == minor
    view = await store.payments.view(PAYMENT)
    assert view.payment.amounts.instructed.minor == minor


async def test_a_naive_moment_is_refused(store: Store, clock: SteppedClock) -> None:
    naive = clock.now().replace(tzinfo=None)
    with pytest.raises(Exception, match="naive datetime"):
        await store.payments.unstarted(created_before=naive, limit=1)


async def test_moments_come_back_as_they_were(store: Store, clock: SteppedClock) -> None:
    clock.step(timedelta(microseconds=123_456))
    await store.accept()
    record = await store.payments.record(PAYMENT)
    assert record.created_at == clock.now()
    assert record.created_at.utcoffset() == timedelta(0)


async def test_what_was_not_started_is_found_until_it_was(
    store: Store, clock: SteppedClock
) -> None:
    await store.accept()
    later = clock.now() + timedelta(seconds=1)
    assert await store.payments.unstarted(created_before=clock.now(), limit=9) == []
    assert await store.payments.unstarted(created_before=later, limit=9) == [("shop", PAYMENT)]
    await store.payments.started([PAYMENT], later)
    assert await store.payments.unstarted(created_before=later, limit=9) == []
    assert store.open() == [PAYMENT]


async def test_a_new_payment_comes_with_its_first_step(store: Store, clock: SteppedClock) -> None:
    accepted = await store.accept()
    assert accepted.first is not None
    assert accepted.first.due.owed is Owed.INSTRUCT
    assert accepted.first.labels is not None
    known = await store.accept()
    assert (known.is_new, known.first) == (False, None)


async def test_a_payment_that_has_to_wait_comes_without_a_step(
    store: Store, clock: SteppedClock
) -> None:
    """How long it waits is decided by Temporal's time, not by the caller's clock."""
    later = clock.now() + timedelta(minutes=10)
    times = Times(submit_before=later + timedelta(hours=1), submit_from=later)
    accepted = await store.accept(of=order(clock.now(), times=times))
    assert accepted.first is None


async def test_the_first_step_notes_that_the_run_has_started(
    store: Store, clock: SteppedClock
) -> None:
    await store.accept()
    await store.begin()
    clock.step(timedelta(hours=1))
    assert await store.payments.unstarted(created_before=clock.now(), limit=9) == []


async def test_the_record_for_people_is_masked(store: Store) -> None:
    await store.accept()
    record = await store.payments.record(PAYMENT)
    assert record.creditor_account == "DE89…3000"
    found = await store.payments.find(Wanted(state="created"), limit=9)
    assert [one.payment_id for one in found.records] == [PAYMENT]
    assert (await store.payments.find(Wanted(state="final"), limit=9)).records == []


async def test_an_instruction_belongs_to_its_payment(store: Store) -> None:
    await store.accept()
    rows = store.rows(lambda session: session.exec(select(InstructionRow)).all())
    assert [(row.resource_id, row.partner_account) for row in rows] == [(PAYMENT, "main")]


def _given(store: Store, number: int, **changes: object) -> Given:
    wanted = order(end_to_end_id=f"E-{number}")
    fields: dict[str, object] = {
        "order": wanted,
        "key": f"key-{number}",
        "fingerprint": f"f-{number}",
        "payment_id": f"pay_{number}",
        "profile": profile(),
        "intent": Intent.of(wanted),
        "acknowledged": Acknowledgement(),
        **changes,
    }
    return Given(**fields)  # type: ignore[arg-type]


async def test_many_orders_are_recorded_in_one_transaction_each_once(store: Store) -> None:
    many = [_given(store, number) for number in range(20)]
    accepted = await store.payments.accept_many(many, store.clock.now())
    assert all(isinstance(one, Acceptance) and one.is_new for one in accepted)
    again = await store.payments.accept_many(many, store.clock.now())
    assert all(isinstance(one, Acceptance) and not one.is_new for one in again)
    assert _payments(store) == 20


async def test_one_key_that_stands_for_another_order_leaves_none_of_the_many(store: Store) -> None:
    await store.payments.accept_many([_given(store, 1)], store.clock.now())
    many = [_given(store, 2), _given(store, 1, fingerprint="other"), _given(store, 3)]
    with pytest.raises(KeyReused):
        await store.payments.accept_many(many, store.clock.now())
    assert _payments(store) == 1


async def test_a_possible_duplicate_among_many_keeps_no_other_back(store: Store) -> None:
    await store.payments.accept_many([_given(store, 1)], store.clock.now())
    twin = _given(store, 2, intent=_given(store, 1).intent)
    accepted = await store.payments.accept_many([twin, _given(store, 3)], store.clock.now())
    duplicate, other = accepted
    assert isinstance(duplicate, PossibleDuplicate)
    assert duplicate.payment_ids == ("pay_1",)
    assert isinstance(other, Acceptance)
    assert other.is_new
    assert _payments(store) == 2


async def test_the_same_key_twice_among_many_is_one_payment(store: Store) -> None:
    one, other = await store.payments.accept_many(
        [_given(store, 1), _given(store, 1)], store.clock.now()
    )
    assert isinstance(one, Acceptance)
    assert isinstance(other, Acceptance)
    assert (one.is_new, other.is_new) == (True, False)
    assert _payments(store) == 1
