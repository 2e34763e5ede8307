"""The tables of the HTTP API: its keys, and the idempotency keys of files."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Column, LargeBinary
from sqlmodel import Field, SQLModel

from store.columns import moment


class ApiKeyRow(SQLModel, table=True):
    """A key with which a program of one tenant calls the HTTP API. Rows are never deleted."""

    __tablename__ = "api_keys"

    key_id: str = Field(primary_key=True)
    tenant: str = Field(index=True)
    name: str
    secret_hash: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    """SHA-256. The secret has 256 random bits, so a slow hash would protect nothing more."""
    scopes: str
    """What it may do, separated by commas."""
    accounts: str = ""
    """Partner accounts it may use besides those of its tenant's debtors: `partner/account`,
    separated by commas."""
    created_at: datetime = Field(sa_column=moment(nullable=False))
    revoked_at: datetime | None = Field(default=None, sa_column=moment())
    """From when it is refused; may lie ahead, while the key that replaces it is rolled out."""
    replaced_by: str | None = None
    last_used_at: datetime | None = Field(default=None, sa_column=moment())
    """To the minute."""


class FileRequestRow(SQLModel, table=True):
    """The idempotency key under which a file was posted, and the file it stands for."""

    __tablename__ = "file_requests"

    tenant: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    fingerprint: str
    """SHA-256 of the file's bytes."""
    message_id: str
    file_key: str
    asked_at: datetime = Field(sa_column=moment(nullable=False))
