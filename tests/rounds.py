"""What Temporal and partners remember of upkeep, where no test is about that."""

from __future__ import annotations

from datetime import timedelta

from activities.back_fill import BackFill
from activities.silence import Silences
from domain.clock import Clock
from domain.lifecycle.witness import Known
from store.database import Database
from store.feeds import Feeds
from store.inbox import Inbox


async def no_round() -> Known:
    """No round has ended there."""
    return Known()


def no_feeds(database: Database, inbox: Inbox, clock: Clock) -> BackFill:
    """No partner lists its events."""
    return BackFill(
        feeds={},
        store=Feeds(database),
        inbox=inbox,
        silences=Silences(),
        every=timedelta(minutes=5),
        clock=clock,
    )
