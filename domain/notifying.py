"""When upkeep tells a payment's run to look again, should the run not act by itself.

A run is told at a few ages of what it is late with, not in every round: a worker that has much to
do would otherwise be told of all of it without end. It is told for ever, since its run may be
dead: asking the server which runs are alive costs more the more payments wait, and telling a run
that is alive is harmless.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

#: What is younger is being started, or told, by the process that recorded it.
YOUNG: Final = timedelta(seconds=5)
#: How late a step is when its run is told of it; after the last one, again each time that passes.
AGES: Final = (timedelta(minutes=1), timedelta(minutes=10), timedelta(hours=1), timedelta(hours=6))
#: The run of a payment that waits for longer may have left Temporal: it is told on time, not late.
LONG: Final = timedelta(days=1)


def next_notification(owed_at: datetime, now: datetime) -> datetime:
    """The next moment, after `now`, at which the run is told of what it owes since `owed_at`."""
    if owed_at - now >= LONG:
        return owed_at
    for age in AGES:
        if now < owed_at + age:
            return owed_at + age
    return now + AGES[-1]
