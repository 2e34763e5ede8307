"""Deletes deliveries that ended long ago, with their attempts, and what is left of endpoints.

The table is walked through by its key, some rows in each round of upkeep, and begins again at its
end. So a round costs the same however many deliveries there are, and no index has to be kept that
each delivery would write to. A delivery is deleted some hours late at most.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Final

from sqlalchemy import ColumnElement, and_, exists, or_
from sqlmodel import Session, col, delete, select

from domain.webhooks import DEAD_KEPT, DELIVERED_KEPT, Disabled
from store.database import Database
from store.tables.webhooks import WebhookAttemptRow, WebhookDeliveryRow, WebhookEndpointRow
from store.webhooks.endpoints import UnknownEndpoint, locked

#: Deliveries that one round looks at.
LOOKED_AT: Final = 1000
#: Deleted endpoints that one round removes.
_ENDPOINTS: Final = 50


class DeliveryRetention:
    """Keeps the tables of deliveries from growing for ever."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._after = 0

    async def clean(self, now: datetime) -> int:
        """Look at the next deliveries, and delete those that are kept no longer.

        Returns:
            How many it deleted.
        """
        found = await self._database.read(lambda session: self._expired(session, now))
        deleted = 0
        for endpoint_id, numbers in found.items():
            deleted += await self._database.write(
                partial(_delete, endpoint_id=endpoint_id, numbers=numbers, now=now)
            )
        if self._after == 0:
            left = await self._database.read(_left_over)
            if left:
                await self._database.write(_delete_endpoints)
        return deleted

    def _expired(self, session: Session, now: datetime) -> dict[str, list[int]]:
        """Numbers of the next deliveries to be deleted, by their endpoint."""
        its = WebhookDeliveryRow
        rows = (
            select(its.number, its.endpoint_id, _is_over(now))
            .where(col(its.number) > self._after)
            .order_by(col(its.number))
            .limit(LOOKED_AT)
        )
        page = session.exec(rows).all()
        self._after = page[-1][0] or 0 if len(page) == LOOKED_AT else 0
        found: dict[str, list[int]] = defaultdict(list)
        for number, endpoint_id, is_over in page:
            if is_over and number is not None:
                found[endpoint_id].append(number)
        return found


def _delete(session: Session, endpoint_id: str, numbers: list[int], now: datetime) -> int:
    """Delete those that are still over: one may have been asked for again meanwhile."""
    try:
        locked(session, None, endpoint_id, deleted_too=True)
    except UnknownEndpoint:
        return 0  # Another process was here.
    its = WebhookDeliveryRow
    rows = select(its.number).where(col(its.number).in_(numbers), _is_over(now))
    over = list(session.exec(rows))
    session.exec(delete(WebhookAttemptRow).where(col(WebhookAttemptRow.delivery_number).in_(over)))
    session.exec(delete(its).where(col(its.number).in_(over)))
    return len(over)


def _left_over(session: Session) -> Sequence[str]:
    """Deleted endpoints of which no delivery is kept."""
    its = WebhookEndpointRow
    has_any = exists().where(col(WebhookDeliveryRow.endpoint_id) == col(its.endpoint_id))
    rows = select(its.endpoint_id).where(its.disabled_why == Disabled.DELETED, ~has_any)
    return session.exec(rows.limit(_ENDPOINTS)).all()


def _delete_endpoints(session: Session) -> None:
    its = WebhookEndpointRow
    session.exec(delete(its).where(col(its.endpoint_id).in_(_left_over(session))))


def _is_over(now: datetime) -> ColumnElement[bool]:
    its = WebhookDeliveryRow
    return and_(
        col(its.next_at).is_(None),
        or_(
            and_(col(its.is_dead).is_(False), col(its.ended_at) < now - DELIVERED_KEPT),
            and_(col(its.is_dead).is_(True), col(its.ended_at) < now - DEAD_KEPT),
        ),
    )
