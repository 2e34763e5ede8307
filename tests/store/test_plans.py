"""No regular query grows with what waits: with a million payments, each goes by its index."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Connection

from domain.intent import Intent
from store.finding import Wanted, matching
from store.halts import Halts
from store.intents import earlier_of, hashes_of
from store.tasks import Tasks
from store.untold import Untold
from tests.clock import SteppedClock
from tests.fakes import order
from tests.postgresql import PostgreSQL
from tests.store.books import Store
from tests.store.crowds import populate

#: To fill a database takes half a minute on a machine that does nothing else.
pytestmark = pytest.mark.timeout(900)

MILLION = 1_000_000
#: What nobody may read from one end to the other: the tables that are filled here.
LARGE = ("payments", "inbox", "commands", "tasks", "instructions")


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
async def full(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Store]:
    """A store with a million payments, which no test changes."""
    if request.param == "sqlite":
        store = Store(tmp_path_factory.mktemp("million") / "finality.db", SteppedClock())
        await populate(store, MILLION)
        yield store
        store.close()
        return
    server: PostgreSQL = request.getfixturevalue("postgresql")
    url = server.database()
    store = Store(url, SteppedClock())
    await populate(store, MILLION)
    yield store
    store.close()
    server.drop(url)


@dataclass(frozen=True)
class Query:
    """What the product asks, and the index by which the database has to answer."""

    ask: Callable[[Store], Awaitable[Any]]
    by: str


def _rows(**wanted: Any) -> Callable[[Store], Awaitable[Any]]:
    """The first page of a list."""

    async def asked(store: Store) -> Any:
        return await store.database.read(
            lambda session: next(matching(session, Wanted(**wanted), page=100), None)
        )

    return asked


async def _held_back(store: Store) -> Any:
    halts = Halts(store.database)
    number = await halts.halt(by="alice", why="", now=store.clock.now())
    await halts.held_back(number)
    await halts.lift(number, by="alice", now=store.clock.now())
    await Untold(store.database).tell_held_back(number, store.clock.now(), None)


async def _repeated(store: Store) -> Any:
    intent = Intent.of(order(store.clock.now()))
    hashes = hashes_of(intent, store.keyring)
    await store.database.read(lambda s: earlier_of(s, intent, hashes, store.clock.now()))


QUERIES = {
    "runs that are late": Query(
        lambda s: Untold(s.database).overdue(s.clock.now(), limit=500), "ix_payments_tell_at"),
    "commands not told of": Query(
        lambda s: Untold(s.database).commands(asked_through=s.clock.now(), limit=500),
        "ix_commands_untold"),
    "news not told of": Query(
        lambda s: s.inbox.untold(s.clock.now(), limit=500), "ix_inbox_tell_at"),
    "payments not started": Query(
        lambda s: s.payments.unstarted(created_before=s.clock.now(), limit=500),
        "ix_payments_unstarted"),
    "questions by time": Query(
        lambda s: s.payments.escalate(s.clock.now() - timedelta(days=999), limit=50),
        "ix_payments_escalates_at"),
    "questions overdue": Query(
        lambda s: Tasks(s.database).overdue(s.clock.now(), limit=500), "ix_tasks_open"),
    "questions": Query(lambda s: Tasks(s.database).open(limit=50), "ix_tasks_open"),
    "what a halt held back": Query(_held_back, "ix_payments_state"),
    "the same payment": Query(_repeated, "ix_payments_intent_hash"),
    "the newest payments": Query(_rows(), "ix_payments_created_at"),
    "the newest of a tenant": Query(_rows(tenant="tenant 7"), "ix_payments_tenant"),
    "the newest in a state": Query(_rows(state="submitting"), "ix_payments_state"),
    "by end-to-end id": Query(
        _rows(tenant="tenant 7", end_to_end_id="e"), "ix_payments_end_to_end_hash"),
}  # fmt: skip


@pytest.mark.parametrize("name", QUERIES)
async def test_a_regular_query_goes_by_its_index(full: Store, name: str) -> None:
    query = QUERIES[name]
    with watched(full) as statements:
        await query.ask(full)
    plans = [_plan(full, *one) for one in statements if one[0].lstrip().startswith("SELECT")]
    assert any(query.by in plan for plan in plans), plans
    for plan in plans:
        read_whole = re.findall(r"(?:SCAN|Seq Scan on) (\w+)(?! USING \w* ?INDEX)", plan)
        assert not set(read_whole) & set(LARGE), plan


@contextmanager
def watched(store: Store) -> Iterator[list[tuple[str, Any]]]:
    """The statements that the product has the database run, with their values."""
    statements: list[tuple[str, Any]] = []

    def note(_: Connection, __: Any, statement: str, values: Any, *___: Any) -> None:
        statements.append((statement, values))

    engines = (store.database._engines.read, store.database._engines.write)
    for engine in engines:
        event.listen(engine, "before_cursor_execute", note)
    yield statements
    for engine in engines:
        event.remove(engine, "before_cursor_execute", note)


def _plan(store: Store, statement: str, values: Any) -> str:
    explain = "EXPLAIN QUERY PLAN" if store.database.kind == "sqlite" else "EXPLAIN"
    rows = store.rows(
        lambda s: s.connection().exec_driver_sql(f"{explain} {statement}", values).all()
    )
    return "\n".join(str(row[-1]) for row in rows)
