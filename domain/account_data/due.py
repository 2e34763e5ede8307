"""When account data is read again, when it has to be erased, and how old it may get."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

#: The kind of a feed's workflow, as workflow ids have it.
FEED: Final = "feed"
#: How long data is kept after the access to its account has ended. Our own choice: long enough for
#: the user to renew a consent that ended by oversight. Regulation (EU) 2016/679, Article 5(1)(e)
#: sets no number.
ERASED_AFTER: Final = timedelta(days=30)
#: The window in which a bank counts unattended reads (`regimes/consents.py`).
QUOTA_WINDOW: Final = timedelta(hours=24)
#: How often the list of accounts is read.
ACCOUNTS_EVERY: Final = timedelta(days=1)
#: Each listing begins this much before the start of the last one that was read to its end, because
#: banks book with dates of the past.
OVERLAP: Final = timedelta(days=10)
#: How long a user who asked for a reading is taken to be there.
ATTENDED_FOR: Final = timedelta(minutes=5)
#: Listings that are begun again at once because the list moved while it was read.
AGAIN_MAX: Final = 2
_PAUSE: Final = timedelta(minutes=1)
_PAUSE_MAX: Final = timedelta(hours=1)


def every(per_day: int) -> timedelta:
    """The time between two unattended listings, so that the quota lasts for the whole day."""
    return QUOTA_WINDOW / max(per_day, 1)


def pause(failures: int) -> timedelta:
    """How long to wait after that many readings in a row that brought nothing."""
    doubled: int = 2 ** min(max(failures - 1, 0), 10)
    return min(_PAUSE * doubled, _PAUSE_MAX)
