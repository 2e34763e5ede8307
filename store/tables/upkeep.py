"""The tables by which a process proves that its database, clock and keys are the right ones."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Column, LargeBinary
from sqlmodel import Field, SQLModel

from store.columns import moment


class InstallationRow(SQLModel, table=True):
    """One row with a random id. It tells this database from any other, but not from its copies."""

    __tablename__ = "installation"

    installation: str = Field(primary_key=True)


class RoundRow(SQLModel, table=True):
    """One round of upkeep. Temporal remembers the last one that ended."""

    __tablename__ = "rounds"

    number: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    nonce: str = Field(primary_key=True)
    at: datetime = Field(sa_column=moment(nullable=False))


class ClockRow(SQLModel, table=True):
    """How far a process's clock was from the others when it last stored a comparison."""

    __tablename__ = "clocks"

    process: str = Field(primary_key=True)
    read_at: datetime = Field(sa_column=moment(nullable=False, index=True))
    """When it compared, by Temporal's clock and never by the process's own."""
    ahead_of_temporal_ms: int = Field(sa_column=Column(BigInteger, nullable=False))
    ahead_of_database_ms: int | None = Field(default=None, sa_column=Column(BigInteger))
    """None where the database has no clock, as on SQLite."""


class KeyRow(SQLModel, table=True):
    """A key that has sealed something in this store, with a value that only that key opens."""

    __tablename__ = "keys"

    key_id: str = Field(primary_key=True)
    canary_sealed: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    first_used_at: datetime = Field(sa_column=moment(nullable=False))
