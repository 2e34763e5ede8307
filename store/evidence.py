"""Evidence: reports, lookups and exchanges with the partner, each stored once."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from typing import Final

from sqlalchemy import bindparam, insert, select
from sqlmodel import Session, col

from domain.lifecycle.heard import Heard
from domain.lifecycle.report import Report
from domain.lifecycle.sending import LookupResult
from store.keyring import Keyring
from store.page import page_of, plain_rows
from store.tables.lifecycles import ExchangeRow, LookupRow

_EXCHANGE: Final = select(col(ExchangeRow.number)).where(
    col(ExchangeRow.resource_id) == bindparam("resource_id"),
    col(ExchangeRow.heard_at) == bindparam("heard_at"),
    # Also finds exchanges without a report, whose `report_id` is NULL.
    col(ExchangeRow.report_id).is_not_distinct_from(bindparam("report_id")),
)
_NEW_EXCHANGE: Final = insert(ExchangeRow)


def keep_report(session: Session, resource_id: str, report: Report, now: datetime) -> bool:
    """Store the report. False if it is stored already: the same words have the same id."""
    page = page_of(session, resource_id)
    if report.report_id in page.reports:
        return False
    text = report.model_dump_json(exclude={"action": {"url"}})
    page.add_report(report.report_id, report.instruction_id, text, now)
    return True


def keep_lookup(session: Session, heard: Heard, *, found_elsewhere: bool) -> None:
    """Store the result of a lookup, unless it is stored already.

    Args:
        found_elsewhere: the object that was found belongs to another resource. Then the lookup says
            nothing about this one, and counts as CANNOT_TELL.
    """
    looked = heard.looked_up
    assert looked is not None
    page = page_of(session, heard.resource_id)
    if any(known.asked_at == looked.asked_at for known in page.lookups(heard.instruction_id)):
        return
    page.add(
        LookupRow(
            instruction_id=heard.instruction_id,
            asked_at=looked.asked_at,
            result=LookupResult.CANNOT_TELL if found_elsewhere else looked.result,
            why="what was found belongs to another payment" if found_elsewhere else heard.why,
        )
    )


def keep_exchange(
    session: Session, keyring: Keyring, heard: Heard, *, is_new: bool = False
) -> None:
    """Store the redacted request and answer, sealed, whether or not they brought a report.

    Args:
        is_new: whether this transaction stored the report that they brought. Then they are new too.
    """
    exchange = heard.exchange
    if exchange is None:
        return
    report_id = heard.report.report_id if heard.report else None
    of = {"resource_id": heard.resource_id, "heard_at": heard.heard_at, "report_id": report_id}
    if not is_new and plain_rows(session, _EXCHANGE, of):
        return
    clear = json.dumps({**asdict(exchange), "sent_at": exchange.sent_at.isoformat()})
    path = exchange.path.partition("?")[0]
    new = {
        **of,
        "instruction_id": heard.instruction_id,
        "summary": f"{exchange.method} {path} → {exchange.status or 'no answer'}: {heard.why}",
        "exchange_sealed": keyring.seal(clear.encode(), f"exchanges/{heard.resource_id}"),
    }
    session.connection().execute(_NEW_EXCHANGE, new)
