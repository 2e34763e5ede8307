"""The simulator's clock: the machine's time, shifted or frozen."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simulators.kit.book import Book


def stamp(moment: datetime) -> str:
    """A moment as stored in the book: UTC with microseconds, so that text sorts by time."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def moment(text: str) -> datetime:
    """The moment in a text, in UTC.

    Raises:
        ValueError: not a moment, or without an offset from UTC.
    """
    read = datetime.fromisoformat(text)
    if read.tzinfo is None:
        raise ValueError(f"no offset from UTC: {text!r}")
    return read.astimezone(UTC)


class Clock:
    """Stored in the book, so that a restarted simulator goes on with the same clock."""

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
        """Set any moment, even an earlier one, since partners' clocks are sometimes set back."""
        if self._frozen_at is not None:
            self._frozen_at = to
        self._offset = to - datetime.now(UTC)
        self._keep()

    def freeze(self) -> None:
        """Stop the clock. It changes only when it is advanced, set or thawed."""
        self._frozen_at = self.now()
        self._keep()

    def thaw(self) -> None:
        """Let the clock run again, from where it stopped."""
        now = self.now()
        self._frozen_at = None
        self.set(now)

    def _keep(self) -> None:
        microseconds = self._offset // timedelta(microseconds=1)
        self._book.keep_setting("clock_offset_us", str(microseconds))
        frozen = stamp(self._frozen_at) if self._frozen_at is not None else ""
        self._book.keep_setting("clock_frozen_at", frozen)
