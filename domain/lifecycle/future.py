"""Moments that a fast clock dated in the future: how they are found and corrected.

Uncorrected, an attempt would never end, a read would hide all news until its moment, and one read
would end a watch of several days. Waiting until the moment comes was refused, because a clock may
have been years ahead.
"""

from __future__ import annotations

from datetime import datetime

from domain.clock import is_after
from domain.lifecycle.heard import Heard
from domain.lifecycle.report import Report
from domain.lifecycle.sending import Book, LookedUp, LookupResult


def has_future(book: Book, now: datetime) -> bool:
    """Whether the book contains a moment that a fast clock dated in the future."""
    attempts = (moment for a in book.attempts for moment in (a.opened_at, a.closed_at))
    lookups = (looked.asked_at for looked in book.lookups)
    return any(is_after(moment, now) for moment in (*attempts, *lookups))


def redated_report(report: Report, now: datetime) -> Report:
    """The same report, dated no later than now; a note in `drift` says why."""
    if not is_after(report.as_of, now):
        return report
    dated, counted = (f"{moment:%Y-%m-%d %H:%M}" for moment in (report.as_of, now))
    note = f"dated {dated} by a clock that was ahead, counted as of {counted}"
    return report.model_copy(update={"as_of": now, "drift": (*report.drift, note)})


def redated(heard: Heard, now: datetime) -> Heard:
    """The outcome of a step, dated no later than now. Our clock may have jumped ahead meanwhile.

    The partner's words stay. Only an empty answer of a lookup no longer counts, because its date
    is all that makes it a proof.
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
