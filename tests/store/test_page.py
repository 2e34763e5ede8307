"""The page of a resource: each kind of row is queried once, and what is added is on it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event
from sqlmodel import Session, select

from domain.lifecycle.resource import UnknownResource
from domain.lifecycle.sending import AttemptResult
from store.forgotten import doubt
from store.page import Page, page_of
from store.payments import row as resource_row
from store.tables.lifecycles import AttemptRow, InstructionRow
from tests.clock import SteppedClock
from tests.store.books import INSTRUCTION, PAYMENT, Store, accepted


@contextmanager
def queries(store: Store) -> Iterator[Counter[str]]:
    """How often each table is read, by its name."""
    seen: Counter[str] = Counter()

    def count(_conn: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith("SELECT"):
            words = statement.split()
            if "FROM" in words:  # A lock by name reads no table.
                seen[words[words.index("FROM") + 1]] += 1

    engines = store.database._engines.write, store.database._engines.read
    for engine in engines:
        event.listen(engine, "after_cursor_execute", count)
    yield seen
    for engine in engines:
        event.remove(engine, "after_cursor_execute", count)


async def test_a_reply_is_recorded_with_one_query_for_each_kind_of_row(
    store: Store, clock: SteppedClock
) -> None:
    await store.accept()
    await store.begin()
    with queries(store) as seen:
        await store.sent(accepted(clock.now()))
    for table in ("lifecycles", "instructions", "attempts", "lookups", "reports", "tasks"):
        assert seen[table] == 1, table


async def test_what_a_transaction_adds_is_on_its_page(store: Store, clock: SteppedClock) -> None:
    await store.accept()

    def doubted(session: Session) -> tuple[int, int]:
        payment = resource_row(session, PAYMENT)
        page = page_of(session, PAYMENT)
        before = len(page.attempts(INSTRUCTION))
        doubt(session, payment, page.instruction(INSTRUCTION), 2, clock.now())
        return before, len(page.attempts(INSTRUCTION))

    assert await store.database.write(doubted) == (0, 2)
    stored = store.rows(lambda s: s.exec(select(AttemptRow.number)).all())
    assert sorted(stored) == [1, 2]


async def test_a_page_is_read_anew_once_the_lock_is_held(store: Store) -> None:
    """Before the lock somebody else could write. What this transaction changed is kept."""
    await store.accept()
    await store.begin()

    def locked(session: Session) -> tuple[bool, str, str]:
        before = page_of(session, PAYMENT)
        attempt = before.attempt(INSTRUCTION, 1)
        attempt.why = "ours"
        resource_row(session, PAYMENT)
        after = page_of(session, PAYMENT)
        return after is before, attempt.result, after.attempt(INSTRUCTION, 1).why

    assert await store.database.write(locked) == (False, AttemptResult.OPEN, "ours")


async def test_rows_of_a_transaction_that_only_reads_cannot_be_changed(store: Store) -> None:
    await store.accept()

    def changed(session: Session) -> None:
        page_of(session, PAYMENT).instruction(INSTRUCTION).held = True

    with pytest.raises(AttributeError):
        await store.database.read(changed)
    (found,) = store.rows(lambda s: s.exec(select(InstructionRow)).all())
    assert not found.held


async def test_an_instruction_that_there_is_not_is_named(store: Store) -> None:
    await store.accept()

    def asked(session: Session) -> None:
        Page(session, PAYMENT).instruction("pay_1/pay/9")

    with pytest.raises(UnknownResource, match="pay_1/pay/9"):
        await store.database.read(asked)
