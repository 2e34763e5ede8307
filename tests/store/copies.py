"""A copy of a whole store, and the store set back to it, on either database."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Table, insert, select
from sqlmodel import Session, SQLModel

from store.database import Database

Copy = dict[str, list[dict[str, Any]]]


def copy_of(database: Database) -> Copy:
    """Every row there is."""

    def query(session: Session) -> Copy:
        return {
            table.name: [dict(row._mapping) for row in session.connection().execute(select(table))]
            for table in SQLModel.metadata.sorted_tables
        }

    return database.read_now(query)


def set_back(database: Database, copy: Copy) -> None:
    """As a restore under running processes does it: all at once, and nobody is told."""

    def transaction(session: Session) -> None:
        tables: list[Table] = SQLModel.metadata.sorted_tables
        for table in reversed(tables):
            session.connection().execute(table.delete())
        for table in tables:
            if rows := copy[table.name]:
                session.connection().execute(insert(table), rows)

    database.write_now(transaction)
