"""The same payment under another key is asked about, whoever gives it at the same time."""

from __future__ import annotations

import asyncio
import hashlib
import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import Session, col, func, select

from domain.lifecycle.resource import Certainty
from domain.money import Money
from domain.payments.intent import Acknowledgement, Intent, PossibleDuplicate
from domain.payments.order import Order
from domain.payments.report import PaymentState
from domain.payments.states import PROVEN_NOTHING_MOVED
from starter.signing import sign
from store.accepting import Acceptance, KeyReused
from store.intents import hashes_of
from store.keyring import Keyring
from store.tables.lifecycles import InstructionRow, LifecycleRow
from store.tables.payments import PaymentRow
from tests.clock import SteppedClock
from tests.fakes import CREDITOR_IBAN, order
from tests.operators import enrolled, person
from tests.store.books import KEYRING, Store
from tests.store.processes import together

CALLERS = 50
HOUR = timedelta(hours=1)
TICK = timedelta(microseconds=1)


async def give(
    store: Store,
    number: int,
    of: Order | None = None,
    *,
    batch: str | None = None,
    said: tuple[str, ...] = (),
    operator: str | None = None,
) -> Acceptance:
    """Order payment `pay_{number}` under a key of its own."""
    of, now = of or order(store.clock.now()), store.clock.now()
    acknowledged = Acknowledgement(frozenset(said), operator)
    if operator is not None:
        enrolled(store.database, now)
        statement = acknowledged.statement(of, f"pay_{number}", now)
        acknowledged = replace(acknowledged, signed=sign(statement, person(operator)))
    return await store.accept(
        f"k{number}",
        payment_id=f"pay_{number}",
        of=of,
        intent=Intent.of(of, batch=batch),
        acknowledged=acknowledged,
    )


async def asked_of(store: Store, number: int, **options: Any) -> tuple[str, ...]:
    with pytest.raises(PossibleDuplicate) as asked:
        await give(store, number, **options)
    return asked.value.payment_ids


def put(store: Store, payment_id: str, **columns: Any) -> None:
    """Have a payment come to stand so."""

    def change(session: Session) -> None:
        row = session.get_one(LifecycleRow, payment_id)
        for name, value in columns.items():
            setattr(row, name, value)

    store.database.write_now(change)


def rows_of(store: Store) -> dict[str, PaymentRow]:
    rows = store.rows(lambda session: session.exec(select(PaymentRow)).all())
    return {row.payment_id: row for row in rows}


async def test_another_key_for_the_same_payment_is_asked_about_and_stores_nothing(
    store: Store,
) -> None:
    await give(store, 1)
    assert await asked_of(store, 2) == ("pay_1",)
    assert list(rows_of(store)) == ["pay_1"]
    assert len(store.rows(lambda session: session.exec(select(InstructionRow)).all())) == 1


async def test_the_key_stays_free_for_the_acknowledged_order(store: Store) -> None:
    await give(store, 1)
    await asked_of(store, 2)
    made = await give(store, 2, said=("pay_1",))
    assert (made.is_new, made.view.payment_id) == (True, "pay_2")
    row = rows_of(store)["pay_2"]
    assert (row.acknowledged, row.acknowledged_by) == ("pay_1", None)


async def test_the_key_stays_free_for_another_order_too(store: Store) -> None:
    await give(store, 1)
    await asked_of(store, 2)
    made = await give(store, 2, order(store.clock.now(), minor=1))
    assert made.is_new
    assert rows_of(store)["pay_2"].acknowledged is None


async def test_one_that_appeared_since_is_asked_about_again(
    store: Store, clock: SteppedClock
) -> None:
    await give(store, 1)
    clock.step(HOUR)
    await give(store, 2, said=("pay_1",))
    assert await asked_of(store, 3, said=("pay_1",)) == ("pay_1", "pay_2")
    await give(store, 3, said=("pay_1", "pay_2"))
    assert rows_of(store)["pay_3"].acknowledged == "pay_1,pay_2"


