"""Writes an event for each change of a resource, in the transaction that makes the change.

The resource's row is locked then, so its events are counted without gaps. A position in the list of
all events is not given here: it would be a lock that every payment takes (`store/events.py`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime

from domain.lifecycle.change import Change
from store.tables.events import EventRow
from store.tables.lifecycles import LifecycleRow


def events_of(row: LifecycleRow, changes: Iterable[Change], now: datetime) -> list[EventRow]:
    """The events of these changes, for the caller to store after the resource's row.

    Counts them in the row, which the caller has locked or is about to insert.
    """
    made = []
    for change in changes:
        row.events += 1
        made.append(
            EventRow(
                tenant=row.tenant,
                resource_id=row.resource_id,
                sequence=row.events,
                kind=row.kind,
                change=change.kind,
                detail_json=json.dumps(change.detail),
                at=now,
            )
        )
    return made
