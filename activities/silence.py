"""Logs when a partner does not answer: once, every ten minutes, and when it answers again."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Final

log = logging.getLogger("finality.partners")

_AGAIN_AFTER: Final = timedelta(minutes=10)


class Silences:
    """The silences that this process met. A thousand payments of one partner make one log line."""

    def __init__(self) -> None:
        self._since: dict[str, datetime] = {}
        self._said_at: dict[str, datetime] = {}

    def note(self, account: str, answered: bool | None, why: str, now: datetime) -> None:
        """Note the end of one step; `answered` is None if the partner was not asked."""
        if answered is None:
            return
        if answered:
            if since := self._since.pop(account, None):
                del self._said_at[account]
                seconds = (now - since).total_seconds()
                log.warning("partner %s answers again, after %.0f s", account, seconds)
            return
        since = self._since.setdefault(account, now)
        said_at = self._said_at.get(account)
        if said_at is not None and now - said_at < _AGAIN_AFTER:
            return
        self._said_at[account] = now
        log.warning(
            "partner %s has not answered since %s UTC: %s; its payments wait and ask again by "
            "themselves, and `finality doctor` asks it now",
            account,
            f"{since:%Y-%m-%d %H:%M:%S}",
            why,
        )
