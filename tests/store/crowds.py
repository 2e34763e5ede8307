"""Many payments at once: copies of one, made by the database itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from sqlalchemy import Table, text
from sqlmodel import Session, SQLModel

from store.tables.lifecycles import CommandRow, InstructionRow, LifecycleRow
from store.tables.partners import InboxRow, ReferenceRow
from store.tables.payments import PaymentRow
from store.tables.people import TaskRow
from tests.store.books import Store


def multiply(store: Store, payment_id: str, count: int, **values: str) -> None:
    """Copies of a payment, `payment_id` with `~1` to `~count` behind it.

    Args:
        values: what columns hold instead, as SQL of the copy's number `n`.
    """
    _copy(store, LifecycleRow, payment_id, count, resource_id="resource_id || '~' || n",
          key="key || '~' || n", **values)  # fmt: skip
    _copy(store, PaymentRow, payment_id, count, payment_id="payment_id || '~' || n", **values)


def _copy(store: Store, row: type[SQLModel], like: str, count: int, **values: str) -> None:
    is_sqlite = store.database.kind == "sqlite"
    made = {
        name: value.format(true=int(is_sqlite) or "true", false=0 if is_sqlite else "false")
        for name, value in values.items()
    }
    table = _table(row)
    (key,) = table.primary_key.columns
    columns = [column.name for column in table.columns]
    copied = ", ".join(made.get(name, name) for name in columns)
    numbers = "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers"
    statement = (
        f"{numbers} WHERE n < :count) INSERT INTO {table.name} ({', '.join(columns)}) "
        f"SELECT {copied} FROM {table.name}, numbers WHERE {key.name} = :like"
    )
    if not is_sqlite:
        statement = (
            f"INSERT INTO {table.name} ({', '.join(columns)}) SELECT {copied} "
            f"FROM {table.name}, generate_series(1, :count) AS n WHERE {key.name} = :like"
        )

    def transaction(session: Session) -> None:
        session.connection().execute(text(statement), {"count": count, "like": like})

    store.database.migrate(transaction)


def moment(store: Store, since: datetime, every: timedelta) -> str:
    """SQL of a moment so many times `every` after `since` as the copy's number says."""
    seconds = every.total_seconds()
    if store.database.kind == "sqlite":
        julian = f"julianday('{since:%Y-%m-%d %H:%M:%S}') + n * {seconds} / 86400.0"
        return f"strftime('%Y-%m-%d %H:%M:%f000', {julian})"
    return f"timestamptz '{since:%Y-%m-%d %H:%M:%S}+00' + n * interval '{seconds} seconds'"


@contextmanager
def bare(store: Store, *tables: Table) -> Iterator[None]:
    """Without their indexes, which are made anew at the end: rows come in several times faster."""
    indexes = sorted((i for t in tables for i in t.indexes), key=lambda index: str(index.name))

    def drop(session: Session) -> None:
        for index in indexes:
            index.drop(session.connection())

    def create(session: Session) -> None:
        for index in indexes:
            index.create(session.connection())
        session.connection().execute(text("ANALYZE"))

    store.database.migrate(drop)
    yield
    store.database.migrate(create)


