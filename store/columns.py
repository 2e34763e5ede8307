"""Column types that behave the same on SQLite and PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Column, ColumnElement, DateTime, Dialect, Index
from sqlalchemy.types import TypeDecorator


class Moment(TypeDecorator[datetime]):
    """An aware moment in UTC. SQLite has no time zones, so there it is stored naive, in UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a naive datetime was about to be stored; make it aware, in UTC")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        assert isinstance(value, datetime)
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def moment(
    name: str | None = None, *, index: bool = False, nullable: bool = True
) -> Column[datetime]:
    """A column of moments in UTC.

    It is named after its field, unless the first release used another name: a process of an older
    release may still run on the same database.
    """
    return Column(name, Moment(), index=index, nullable=nullable)


def where(name: str, *columns: str, that: ColumnElement[bool], unique: bool = False) -> Index:
    """A partial index: of the few rows that meet the condition `that`.

    A database uses it only if the query spells the condition as the index does. So SQLAlchemy
    writes both: `IS NULL` and `IS NOT NULL`, which both databases also infer from a comparison, and
    `.is_(False)`.
    """
    return Index(name, *columns, unique=unique, sqlite_where=that, postgresql_where=that)