async def test_naming_others_acknowledges_nothing(store: Store) -> None:
    await give(store, 1)
    await give(store, 7, order(store.clock.now(), minor=7))
    assert await asked_of(store, 2, said=("pay_7",)) == ("pay_1",)
    assert await asked_of(store, 2, said=("pay_1", "pay_7")) == ("pay_1",)


async def test_a_known_key_is_never_asked_about(store: Store) -> None:
    await give(store, 1)
    await give(store, 2, said=("pay_1",))
    for number in (1, 2):
        again = await give(store, number)
        assert (again.is_new, again.view.payment_id) == (False, f"pay_{number}")


async def test_a_key_of_another_order_is_refused_before_anything_is_asked(store: Store) -> None:
    await store.accept("k1", fingerprint="f", intent=Intent.of(order()))
    with pytest.raises(KeyReused):
        await store.accept("k1", fingerprint="g", intent=Intent.of(order()))


@pytest.mark.parametrize(
    ("reference", "window"),
    [
        ({}, timedelta(hours=24)),
        ({"remittance_information": ""}, timedelta(hours=24)),
        ({"end_to_end_id": "NOTPROVIDED"}, timedelta(hours=24)),
        ({"end_to_end_id": "NOTPROVIDED", "remittance_information": " "}, timedelta(minutes=10)),
    ],
    ids=["both", "end-to-end id", "remittance", "neither"],
)
async def test_it_is_asked_about_until_its_window_is_over(
    store: Store, clock: SteppedClock, reference: dict[str, Any], window: timedelta
) -> None:
    await give(store, 1, order(clock.now(), **reference))
    clock.step(window - TICK)
    assert await asked_of(store, 2, of=order(clock.now(), **reference)) == ("pay_1",)
    clock.step(TICK)
    assert (await give(store, 2, order(clock.now(), **reference))).is_new


async def test_a_payment_recorded_by_a_clock_ahead_of_ours_counts(
    store: Store, clock: SteppedClock
) -> None:
    clock.step(HOUR)
    await give(store, 1)
    clock.step(-HOUR)
    assert await asked_of(store, 2) == ("pay_1",)


@pytest.mark.parametrize("state", PaymentState)
async def test_every_state_counts_unless_it_proves_that_nothing_moved(
    store: Store, state: PaymentState
) -> None:
    await give(store, 1)
    put(store, "pay_1", state=state.value, certainty=Certainty.SENT.value)
    if state in PROVEN_NOTHING_MOVED:
        assert (await give(store, 2)).is_new
    else:
        assert await asked_of(store, 2) == ("pay_1",)


@pytest.mark.parametrize("state", PaymentState)
async def test_in_doubt_it_counts_in_every_state_and_only_an_operator_answers(
    store: Store, state: PaymentState
) -> None:
    await give(store, 1)
    put(store, "pay_1", state=state.value, certainty=Certainty.UNKNOWN.value)
    with pytest.raises(PossibleDuplicate) as asked:
        await give(store, 2, said=("pay_1",))
    assert asked.value.needs_operator
    await give(store, 2, said=("pay_1",), operator="alice")
    row = rows_of(store)["pay_2"]
    assert (row.acknowledged, row.acknowledged_by) == ("pay_1", "alice")


async def test_a_live_send_is_in_doubt(store: Store) -> None:
    await give(store, 1)
    await store.begin("pay_1/pay/1")
    with pytest.raises(PossibleDuplicate) as asked:
        await give(store, 2, said=("pay_1",))
    assert asked.value.needs_operator


async def test_lines_of_one_file_are_not_compared_but_with_all_others_they_are(
    store: Store,
) -> None:
    await give(store, 1, batch="march")
    await give(store, 2, batch="march")
    assert await asked_of(store, 3, batch="april") == ("pay_1", "pay_2")
    assert await asked_of(store, 4) == ("pay_1", "pay_2")
    await give(store, 5, said=("pay_1", "pay_2"))
    assert await asked_of(store, 6, batch="march") == ("pay_5",)


async def test_another_tenant_is_never_told_of_a_payment(store: Store) -> None:
    await give(store, 1)
    assert (await give(store, 2, order(store.clock.now(), tenant="another shop"))).is_new


