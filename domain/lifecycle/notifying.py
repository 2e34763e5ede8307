"""When upkeep notifies a resource's run that its step is late.

Upkeep notifies a run at a few ages of the late step, not in every round. Otherwise a busy worker
would be notified of all its late resources again and again. It never stops notifying, because the
run may be dead. Asking the server which runs are alive was refused: the cost grows with the
resources that wait, and notifying a live run is harmless.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

#: Upkeep leaves younger records to the process that recorded them: it is notifying the run itself.
YOUNG: Final = timedelta(seconds=5)
#: How late a step is when its run is notified; after the last age, again each time that passes.
AGES: Final = (timedelta(minutes=1), timedelta(minutes=10), timedelta(hours=1), timedelta(hours=6))
#: The run of a resource that waits this long may have left Temporal. It is notified at the moment
#: when its step is due, not a minute later.
LONG: Final = timedelta(days=1)


class NotNotified(Exception):
    """The server takes no further signal for this run; other runs can be notified.

    Terminate the run, and a fresh one goes on from the store.
    """


def next_notification(owed_at: datetime, now: datetime) -> datetime:
    """The next moment, after `now`, to notify the run of the step that is due at `owed_at`."""
    if owed_at - now >= LONG:
        return owed_at
    for age in AGES:
        if now < owed_at + age:
            return owed_at + age
    return now + AGES[-1]
