"""The simulator's time: the machine's own, moved, or standing still."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simulators.currencycloud.book import Book


def stamp(moment: datetime) -> str:
    """A moment as the book keeps it: UTC, microseconds, so that text order is time order."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def moment(text: str) -> datetime:
    """Raises ValueError: not a moment, or without an offset from UTC."""
    read = datetime.fromisoformat(text)
    if read.tzinfo is None:
        raise ValueError(f"no offset from UTC: {text!r}")
    return read.astimezone(UTC)


class Clock:
    """Kept in the book, so that a restarted simulator lives on in the same time."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self._offset = timedelta(microseconds=int(book.setting("clock_offset_us") or 0))
        frozen = book.setting("clock_frozen_at")
        self._frozen_at = moment(frozen) if frozen else None

    @property
    def frozen(self) -> bool:
        return self._frozen_at is not None

    def now(self) -> datetime:
        if self._frozen_at is not None:
            return self._frozen_at
        return datetime.now(UTC) + self._offset

    def advance(self, by: timedelta) -> None:
        self.set(self.now() + by)

    def set(self, to: datetime) -> None:
        """Any moment, an earlier one too: partners' clocks have been set back before."""
        if self._frozen_at is not None:
            self._frozen_at = to
        self._offset = to - datetime.now(UTC)
        self._keep()

    def freeze(self) -> None:
        """Time stands still until it is advanced, set or let go."""
        self._frozen_at = self.now()
        self._keep()

    def thaw(self) -> None:
        """Time runs again, from where it stood."""
        now = self.now()
        self._frozen_at = None
        self.set(now)

    def _keep(self) -> None:
        microseconds = self._offset // timedelta(microseconds=1)
        self._book.keep_setting("clock_offset_us", str(microseconds))
        frozen = stamp(self._frozen_at) if self._frozen_at is not None else ""
        self._book.keep_setting("clock_frozen_at", frozen)
