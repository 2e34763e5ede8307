"""Many payments at once: copies of one, made by the database itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from sqlalchemy import Table, text
from sqlmodel import Session, SQLModel

from store.tables import CommandRow, InboxRow, InstructionRow, PaymentRow, TaskRow
from tests.store.books import Store


def multiply(store: Store, payment_id: str, count: int, **values: str) -> None:
    """Copies of a payment, `payment_id` with `~1` to `~count` behind it.

    Args:
        values: what columns hold instead, as SQL of the copy's number `n`.
    """
    is_sqlite = store.database.kind == "sqlite"
    made = {
        "payment_id": "payment_id || '~' || n",
        "key": "key || '~' || n",
        **{name: value.format(true=int(is_sqlite) or "true", false=0 if is_sqlite else "false")
           for name, value in values.items()},
    }  # fmt: skip
    columns = [column.name for column in _table(PaymentRow).columns]
    copied = ", ".join(made.get(name, name) for name in columns)
    numbers = "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers"
    statement = (
        f"{numbers} WHERE n < :count) INSERT INTO payments ({', '.join(columns)}) "
        f"SELECT {copied} FROM payments, numbers WHERE payment_id = :payment_id"
    )
    if not is_sqlite:
        statement = (
            f"INSERT INTO payments ({', '.join(columns)}) SELECT {copied} "
            "FROM payments, generate_series(1, :count) AS n WHERE payment_id = :payment_id"
        )

    def transaction(session: Session) -> None:
        session.connection().execute(text(statement), {"count": count, "payment_id": payment_id})

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
    filled = (PaymentRow, InstructionRow, InboxRow, CommandRow, TaskRow)
    with bare(store, *(_table(row) for row in filled)):
        multiply(
            store,
            "like",
            count,
            tenant="'tenant ' || n % 500",
            state="CASE WHEN n % 2 = 0 THEN 'final' WHEN n % 1000 = 1 THEN 'submitting' "
            "WHEN n % 10000 = 3 THEN 'created' ELSE 'settled' END",
            is_over="CASE WHEN n % 2 = 0 THEN {true} ELSE {false} END",
            end_to_end_hash="'end to end ' || n",
            intent_hash="'intent ' || n",
            intent_batch="'file ' || n / 1000",
            created_at=moment(store, past, every),
            started_at=f"CASE WHEN n % 10000 = 3 THEN NULL ELSE {moment(store, past, every)} END",
            tell_at="CASE WHEN n % 2 = 0 THEN NULL WHEN n % 10000 = 1 THEN "
            f"{moment(store, past, every)} ELSE {moment(store, future, every)} END",
            escalates_at="CASE WHEN n % 10000 = 1 THEN "
            f"{moment(store, past, every)} WHEN n % 10 = 1 THEN {moment(store, future, every)} END",
            profile_json="CASE WHEN n % 10000 = 1 THEN profile_json ELSE '{{}}' END",
            order_sealed="CAST('' AS BLOB)" if store.database.kind == "sqlite" else "''::bytea",
            payment_json="CASE WHEN n % 10000 = 1 THEN payment_json ELSE '{{}}' END",
        )
        _fill(
            store, InstructionRow, "n % 20 = 1",
            instruction_id="payment_id || '/pay/1'", payment_id="payment_id", kind="'pay'",
            partner="partner", partner_account="partner_account", generation="1",
            request_generation="1", found_executed="(1 = 0)",
        )  # fmt: skip
        _fill(
            store, InboxRow, "n % 2 = 1",
            partner="partner", partner_account="partner_account", event_key="payment_id",
            payment_id="CASE WHEN n % 10000 = 7 THEN NULL ELSE payment_id END",
            partner_reference="'at ' || payment_id",
            unmatched_since="CASE WHEN n % 20000 = 7 THEN created_at END",
            received_at="created_at", body_sealed="order_sealed",
            read_at="CASE WHEN n % 10000 = 5 THEN NULL ELSE created_at END",
            tell_at="CASE WHEN n % 10000 = 5 THEN created_at END",
        )  # fmt: skip
        _fill(
            store, CommandRow, "n % 20 = 1",
            payment_id="payment_id", command_id="'c'", kind="'cancel'", fingerprint="''",
            by="'shop'", why="''", about="''", asked_at="created_at", outcome="'done'",
            told_at="CASE WHEN n % 10000 = 1 THEN NULL ELSE created_at END",
        )  # fmt: skip
        _fill(
            store, TaskRow, "n % 20 = 1",
            task_id="'task ' || payment_id", payment_id="payment_id", kind="'parked'",
            question="''", owner="'ops'", due_at="created_at", opened_at="created_at",
            closed_at="CASE WHEN n % 10000 = 1 THEN NULL ELSE created_at END",
        )  # fmt: skip


def _fill(store: Store, table: type[SQLModel], which: str, **values: str) -> None:
    """A row for each payment of which that is true, by the number `n` in its id."""
    number = "CAST(substr(payment_id, 6) AS INTEGER)"
    columns, taken = ", ".join(values), ", ".join(values.values())
    statement = text(
        f"INSERT INTO {_table(table).name} ({columns}) SELECT {taken} "
        f"FROM (SELECT *, {number} AS n FROM payments WHERE payment_id LIKE 'like~%') AS numbered "
        f"WHERE {which}",
    )
    store.database.migrate(lambda session: session.connection().execute(statement))


def _table(row: type[SQLModel]) -> Table:
    table = SQLModel.metadata.tables[str(row.__tablename__)]
    return table
