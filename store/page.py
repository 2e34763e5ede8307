"""The rows of one resource, as one transaction holds them: each kind of row is queried once.

A transaction that writes holds the resource's lock, so nobody else changes these rows meanwhile.
Queries after each change cost most of a transaction. New rows of these kinds are added here, so
that a page that was read before has them too. Keeping pages from one transaction to the next was
refused: another process may write in between.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, TypeVar, cast

import sqlalchemy
from sqlalchemy import BindParameter, Executable, Select, bindparam, insert, inspect
from sqlmodel import Session, SQLModel, col, select

from domain.lifecycle.resource import UnknownResource
from store.database import is_writing
from store.tables.lifecycles import AttemptRow, InstructionRow, LookupRow, ReportRow
from store.tables.people import TaskRow

Row = TypeVar("Row", bound=SQLModel)

_PAGES: Final = "pages"
_OF_RESOURCE: Final[BindParameter[str]] = bindparam("resource_id")
_OF_INSTRUCTION: Final[BindParameter[str]] = bindparam("instruction_id")


def plain(table: type[SQLModel]) -> Select[Any]:
    """Selects all fields of a table as plain rows: cheap to read, and not to be changed."""
    fields = inspect(table).column_attrs
    return sqlalchemy.select(*(field.columns[0].label(field.key) for field in fields))


def plain_rows(session: Session, query: Executable, of: Mapping[str, Any]) -> Sequence[Any]:
    """The result of a query without the object mapper. Pending changes are not written first."""
    return session.connection().execute(query, of).all()


# Built once: each transaction runs them, and to build one costs more than to run it.
_INSTRUCTIONS: Final = (
    select(InstructionRow)
    .where(InstructionRow.resource_id == _OF_RESOURCE)
    .order_by(InstructionRow.instruction_id)
)
_PLAIN_INSTRUCTIONS: Final = (
    plain(InstructionRow)
    .where(col(InstructionRow.resource_id) == _OF_RESOURCE)
    .order_by(InstructionRow.instruction_id)
)
_ATTEMPTS: Final = (
    select(AttemptRow)
    .where(AttemptRow.instruction_id == _OF_INSTRUCTION)
    .order_by(col(AttemptRow.number))
)
_PLAIN_ATTEMPTS: Final = (
    plain(AttemptRow)
    .where(col(AttemptRow.instruction_id) == _OF_INSTRUCTION)
    .order_by(col(AttemptRow.number))
)
_LOOKUPS: Final = (
    plain(LookupRow)
    .where(col(LookupRow.instruction_id) == _OF_INSTRUCTION)
    .order_by(col(LookupRow.asked_at))
)
_REPORTS: Final = (
    sqlalchemy.select(col(ReportRow.report_id), col(ReportRow.report_json))
    .where(col(ReportRow.resource_id) == _OF_RESOURCE)
    .order_by(col(ReportRow.heard_at), col(ReportRow.report_id))
)
_NEW_REPORT: Final = insert(ReportRow)
_HAS_TASKS: Final = (
    sqlalchemy.select(col(TaskRow.task_id)).where(col(TaskRow.resource_id) == _OF_RESOURCE).limit(1)
)
_TASKS: Final = select(TaskRow).where(TaskRow.resource_id == _OF_RESOURCE)


class Page:
    """One resource's instructions, attempts, lookups, reports and tasks.

    In a transaction that only reads, instructions and attempts are plain rows.
    """

    def __init__(self, session: Session, resource_id: str) -> None:
        self._session = session
        self._resource_id = resource_id
        self._instructions: list[InstructionRow] | None = None
        self._attempts: dict[str, list[AttemptRow]] = {}
        self._lookups: dict[str, list[LookupRow]] = {}
        self._reports: dict[str, str] | None = None
        self._tasks: list[TaskRow] | None = None

    @property
    def instructions(self) -> Sequence[InstructionRow]:
        """Ordered by id."""
        if self._instructions is None:
            self._instructions = self._read(
                _INSTRUCTIONS, _PLAIN_INSTRUCTIONS, {"resource_id": self._resource_id}
            )
        return self._instructions

    def instruction(self, instruction_id: str) -> InstructionRow:
        """One of the instructions.

        Raises:
            UnknownResource: the resource has no such instruction.
        """
        for row in self.instructions:
            if row.instruction_id == instruction_id:
                return row
        raise UnknownResource(f"no instruction {instruction_id}")

    def attempts(self, instruction_id: str) -> Sequence[AttemptRow]:
        """Ordered by number."""
        if instruction_id not in self._attempts:
            self._attempts[instruction_id] = self._read(
                _ATTEMPTS, _PLAIN_ATTEMPTS, {"instruction_id": instruction_id}
            )
        return self._attempts[instruction_id]

    def attempt(self, instruction_id: str, number: int) -> AttemptRow:
        """The attempt with that number; it must exist."""
        return next(each for each in self.attempts(instruction_id) if each.number == number)

    def lookups(self, instruction_id: str) -> Sequence[LookupRow]:
        """Plain rows, the oldest first."""
        if instruction_id not in self._lookups:
            of = {"instruction_id": instruction_id}
            self._lookups[instruction_id] = list(self._plain(_LOOKUPS, of))
        return self._lookups[instruction_id]

    @property
    def reports(self) -> Mapping[str, str]:
        """The reports' stored texts by their ids, in the order in which they were recorded."""
        if self._reports is None:
            of = {"resource_id": self._resource_id}
            self._reports = {row.report_id: row.report_json for row in self._plain(_REPORTS, of)}
        return self._reports

    @property
    def tasks(self) -> Sequence[TaskRow]:
        """The tasks about it, open and closed. Most resources never have one."""
        if self._tasks is None:
            of = {"resource_id": self._resource_id}
            has_some = bool(self._plain(_HAS_TASKS, of))
            self._tasks = self._objects(_TASKS, of) if has_some else []
        return self._tasks

    def add_report(self, report_id: str, instruction_id: str, text: str, now: datetime) -> None:
        """Store a new report."""
        self._reports = {**self.reports, report_id: text}
        new = {
            "report_id": report_id,
            "resource_id": self._resource_id,
            "instruction_id": instruction_id,
            "report_json": text,
            "heard_at": now,
        }
        self._session.connection().execute(_NEW_REPORT, new)

    def add(self, row: SQLModel) -> None:
        """Store a new row of this resource."""
        match row:
            case InstructionRow():
                known = [*self.instructions, row]
                self._instructions = sorted(known, key=lambda each: each.instruction_id)
            case AttemptRow(instruction_id=its):
                self._attempts[its] = [*self.attempts(its), row]
            case LookupRow(instruction_id=its):
                found = [*self.lookups(its), row]
                self._lookups[its] = sorted(found, key=lambda each: each.asked_at)
            case TaskRow():
                self._tasks = [*self.tasks, row]
            case _:
                pass
        self._session.add(row)

    def _read(self, objects: Any, plainly: Executable, of: Mapping[str, Any]) -> list[Any]:
        if is_writing(self._session):
            return self._objects(objects, of)
        return list(self._plain(plainly, of))

    def _plain(self, query: Executable, of: Mapping[str, Any]) -> Sequence[Any]:
        return plain_rows(self._session, query, of)

    def _objects(self, query: Any, of: Mapping[str, Any]) -> list[Any]:
        # No flush is needed: pending rows of these tables are on the page already.
        with self._session.no_autoflush:
            return list(self._session.exec(query, params=of).all())


def page_of(session: Session, resource_id: str) -> Page:
    """The page of a resource in this transaction."""
    pages = cast(dict[str, Page], session.info.setdefault(_PAGES, {}))
    if resource_id not in pages:
        pages[resource_id] = Page(session, resource_id)
    return pages[resource_id]


def turn_page(session: Session, resource_id: str) -> None:
    """Forget the page, so that it is queried again: the lock was taken, or rows were deleted."""
    if cast(dict[str, Page], session.info.get(_PAGES, {})).pop(resource_id, None):
        session.flush()
