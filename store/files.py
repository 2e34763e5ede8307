"""Accepted files: for each sender, a message id stands for one content, for ever.

A line is identified by its position in the file. If the content could change under the same message
id, a line removed or inserted would shift the others, and they would be paid again.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlmodel import Session, select

from store.database import Database
from store.tables.payments import FileRow


class FileTaken(ValueError):
    """A file with this message id was accepted with other content. Nothing was done."""

    def __init__(self, message_id: str, taken_at: datetime) -> None:
        super().__init__(
            f"a file with message id {message_id!r} and other content was recorded at "
            f"{taken_at:%Y-%m-%d %H:%M} UTC; put only the lines that are not paid yet into a file "
            "with a new message id"
        )


class Files:
    """Records which files were accepted, for which tenants and with what content."""

    def __init__(self, database: Database, *, tenant: str | None = None) -> None:
        """Make the repository.

        Args:
            tenant: finds only what was accepted for this tenant; None: for all.
        """
        self._database = database
        self._tenant = tenant

    async def taken_by(self, file_key: str, fingerprint: str) -> list[str]:
        """The tenants for whom this file was accepted with this content."""

        def query(session: Session) -> list[str]:
            found = select(FileRow.tenant).where(
                FileRow.file_key == file_key, FileRow.fingerprint == fingerprint
            )
            if self._tenant is not None:
                found = found.where(FileRow.tenant == self._tenant)
            return sorted(session.exec(found))

        return await self._database.read(query)

    async def take(
        self,
        tenants: Collection[str],
        *,
        file_key: str,
        fingerprint: str,
        message_id: str,
        now: datetime,
    ) -> None:
        """Record that the file is accepted for these tenants, before any of its lines is recorded.

        Raises:
            FileTaken: for one of the tenants, this key stands for other content. Nothing was
                written.
        """

        def transaction(session: Session) -> None:
            for tenant in sorted(tenants):
                row = session.get(FileRow, (tenant, file_key))
                if row is not None and row.fingerprint != fingerprint:
                    raise FileTaken(message_id, row.taken_at)
                if row is None:
                    session.add(
                        FileRow(
                            tenant=tenant, file_key=file_key, fingerprint=fingerprint, taken_at=now
                        )
                    )

        await self._database.write(transaction)
