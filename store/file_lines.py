"""Headers and lines of accepted files, stored so that a file's status can be reported for ever."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final, NamedTuple

from pydantic import BaseModel, ConfigDict
from sqlalchemy import and_, insert
from sqlmodel import Session, col, delete, select

from domain.payments.payment import Payment
from store.database import Database
from store.keyring import Keyring
from store.tables.lifecycles import LifecycleRow
from store.tables.payments import FileLineRow, FileRow

#: Lines in one transaction, so that other transactions can run in between.
_BATCH: Final = 1000


class FileHeader(BaseModel):
    """A file's own header. Its count and sum were verified when it was read."""

    model_config = ConfigDict(frozen=True)

    initiating_party: str
    version: str
    created_at: datetime | None
    count: int
    control_sum: Decimal


class LineRefusal(BaseModel):
    """Why a line is not paid: ISO code, element and text."""

    model_config = ConfigDict(frozen=True)

    code: str
    field: str
    text: str


class KeptLine(BaseModel):
    """A line as it stands in the file. `payment_key` is None if the line was refused."""

    model_config = ConfigDict(frozen=True)

    position: int
    payment_information_id: str
    end_to_end_id: str
    instruction_id: str
    uetr: str
    amount_minor: int
    currency: str
    payment_key: str | None = None
    refusals: tuple[LineRefusal, ...] = ()


class KeptFile(BaseModel):
    """An accepted file with its header."""

    model_config = ConfigDict(frozen=True)

    tenant: str
    file_key: str
    message_id: str
    taken_at: datetime
    header: FileHeader


class LineNow(BaseModel):
    """A line, and its payment as it now stands if it has one."""

    model_config = ConfigDict(frozen=True)

    line: KeptLine
    payment_id: str | None = None
    payment: Payment | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None


class Place(NamedTuple):
    """The file and line by which a payment was ordered."""

    file: str
    """The file's message id."""
    line: int


class FileLines:
    """Stores lines of files. They are sealed, since they contain names and account numbers."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database = database
        self._keyring = keyring

    async def keep(
        self,
        tenant: str,
        file_key: str,
        *,
        message_id: str,
        header: FileHeader,
        lines: Sequence[KeptLine],
    ) -> None:
        """Store a file's lines, in batches, and then its header. The file has been taken before.

        The call may be repeated, after a crash or when a later run judges the lines differently.
        The new lines then replace the stored ones.
        """
        context = _context(tenant, file_key)
        sealed = self._keyring.seal(header.model_dump_json().encode(), context)
        for begin in range(0, len(lines), _BATCH):
            batch = lines[begin : begin + _BATCH]
            rows = [self._row(tenant, file_key, line) for line in batch]
            await self._database.write(_replacing(tenant, file_key, rows))

        def finish(session: Session) -> None:
            row = session.get_one(FileRow, (tenant, file_key))
            row.message_id, row.header_sealed = message_id, sealed
            session.add(row)

        await self._database.write(finish)

    async def files(
        self,
        *,
        message_id: str | None = None,
        tenant: str | None = None,
        file_key: str | None = None,
        limit: int | None = None,
    ) -> list[KeptFile]:
        """Files whose lines were stored completely, the newest first.

        Args:
            message_id, tenant, file_key: only those with this message id, of this tenant, or with
                this key.
            limit: how many at most.

        Raises:
            KeyringError: a header cannot be opened.
        """

        def query(session: Session) -> list[FileRow]:
            rows = select(FileRow).where(col(FileRow.header_sealed).is_not(None))
            if message_id is not None:
                rows = rows.where(FileRow.message_id == message_id)
            if tenant is not None:
                rows = rows.where(FileRow.tenant == tenant)
            if file_key is not None:
                rows = rows.where(FileRow.file_key == file_key)
            found = session.exec(rows.order_by(col(FileRow.taken_at).desc()).limit(limit))
            return list(found)

        return [self._file(row) for row in await self._database.read(query)]

    async def lines(self, file: KeptFile) -> list[LineNow]:
        """Every line of the file, in the file's order, as it now stands.

        Raises:
            KeyringError: a line cannot be opened.
        """

        def query(session: Session) -> list[tuple[FileLineRow, LifecycleRow | None]]:
            same = and_(
                col(LifecycleRow.tenant) == col(FileLineRow.tenant),
                col(LifecycleRow.key) == col(FileLineRow.payment_key),
            )
            rows = (
                select(FileLineRow, LifecycleRow)
                .join(LifecycleRow, same, isouter=True)
                .where(FileLineRow.tenant == file.tenant, FileLineRow.file_key == file.file_key)
                .order_by(col(FileLineRow.position))
            )
            return [(line, payment) for line, payment in session.exec(rows)]

        return [self._now(line, payment) for line, payment in await self._database.read(query)]

    async def places(self, payments: Collection[tuple[str, str]]) -> dict[tuple[str, str], Place]:
        """Where these payments, by (tenant, key), were ordered, as far as they came with a file."""

        def query(session: Session) -> dict[tuple[str, str], Place]:
            same = and_(
                col(FileRow.tenant) == col(FileLineRow.tenant),
                col(FileRow.file_key) == col(FileLineRow.file_key),
            )
            found = {}
            for tenant, key in payments:
                rows = (
                    select(FileRow.message_id, FileLineRow.position)
                    .join(FileLineRow, same)
                    .where(FileLineRow.tenant == tenant, FileLineRow.payment_key == key)
                )
                for message_id, position in session.exec(rows):
                    found[tenant, key] = Place(message_id or "", position)
            return found

        return await self._database.read(query)

    def _row(self, tenant: str, file_key: str, line: KeptLine) -> dict[str, object]:
        context = _context(tenant, file_key, line.position)
        return {
            "tenant": tenant,
            "file_key": file_key,
            "position": line.position,
            "payment_key": line.payment_key,
            "line_sealed": self._keyring.seal(line.model_dump_json().encode(), context),
        }

    def _file(self, row: FileRow) -> KeptFile:
        context = _context(row.tenant, row.file_key)
        clear = self._keyring.open(row.header_sealed or b"", context)
        return KeptFile(
            tenant=row.tenant,
            file_key=row.file_key,
            message_id=row.message_id or "",
            taken_at=row.taken_at,
            header=FileHeader.model_validate_json(clear),
        )

    def _now(self, row: FileLineRow, payment: LifecycleRow | None) -> LineNow:
        context = _context(row.tenant, row.file_key, row.position)
        clear = self._keyring.open(row.line_sealed, context)
        line = KeptLine.model_validate_json(clear)
        if payment is None:
            return LineNow(line=line)
        return LineNow(
            line=line,
            payment_id=payment.resource_id,
            payment=Payment.model_validate_json(payment.folded_json),
            created_at=payment.created_at,
            updated_at=payment.updated_at,
        )


def _replacing(
    tenant: str, file_key: str, rows: Collection[dict[str, object]]
) -> Callable[[Session], None]:
    positions = [row["position"] for row in rows]

    def transaction(session: Session) -> None:
        session.exec(
            delete(FileLineRow).where(
                col(FileLineRow.tenant) == tenant,
                col(FileLineRow.file_key) == file_key,
                col(FileLineRow.position).in_(positions),
            )
        )
        session.connection().execute(insert(FileLineRow), list(rows))

    return transaction


def _context(tenant: str, file_key: str, position: int | None = None) -> str:
    place = "" if position is None else f"/{position}"
    return f"file/{tenant}/{file_key}{place}"
