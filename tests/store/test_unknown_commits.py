"""A connection that breaks while a commit is under way: whether it took effect is not known.

Whatever was written that way is asked again, and ends as if it had been asked once.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import make_url
from sqlmodel import Session, select

from domain.lifecycle.command import Outcome
from domain.lifecycle.resource import Certainty
from domain.lifecycle.sending import AttemptResult, Move
from store.faults import StoreAway
from store.tables.lifecycles import AttemptRow, CommandRow, ExchangeRow, LifecycleRow, ReportRow
from store.tables.partners import InboxRow
from tests.clock import SteppedClock
from tests.postgresql import PostgreSQL
from tests.store.books import INSTRUCTION, PAYMENT, Store, accepted
from tests.store.cutting import Cut, Cutting


@dataclass
class Cuttable:
    """One database, reached directly and through what may be cut."""

    direct: Store
    through: Store
    cutting: Cutting
    cut: Cut

    def now(self) -> None:
        """Cut the next commit of `through`."""
        # Connections that are being made commit too.
        self.through.database.write_now(lambda session: session.connection())
        self.cutting.cut = self.cut

    def count(self, table: type) -> int:
        return len(self.direct.rows(lambda s: s.exec(select(table)).all()))


@pytest.fixture(params=list(Cut), ids=lambda cut: cut.name.lower())
def stores(
    request: pytest.FixtureRequest, postgresql: PostgreSQL, clock: SteppedClock
) -> Iterator[Cuttable]:
    url = postgresql.database()
    with tempfile.TemporaryDirectory() as folder:
        cutting = Cutting(Path(folder), postgresql)
        through = Store(cutting.url.format(make_url(url).database), clock)
        made = Cuttable(Store(url, clock), through, cutting, request.param)
        yield made
        assert cutting.cut is None, "nothing was cut: the test shows nothing"
        for store in (made.direct, through):
            store.close()
        cutting.close()
    postgresql.give_back(url)


async def test_an_attempt_that_may_stand_in_the_book_is_never_taken_for_none(
    stores: Cuttable, clock: SteppedClock
) -> None:
    await stores.direct.accept()
    await stores.direct.build()
    stores.now()
    with pytest.raises(StoreAway):
        await stores.through.book.begin(INSTRUCTION, clock.now())
    turn = await stores.through.book.begin(INSTRUCTION, clock.now())
    (attempt,) = stores.direct.rows(lambda s: s.exec(select(AttemptRow)).all())
    assert attempt.result == AttemptResult.OPEN
    if stores.cut is Cut.BEFORE:
        assert turn.move is Move.SEND  # It is the attempt of this turn that is in the book.
        return
    # Nobody sends in the name of that attempt, but nobody knows that: it is waited for, and
    # then the partner is asked.
    assert turn.move is Move.WAIT
    clock.step(timedelta(minutes=1))
    assert (await stores.through.book.begin(INSTRUCTION, clock.now())).move is Move.LOOK_UP
    view = await stores.through.payments.view(PAYMENT)
    assert view.payment.certainty is Certainty.UNKNOWN


async def test_an_order_is_accepted_once(stores: Cuttable) -> None:
    stores.now()
    with pytest.raises(StoreAway):
        await stores.through.accept()
    again = await stores.through.accept(payment_id="pay_2")
    assert again.is_new is (stores.cut is Cut.BEFORE)
    assert stores.count(LifecycleRow) == 1


async def test_a_reply_is_recorded_once(stores: Cuttable, clock: SteppedClock) -> None:
    await stores.direct.accept()
    await stores.direct.begin()
    reply = accepted(clock.now())
    stores.now()
    with pytest.raises(StoreAway):
        await stores.through.sent(reply)
    view = await stores.through.sent(reply)
    assert view.payment.certainty is Certainty.SENT
    assert (stores.count(ReportRow), stores.count(ExchangeRow)) == (2, 1)  # And our own checks.


async def test_a_delivery_is_kept_once(stores: Cuttable, clock: SteppedClock) -> None:
    stores.now()
    with pytest.raises(StoreAway):
        await _deliver(stores.through, clock)
    assert await _deliver(stores.through, clock) is (stores.cut is Cut.BEFORE)
    assert stores.count(InboxRow) == 1


async def _deliver(store: Store, clock: SteppedClock) -> bool:
    arrival = await store.inbox.put(
        partner="bank", partner_account="main", event_key="e", partner_reference="r",
        body=b"{}", now=clock.now(),
    )  # fmt: skip
    return arrival.is_new


async def test_a_command_is_carried_out_once(stores: Cuttable, clock: SteppedClock) -> None:
    await stores.direct.accept()
    stores.now()
    for _ in range(2):
        try:
            commanded = await stores.through.commands.cancel(
                PAYMENT, command_id="c", by="shop", why="", now=clock.now()
            )
        except StoreAway:
            continue
    assert commanded.command.outcome is Outcome.DONE
    assert stores.count(CommandRow) == 1


async def test_a_connection_that_breaks_before_the_commit_is_no_news_to_anybody(
    postgresql: PostgreSQL, clock: SteppedClock
) -> None:
    """What was not committed is rolled back for certain: it runs again at once."""
    url = postgresql.database()
    store = Store(url, clock)
    await store.accept()
    runs = []

    def cut_off_once(session: Session) -> None:
        runs.append(1)
        session.get_one(LifecycleRow, PAYMENT, with_for_update=True).reads += 1
        session.flush()
        if len(runs) == 1:
            pid = session.connection().exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
            postgresql.run(f"SELECT pg_terminate_backend({pid})")
        session.connection().exec_driver_sql("SELECT 1")

    await store.database.write(cut_off_once)
    assert len(runs) == 2
    assert (await store.payments.view(PAYMENT)).reads == 1
    store.close()
    postgresql.give_back(url)