async def test_asking_beforehand_finds_the_same_and_skips_known_keys(store: Store) -> None:
    await give(store, 1)
    new, other = Intent.of(order()), Intent.of(order(minor=1))
    wanted = [("k1", new), ("k2", new), ("k3", other)]
    found = await store.payments.possible_duplicates(wanted, store.clock.now())
    assert [[one.payment_id for one in earlier] for earlier in found] == [[], ["pay_1"], []]


def test_fifty_callers_with_fifty_keys_pay_once(store: Store) -> None:
    stores = [store, *(store.beside() for _ in range(4))]
    gate = threading.Barrier(10)

    def pay(number: int) -> tuple[str, ...] | None:
        if number < 10:
            gate.wait()
        try:
            asyncio.run(give(stores[number % 5], number))
        except PossibleDuplicate as asked:
            return asked.payment_ids
        return None

    with ThreadPoolExecutor(10) as callers:
        outcomes = list(callers.map(pay, range(CALLERS)))
    (accepted,) = rows_of(store)
    assert outcomes.count(None) == 1
    assert {asked for asked in outcomes if asked is not None} == {(accepted,)}
    for beside in stores[1:]:
        beside.close()


def _give_ten(where: Path | str, meeting: Path, process: int) -> list[bool]:
    store = Store(where, SteppedClock())
    together(meeting, 4)

    async def accepted(number: int) -> bool:
        try:
            await give(store, 100 * process + number, order(minor=number))
        except PossibleDuplicate:
            return False
        return True

    async def all_of_them() -> list[bool]:
        return [await accepted(number) for number in range(1, 11)]

    try:
        return asyncio.run(all_of_them())
    finally:
        store.close()


def test_four_processes_that_order_the_same_ten_payments_pay_each_once(
    store: Store, tmp_path: Path, processes: ProcessPoolExecutor
) -> None:
    asked = [
        processes.submit(_give_ten, store.where, tmp_path / "meeting", process)
        for process in range(4)
    ]
    outcomes = [future.result(60) for future in asked]
    for accepted in zip(*outcomes, strict=True):
        assert sum(accepted) == 1
    assert store.rows(lambda s: s.exec(select(func.count(col(LifecycleRow.key)))).one()) == 10


def test_the_stored_hash_cannot_be_tried_without_the_key() -> None:
    intent = Intent.of(order())
    (mine,) = hashes_of(intent, KEYRING)
    (theirs,) = hashes_of(intent, Keyring({"test-1": b"x" * 32}, "test-1"))
    assert mine != theirs
    assert mine != hashlib.sha256(intent.content.encode()).hexdigest()
    assert (mine,) == hashes_of(Intent.of(order(), batch="a file"), KEYRING)


async def test_no_account_number_is_in_the_clear(store: Store) -> None:
    await give(store, 1)
    row = rows_of(store)["pay_1"]
    clear = " ".join(str(value) for name, value in row if name != "request_sealed")
    assert CREDITOR_IBAN not in clear
    assert row.intent_hash is not None
    assert len(row.intent_hash) == 64


async def test_payments_of_the_key_before_are_still_found(
    where: Path | str, clock: SteppedClock
) -> None:
    old, new = b"o" * 32, b"n" * 32
    before = Store(where, clock, Keyring({"old": old}, "old"))
    await give(before, 1)
    rolled = Store(where, clock, Keyring({"new": new, "old": old}, "new"))
    assert await asked_of(rolled, 2) == ("pay_1",)
    await give(rolled, 2, said=("pay_1",))
    rolling = Store(where, clock, Keyring({"old": old, "new": new}, "old"))
    assert await asked_of(rolling, 3) == ("pay_1", "pay_2")
    for opened in (before, rolled, rolling):
        opened.close()


async def test_a_different_amount_by_one_cent_is_another_payment(store: Store) -> None:
    await give(store, 1)
    cents = order(store.clock.now()).instructed_amount.minor
    near = order(store.clock.now(), instructed_amount=Money(minor=cents + 1, currency="EUR"))
    assert (await give(store, 2, near)).is_new
