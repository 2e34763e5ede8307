"""What empty lookups prove about a book: that no attempt was executed.

An empty answer counts only if its lookup was sent after everything that could still reach the
partner had ended and become visible. The number needed depends on the attempt. An attempt in doubt
needs two. An attempt that the partner turned away needs one, because then the partner's documented
word and the lookup agree. Each alone may be wrong: a gateway can answer 429 in front of a bank that
has executed.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from domain.lifecycle.book import Book, LookupResult
from domain.lifecycle.profile import Operation

#: Empty answers that end a doubt.
EMPTY_ANSWERS_NEEDED: Final = 2


def is_proven_absent(op: Operation, book: Book) -> bool:
    """Whether the doubt is resolved: no attempt that reached the partner was executed."""
    asked = _empty_answers(op, book)
    # Two answers less than a pause apart prove no more than one.
    return len(asked) >= EMPTY_ANSWERS_NEEDED and max(asked) - min(asked) >= op.lookup.pause


def is_unconfirmed(op: Operation, book: Book) -> bool:
    """Whether no lookup has yet confirmed that a turned away attempt was not executed.

    False if the partner has the instruction, because then nothing is left to confirm. False too
    if the partner offers no complete lookup: nothing could confirm it, so the source in the
    profile has to be good enough.
    """
    return (
        book.was_turned_away
        and not book.answered
        and op.lookup.is_complete
        and not _empty_answers(op, book)
    )


def is_uncertain(op: Operation, book: Book) -> bool:
    """Whether the outcome is unknown: in doubt, or turned away and a lookup could not tell."""
    asked_in_vain = any(k.result is LookupResult.CANNOT_TELL for k in book.lookups)
    return book.in_doubt or (asked_in_vain and not book.closed and is_unconfirmed(op, book))


def settled_from(op: Operation, book: Book) -> datetime:
    """When an empty answer starts to count: all that could arrive has arrived and is visible.

    Raises:
        ValueError: no attempt reached the partner.
    """
    ended = max(
        # An attempt that was closed after its end was delayed, and may have run until then.
        max(a.ends_by, a.closed_at or a.ends_by)
        for a in book.attempts
        if a.reached
    )
    return ended + op.lookup.settle_delay


def _empty_answers(op: Operation, book: Book) -> set[datetime]:
    """When the lookup of each empty answer that counts was sent."""
    if not op.lookup.is_complete:
        return set()
    since = settled_from(op, book)
    return {
        looked.asked_at
        for looked in book.lookups
        if looked.result is LookupResult.ABSENT and looked.asked_at >= since
    }
