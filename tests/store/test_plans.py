"""No regular query grows with what waits: with a million payments, each goes by its index."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Connection

from tests.clock import SteppedClock
from tests.postgresql import PostgreSQL
from tests.store.books import Store
from tests.store.crowds import populate
from tests.store.regular import QUERIES

#: To fill a database takes half a minute on a machine that does nothing else.
pytestmark = pytest.mark.timeout(900)

MILLION = 1_000_000
#: What nobody may read from one end to the other: the tables that are filled here.
LARGE = (
    "lifecycles", "payments", "inbox", "commands", "tasks", "instructions", "partner_references",
)  # fmt: skip


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
