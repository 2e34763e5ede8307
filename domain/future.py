"""What a clock that was ahead dated in the future: how it is found, and how it is dated anew.

Left as it is, an attempt would never end, a question would make us deaf to news until its moment,
and one read would end a watch of days. To wait until the moment has come was refused: a clock may
have been years ahead.
"""

from __future__ import annotations

from datetime import datetime

from domain.clock import is_after
from domain.heard import Heard
from domain.report import Report
from domain.sending import Book, LookedUp, LookupResult


def has_future(book: Book, now: datetime) -> bool:
    """Whether a moment of the book has not come yet by any clock that agrees with ours."""
    attempts = (moment for a in book.attempts for moment in (a.opened_at, a.closed_at))
    lookups = (looked.asked_at for looked in book.lookups)
    return any(is_after(moment, now) for moment in (*attempts, *lookups))


def redated_report(report: Report, now: datetime) -> Report:
    """The same words, heard no later than now; the note tells people why."""
    if not is_after(report.as_of, now):
        return report
    dated, counted = (f"{moment:%Y-%m-%d %H:%M}" for moment in (report.as_of, now))
    note = f"dated {dated} by a clock that was ahead, counted as of {counted}"
    return report.model_copy(update={"as_of": now, "drift": (*report.drift, note)})


def redated(heard: Heard, now: datetime) -> Heard:
    """What a step heard, where our clock jumped ahead while it was at work.

    The words of the partner stay. Only the empty answer of a lookup counts no more: it is proof
    by its date alone.
    """
    changes: dict[str, object] = {}
    if is_after(heard.heard_at, now):
        changes["heard_at"] = now
    if heard.report is not None and is_after(heard.report.as_of, now):
        changes["report"] = redated_report(heard.report, now)
    if (looked := heard.looked_up) is not None and is_after(looked.asked_at, now):
        is_found = looked.result is LookupResult.FOUND
        result = LookupResult.FOUND if is_found else LookupResult.CANNOT_TELL
        changes["looked_up"] = LookedUp(asked_at=now, result=result)
    if changes:
        changes["not_before"] = None
    return heard.model_copy(update=changes)
