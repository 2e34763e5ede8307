"""Many payments at once: copies of one, made by the database itself."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import text
from sqlmodel import Session

from store.tables import PaymentRow
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
    columns = [column.name for column in PaymentRow.__table__.columns]  # type: ignore[attr-defined]
    copied = ", ".join(made.get(name, name) for name in columns)
    numbers = "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers"
    statement = text(
        f"{numbers} WHERE n < :count) INSERT INTO payments ({', '.join(columns)}) "
        f"SELECT {copied} FROM payments, numbers WHERE payment_id = :payment_id"
        if is_sqlite
        else f"INSERT INTO payments ({', '.join(columns)}) SELECT {copied} "
        "FROM payments, generate_series(1, :count) AS n WHERE payment_id = :payment_id"
    )

    def transaction(session: Session) -> None:
        session.connection().execute(statement, {"count": count, "payment_id": payment_id})

    store.database.migrate(transaction)


def moment(store: Store, since: datetime, every: timedelta) -> str:
    """SQL of a moment so many times `every` after `since` as the copy's number says."""
    seconds = every.total_seconds()
    if store.database.kind == "sqlite":
        julian = f"julianday('{since:%Y-%m-%d %H:%M:%S}') + n * {seconds} / 86400.0"
        return f"strftime('%Y-%m-%d %H:%M:%f000', {julian})"
    return f"timestamptz '{since:%Y-%m-%d %H:%M:%S}+00' + n * interval '{seconds} seconds'"
