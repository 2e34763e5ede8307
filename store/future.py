"""Repairs rows that a fast clock has dated in the future.

The moments are rewritten under the resource's lock. Reading `now` in their place was refused: it
would be another moment at each read, and a wait that starts again each time never ends.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from sqlmodel import Session, col, select, update

from domain.clock import APART_MAX, is_after
from domain.lifecycle.future import redated_report
from domain.lifecycle.report import Report
from domain.lifecycle.sending import AttemptResult, LookupResult
from store.actions import move_action
from store.clocks import no_later
from store.database import Database
from store.evidence import keep_report
from store.folding import Folding
from store.keyring import Keyring
from store.page import page_of, turn_page
from store.payments import row as resource_row
from store.requests import operation_of
from store.tables.lifecycles import (
    AttemptRow,
    ExchangeRow,
    InstructionRow,
    LifecycleRow,
    LookupRow,
    ReportRow,
)

log = logging.getLogger("finality.clocks")

_WHY: Final = "its clock was ahead"
_MICROSECOND: Final = timedelta(microseconds=1)


class Future:
    """Finds and repairs moments in the future."""

    def __init__(self, database: Database, folding: Folding) -> None:
        self._database = database
        self._folding = folding

    async def mend(self, resource_id: str, now: Callable[[], datetime]) -> bool:
        """Move the resource's moments that lie in the future to now. True if there were any.

        Args:
            now: a clock that agrees with Temporal's and the database's. It is read under the
                resource's lock; otherwise rows that others wrote meanwhile would seem to lie in the
                future.

        Raises:
            UnknownResource: the resource is gone.
            KeyringError: its order cannot be opened, so it cannot be refolded.
        """

        def transaction(session: Session) -> bool:
            resource = resource_row(session, resource_id)
            moment = no_later(session, now())
            mended = _mend(session, self._folding.keyring, resource, moment)
            if mended:
                log.error("%s: %s; the dates are corrected", resource_id, "; ".join(mended))
                self._folding.refold(session, resource, moment)
            return bool(mended)

        return await self._database.write(transaction)

    async def written_ahead(self, now: datetime, *, limit: int) -> list[tuple[str, str]]:
        """(tenant, resource id) of resources whose last write is dated in the future."""

        def query(session: Session) -> list[tuple[str, str]]:
            rows = (
                select(LifecycleRow.tenant, LifecycleRow.resource_id)
                .where(LifecycleRow.updated_at > no_later(session, now) + APART_MAX)
                .order_by(col(LifecycleRow.updated_at))
                .limit(limit)
            )
            return [(tenant, resource_id) for tenant, resource_id in session.exec(rows)]

        return await self._database.read(query)


def is_ahead(session: Session, resource: LifecycleRow, now: datetime) -> bool:
    """Whether the resource has moments in the future, which `mend` has to move first."""
    page = page_of(session, resource.resource_id)
    ids = [row.instruction_id for row in page.instructions]
    moments = [resource.updated_at, resource.last_asked_at]
    moments += [attempt.opened_at for its in ids for attempt in page.attempts(its)]
    moments += [lookup.asked_at for its in ids for lookup in page.lookups(its)]
    return any(is_after(moment, now) for moment in moments)


def _mend(session: Session, keyring: Keyring, resource: LifecycleRow, now: datetime) -> list[str]:
    mended = _mend_row(resource, now)
    for row in page_of(session, resource.resource_id).instructions:
        mended += _mend_attempts(session, resource, row, now)
        mended += _mend_lookups(session, row, now)
    mended += _mend_reports(session, keyring, resource, now)
    if mended:
        # It is no longer known which report is the newest, so the partner is read again.
        resource.last_asked_at = None
        session.add(resource)
        turn_page(session, resource.resource_id)
    return mended


def _mend_row(resource: LifecycleRow, now: datetime) -> list[str]:
    mended = []
    if is_after(resource.updated_at, now):
        mended.append(f"written at {resource.updated_at:%Y-%m-%d %H:%M}, in the future")
        # How long to wait was computed from that clock.
        resource.updated_at, resource.not_before, resource.waiting_for = now, None, None
        resource.read_turn_at = None
    for name in ("last_asked_at", "gate_passed_at"):
        if is_after(getattr(resource, name), now):
            mended.append(f"{name} was in the future")
            setattr(resource, name, None)
    for name in ("created_at", "cancel_asked_at"):
        if is_after(getattr(resource, name), now):
            mended.append(f"{name} was in the future")
            setattr(resource, name, now)
    return mended


def _mend_attempts(
    session: Session, resource: LifecycleRow, row: InstructionRow, now: datetime
) -> list[str]:
    """Redate attempts. An open one gets its usual time from now on.

    It is dated as if it had been opened when the order was accepted, so that its key is relied on
    for no longer than the partner honours it.
    """
    mended = []
    for attempt in session.exec(
        select(AttemptRow).where(AttemptRow.instruction_id == row.instruction_id)
    ):
        if not is_after(max(attempt.opened_at, attempt.closed_at or attempt.opened_at), now):
            continue
        mended.append(f"attempt {attempt.number} was dated {attempt.opened_at:%Y-%m-%d %H:%M}")
        operation = operation_of(resource, row)
        if is_after(attempt.opened_at, now):
            # By its own clock, its process may write for this long after it opened, not longer.
            attempt.write_before = now + operation.write_within
            attempt.ends_by = attempt.write_before + operation.answer_within
            if attempt.result not in (AttemptResult.OPEN, AttemptResult.UNKNOWN):
                attempt.write_before = attempt.ends_by = now
            attempt.opened_at = min(resource.created_at, now)
        if is_after(attempt.closed_at, now):
            attempt.closed_at, attempt.not_before = now, None
        attempt.why = f"{attempt.why}; {_WHY}" if attempt.why else _WHY
        session.add(attempt)
    return mended


def _mend_lookups(session: Session, row: InstructionRow, now: datetime) -> list[str]:
    """Redate lookups. An empty answer is proof only by its date, so it becomes CANNOT_TELL."""
    mended = []
    rows = select(LookupRow).where(LookupRow.instruction_id == row.instruction_id)
    for number, looked in enumerate(session.exec(rows).all()):
        if not is_after(looked.asked_at, now):
            continue
        mended.append(f"a lookup was dated {looked.asked_at:%Y-%m-%d %H:%M}")
        is_found = looked.result == LookupResult.FOUND
        session.delete(looked)
        session.flush()
        session.add(
            LookupRow(
                instruction_id=row.instruction_id,
                asked_at=now - number * _MICROSECOND,
                result=LookupResult.FOUND if is_found else LookupResult.CANNOT_TELL,
                why=f"{looked.why}; {_WHY}",
            )
        )
    return mended


def _mend_reports(
    session: Session, keyring: Keyring, resource: LifecycleRow, now: datetime
) -> list[str]:
    """Redate reports, keeping their order. The read that follows brings the latest state."""
    own = select(ReportRow).where(ReportRow.resource_id == resource.resource_id)
    rows = session.exec(own).all()
    told = [(row, Report.model_validate_json(row.report_json)) for row in rows]
    ahead = [(row, report) for row, report in told if is_after(report.as_of, now)]
    ahead.sort(key=lambda pair: pair[1].weight)
    for number, (row, report) in enumerate(ahead):
        moment = now - (len(ahead) - number) * _MICROSECOND
        redated = redated_report(report, moment)
        keep_report(session, resource.resource_id, redated, moment)
        move_action(session, keyring, row.report_id, redated)
        session.delete(row)
        session.flush()
        session.exec(
            update(ExchangeRow)
            .where(col(ExchangeRow.report_id) == row.report_id)
            .values(report_id=redated.report_id)
        )
    return [f"a report was dated {report.as_of:%Y-%m-%d %H:%M}" for _, report in ahead]
