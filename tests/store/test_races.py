"""Where two transactions meet on PostgreSQL, both end well: one of them runs again."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session

from store.database import Database
from store.faults import StoreAway
from store.payments import row
from store.tables.payments import FileRow
from tests.clock import START, SteppedClock
from tests.postgresql import PostgreSQL
from tests.store.books import Store


@pytest.fixture
def database(postgresql: PostgreSQL) -> Iterator[Database]:
    url = postgresql.database()
    made = Database(url)
    yield made
    made.close()
    postgresql.give_back(url)


class Meeting:
    """Two runs that wait for each other once; those that come later do not wait."""

    def __init__(self) -> None:
        self._barrier = threading.Barrier(2)
        self._runs = 0
        self._counting = threading.Lock()

    @property
    def runs(self) -> int:
        """How many runs came here."""
        return self._runs

    def meet(self) -> None:
        with self._counting:
            self._runs += 1
            late = self._runs > 2
        if not late:
            self._barrier.wait(10)


async def test_two_that_wait_for_each_other_both_come_through(postgresql: PostgreSQL) -> None:
    url = postgresql.database()
    store = Store(url, SteppedClock())
    for number in (1, 2):
        await store.accept(f"k{number}", payment_id=f"pay_{number}")
    meeting = Meeting()

    def crosswise(first: str, second: str) -> Callable[[Session], None]:
        def transaction(session: Session) -> None:
            row(session, first).reads += 1
            session.flush()
            meeting.meet()
            row(session, second).reads += 1

        return transaction

    await asyncio.gather(
        store.database.write(crosswise("pay_1", "pay_2")),
        store.database.write(crosswise("pay_2", "pay_1")),
    )
    # More than three if the one that runs again takes its row before the other one wakes up.
    assert meeting.runs >= 3, "no deadlock happened: the test shows nothing"
    assert store.rows(lambda s: [row(s, f"pay_{n}").reads for n in (1, 2)]) == [2, 2]
    store.close()
    postgresql.give_back(url)


async def test_two_that_write_the_same_key_end_with_one_row_that_both_see(
    database: Database,
) -> None:
    meeting = Meeting()

    def put_once(mine: str) -> Callable[[Session], str]:
        def transaction(session: Session) -> str:
            found = session.get(FileRow, ("shop", "file"))
            if found is not None:
                return found.fingerprint
            meeting.meet()
            session.add(_file(mine))
            return mine

        return transaction

    answers = await asyncio.gather(database.write(put_once("a")), database.write(put_once("b")))
    assert meeting.runs == 2
    assert len(set(answers)) == 1


async def test_a_row_that_is_there_already_is_a_mistake_and_stays_one(database: Database) -> None:
    await database.write(lambda session: session.add(_file("a")))
    runs = []

    def again(session: Session) -> None:
        runs.append(1)
        session.add(_file("b"))

    with pytest.raises(DBAPIError, match="UniqueViolation"):
        await database.write(again)
    assert 1 < len(runs) < 10


@pytest.mark.parametrize("sqlstate", ["40001", "40P01"])
async def test_who_is_overtaken_again_and_again_gives_up(database: Database, sqlstate: str) -> None:
    runs = []

    def overtaken(session: Session) -> None:
        runs.append(1)
        session.connection().execute(
            text(f"DO $$ BEGIN RAISE EXCEPTION 'overtaken' USING ERRCODE = '{sqlstate}'; END $$")
        )

    with pytest.raises(StoreAway, match="overtaken"):
        await database.write(overtaken)
    assert 1 < len(runs) < 10


async def test_a_mistake_of_ours_is_raised_at_once(database: Database) -> None:
    runs = []

    def wrong(session: Session) -> None:
        runs.append(1)
        session.connection().execute(text("SELECT nothing FROM nowhere"))

    with pytest.raises(DBAPIError, match="nowhere"):
        await database.write(wrong)
    assert len(runs) == 1


def _file(fingerprint: str) -> FileRow:
    return FileRow(tenant="shop", file_key="file", fingerprint=fingerprint, taken_at=START)
