"""The idempotency keys under which files were posted over HTTP.

A file is identified by its own message id, and pays nothing twice without any key. The key finds a
caller's mistake: one key for two files.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from sqlmodel import Session

from store.database import Database
from store.locks import hold
from store.tables.api import FileRequestRow


class FileKeyReused(ValueError):
    """The key stands for another file. Nothing was done."""

    def __init__(self, key: str, message_id: str) -> None:
        super().__init__(
            f"key {key!r} was used for another file (message id {message_id!r}); use a new key"
        )
        self.message_id = message_id


class FileRequest(NamedTuple):
    """The file that a key stands for."""

    message_id: str
    file_key: str
    is_new: bool


class FileRequests:
    """Records which key stands for which file."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def take(
        self,
        tenant: str,
        key: str,
        *,
        fingerprint: str,
        message_id: str,
        file_key: str,
        now: datetime,
    ) -> FileRequest:
        """Record that the key stands for this file, before any of its lines is recorded.

        Raises:
            FileKeyReused: the key stands for another file.
        """

        def transaction(session: Session) -> FileRequest:
            hold(session, f"file-request/{tenant}/{key}")
            row = session.get(FileRequestRow, (tenant, key))
            if row is None:
                session.add(
                    FileRequestRow(
                        tenant=tenant,
                        key=key,
                        fingerprint=fingerprint,
                        message_id=message_id,
                        file_key=file_key,
                        asked_at=now,
                    )
                )
                return FileRequest(message_id, file_key, is_new=True)
            if row.fingerprint != fingerprint:
                raise FileKeyReused(key, row.message_id)
            return FileRequest(row.message_id, row.file_key, is_new=False)

        return await self._database.write(transaction)

    async def release(self, tenant: str, key: str, fingerprint: str) -> None:
        """Free the key, because its file was refused and nothing of it is stored."""

        def transaction(session: Session) -> None:
            hold(session, f"file-request/{tenant}/{key}")
            row = session.get(FileRequestRow, (tenant, key))
            if row is not None and row.fingerprint == fingerprint:
                session.delete(row)

        await self._database.write(transaction)