async def populate(store: Store, count: int) -> None:
    """So many payments as an installation has after a year, and few of them with something due.

    Half are over, nearly all others are watched for returns. One in a thousand waits for a step
    and one in ten thousand is late with one; as few were never started, have news that no read
    covers, a command nobody told of, a delivery that matches none, or an open question.
    """
    await store.accept(payment_id="like")
    now = store.clock.now()
    past, future = now - timedelta(days=365), now + timedelta(days=1)
    every = timedelta(days=365) / count
    filled = (
        LifecycleRow, PaymentRow, InstructionRow, ReferenceRow, InboxRow, CommandRow, TaskRow,
    )  # fmt: skip
    with bare(store, *(_table(row) for row in filled)):
        multiply(
            store,
            "like",
            count,
            tenant="'tenant ' || n % 500",
            state="CASE WHEN n % 2 = 0 THEN 'final' WHEN n % 1000 = 1 THEN 'submitting' "
            "WHEN n % 10000 = 3 THEN 'created' ELSE 'settled' END",
            is_over="CASE WHEN n % 2 = 0 THEN {true} ELSE {false} END",
            intent_hash="'intent ' || n",
            intent_batch="'file ' || n / 1000",
            created_at=moment(store, past, every),
            started_at=f"CASE WHEN n % 10000 = 3 THEN NULL ELSE {moment(store, past, every)} END",
            tell_at="CASE WHEN n % 2 = 0 THEN NULL WHEN n % 10000 = 1 THEN "
            f"{moment(store, past, every)} ELSE {moment(store, future, every)} END",
            escalates_at="CASE WHEN n % 10000 = 1 THEN "
            f"{moment(store, past, every)} WHEN n % 10 = 1 THEN {moment(store, future, every)} END",
            profile_json="CASE WHEN n % 10000 = 1 THEN profile_json ELSE '{{}}' END",
            request_sealed="CAST('' AS BLOB)" if store.database.kind == "sqlite" else "''::bytea",
            folded_json="CASE WHEN n % 10000 = 1 THEN folded_json ELSE '{{}}' END",
        )
        _fill(
            store, InstructionRow, "n % 20 = 1",
            instruction_id="resource_id || '/pay/1'", resource_id="resource_id", kind="'pay'",
            partner="partner", partner_account="partner_account", generation="1",
            request_generation="1", held="(1 = 0)",
        )  # fmt: skip
        _fill(
            store, ReferenceRow, "n % 20 = 1",
            partner="partner", partner_account="partner_account", kind="'end_to_end'",
            reference="'end to end ' || n", resource_id="resource_id",
            instruction_id="resource_id || '/pay/1'",
        )  # fmt: skip
        _fill(
            store, InboxRow, "n % 2 = 1",
            partner="partner", partner_account="partner_account", event_key="resource_id",
            resource_id="CASE WHEN n % 10000 = 7 THEN NULL ELSE resource_id END",
            partner_reference="'at ' || resource_id",
            unmatched_since="CASE WHEN n % 20000 = 7 THEN created_at END",
            received_at="created_at", body_sealed="request_sealed",
            read_at="CASE WHEN n % 10000 = 5 THEN NULL ELSE created_at END",
            tell_at="CASE WHEN n % 10000 = 5 THEN created_at END",
        )  # fmt: skip
        _fill(
            store, CommandRow, "n % 20 = 1",
            resource_id="resource_id", command_id="'c'", kind="'cancel'", fingerprint="''",
            by="'shop'", why="''", about="''", asked_at="created_at", outcome="'done'",
            told_at="CASE WHEN n % 10000 = 1 THEN NULL ELSE created_at END",
        )  # fmt: skip
        _fill(
            store, TaskRow, "n % 20 = 1",
            task_id="'task ' || resource_id", resource_id="resource_id", kind="'parked'",
            question="''", owner="'ops'", due_at="created_at", opened_at="created_at",
            closed_at="CASE WHEN n % 10000 = 1 THEN NULL ELSE created_at END",
        )  # fmt: skip


def _fill(store: Store, table: type[SQLModel], which: str, **values: str) -> None:
    """A row for each payment of which that is true, by the number `n` in its id."""
    number = "CAST(substr(resource_id, 6) AS INTEGER)"
    columns, taken = ", ".join(values), ", ".join(values.values())
    statement = text(
        f"INSERT INTO {_table(table).name} ({columns}) SELECT {taken} "
        f"FROM (SELECT *, {number} AS n FROM lifecycles WHERE resource_id LIKE 'like~%') AS those "
        f"WHERE {which}",
    )
    store.database.migrate(lambda session: session.connection().execute(statement))


def _table(row: type[SQLModel]) -> Table:
    table = SQLModel.metadata.tables[str(row.__tablename__)]
    return table
