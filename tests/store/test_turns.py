"""Turns to read: one bound for all processes, and no new payment behind those that wait."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import pytest
from sqlmodel import select

from domain.ids import instruction_id
from domain.lifecycle.answers import Answered
from domain.lifecycle.next_step import Owed
from domain.lifecycle.profile import InstructionKind, Profile, Quota
from domain.lifecycle.turns import FIRST_READS, Line
from domain.payments.due import due
from domain.payments.report import PaymentState, Source
from domain.payments.view import PaymentView
from store.folding import Folding
from store.tables.lifecycles import LifecycleRow
from store.turns import ReadTurns
from tests.clock import SteppedClock
from tests.fakes import profile
from tests.store.books import PAYMENT, PAYMENTS, Store, accepted, exchange, report
from tests.store.crowds import multiply

S = PaymentState
LOGIN = "https://bank.example/us"
MINUTE = timedelta(minutes=1)
#: Four turns a minute in each line, of which one may come at once: 20 seconds between two.
QUOTA = Quota(requests=20, window=MINUTE, reads=8)
BUSY = QUOTA.model_copy(update={"reads": 200, "requests": 500})


def limited(quota: Quota = QUOTA) -> Profile:
    return profile().model_copy(update={"quota": quota, "read_pause": timedelta(seconds=1)})


@pytest.fixture
def turns(store: Store) -> ReadTurns:
    return ReadTurns(store.database, Folding(store.keyring, PAYMENTS))


async def _at_the_partner(store: Store, payment_id: str, quota: Quota = QUOTA) -> PaymentView:
    await store.accept(payment_id, payment_id=payment_id, as_of=limited(quota))
    instruction = instruction_id(payment_id, InstructionKind.PAY)
    await store.begin(instruction)
    told = accepted(store.clock.now(), reference=f"at-{payment_id}", instruction=instruction)
    return await store.sent(told, payment_id=payment_id)


async def _read(store: Store, payment_id: str, state: PaymentState) -> PaymentView:
    now = store.clock.now()
    told = report(now, state, reference=f"at-{payment_id}", source=Source.READ,
                  instruction=instruction_id(payment_id, InstructionKind.PAY))  # fmt: skip
    return await store.read(Answered(told, exchange(now)), payment_id=payment_id)


async def _long_known(store: Store, payment_id: str) -> None:
    """It has stood in its state for a while."""
    await _at_the_partner(store, payment_id)
    for _ in range(FIRST_READS):
        await _read(store, payment_id, S.ACCEPTED)


async def _turns(store: Store, turns: ReadTurns, *ids: str, login: str = LOGIN) -> list[datetime]:
    now, taken = store.clock.now(), []
    for payment_id in ids:
        view = await turns.take(payment_id, login, QUOTA, now)
        assert view is None or view.read_turn is not None
        taken.append(view.read_turn.at if view and view.read_turn else now)
    return taken


@pytest.mark.parametrize("waiting", [14_000, 100_000])
async def test_a_new_payment_is_read_as_soon_as_if_it_were_alone(
    store: Store, turns: ReadTurns, clock: SteppedClock, waiting: int
) -> None:
    """Whatever number is watched for returns, or waits for the partner's word."""
    await _at_the_partner(store, "watched", BUSY)
    await _read(store, "watched", S.SETTLED)
    await _at_the_partner(store, "processing", BUSY)
    await _read(store, "processing", S.PROCESSING)
    # Each is another payment: as one intent, all of them would be compared with the new one.
    multiply(store, "watched", waiting // 2, intent_hash="'watched ' || n")
    multiply(store, "processing", waiting // 2, intent_hash="'processing ' || n")
    view = await _at_the_partner(store, PAYMENT, BUSY)
    for number in range(FIRST_READS):
        owed = due(view, clock.now())
        assert owed.until is not None
        assert owed.until - clock.now() == timedelta(seconds=2**number)
        clock.step(owed.until - clock.now())
        assert await turns.take(PAYMENT, LOGIN, BUSY, clock.now()) is None
        view = await _read(store, PAYMENT, S.ACCEPTED)


async def test_who_comes_late_waits_for_a_turn_of_its_own(
    store: Store, turns: ReadTurns, clock: SteppedClock
) -> None:
    ids = [f"pay_{number}" for number in range(7)]
    for payment_id in ids:
        await _at_the_partner(store, payment_id)
    began = clock.now()
    seconds = [(at - began).total_seconds() for at in await _turns(store, turns, *ids)]
    assert seconds == [0, 0, 0, 0, 20, 20, 40]
    view = await store.payments.view("pay_6")
    owed = due(view, began + timedelta(seconds=30))
    assert (owed.owed, owed.until) == (Owed.WAIT, began + timedelta(seconds=40))
    clock.step(timedelta(seconds=30))
    assert await turns.take("pay_6", LOGIN, QUOTA, clock.now()) == view, "asked early, it keeps it"
    clock.step(timedelta(seconds=10))
    assert due(view, clock.now()).owed is Owed.READ
    assert await turns.take("pay_6", LOGIN, QUOTA, clock.now()) is None
    assert (await store.payments.view("pay_6")).read_turn is None, "used up"


async def test_its_run_is_not_late_while_it_waits_for_its_turn(
    store: Store, turns: ReadTurns, clock: SteppedClock
) -> None:
    ids = [f"pay_{number}" for number in range(5)]
    for payment_id in ids:
        await _at_the_partner(store, payment_id)
    await _turns(store, turns, *ids)
    row = store.rows(
        lambda s: s.exec(select(LifecycleRow).where(LifecycleRow.resource_id == "pay_4")).one()
    )
    assert row.owed_at == clock.now() + timedelta(seconds=20)


async def test_news_takes_a_turn_in_the_soon_line_instead_of_its_late_one(
    store: Store, turns: ReadTurns, clock: SteppedClock
) -> None:
    ids = [f"pay_{number}" for number in range(4)]
    for payment_id in ids:
        await _long_known(store, payment_id)
    assert (await _turns(store, turns, *ids))[-1] > clock.now()
    waits = await store.payments.view("pay_3")
    assert waits.read_turn is not None
    assert waits.read_turn.line is Line.LATE
    clock.step(timedelta(seconds=1))
    await store.inbox.put(
        partner=waits.partner, partner_account="main", event_key="e",
        partner_reference="at-pay_3", body=b"{}", now=clock.now(),
    )  # fmt: skip
    told = await store.payments.view("pay_3")
    assert told.has_news
    assert due(told, clock.now()).owed is Owed.READ
    assert await turns.take("pay_3", LOGIN, QUOTA, clock.now()) is None


async def test_another_login_has_lines_of_its_own(
    store: Store, turns: ReadTurns, clock: SteppedClock
) -> None:
    ids = [f"pay_{number}" for number in range(6)]
    for payment_id in ids:
        await _at_the_partner(store, payment_id)
    assert (await _turns(store, turns, *ids[:5]))[-1] > clock.now()
    assert await _turns(store, turns, ids[5], login="another") == [clock.now()]


async def test_all_who_ask_at_once_get_turns_one_after_another(
    store: Store, turns: ReadTurns, clock: SteppedClock
) -> None:
    ids = [f"pay_{number}" for number in range(12)]
    for payment_id in ids:
        await _at_the_partner(store, payment_id)
    began, another = clock.now(), store.beside()
    beside = ReadTurns(another.database, Folding(store.keyring, PAYMENTS))
    asked = [
        process.take(payment_id, LOGIN, QUOTA, began)
        for payment_id, process in zip(ids, [turns, beside] * 6, strict=True)
    ]
    views = await asyncio.gather(*asked)
    another.close()
    waits = sorted(view.read_turn.at - began for view in views if view and view.read_turn)
    assert [wait.total_seconds() for wait in waits] == [20, 20, 40, 40, 60, 60, 80, 80]
