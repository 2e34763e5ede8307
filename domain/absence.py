"""What empty lookups prove of a book: that nothing of it was executed.

An empty answer counts only if it was asked after everything that could still reach the partner
had ended and become visible. How many are needed depends on what they stand against. An attempt
in doubt needs two. An attempt that the partner says it turned away needs one, because the
partner's documented word and the lookup then say the same: each alone may be wrong, as when a
gateway answers 429 in front of a bank that has executed.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from domain.book import Book, LookupResult
from domain.profile import Operation

#: Empty answers that end a doubt.
EMPTY_ANSWERS_NEEDED: Final = 2


def is_proven_absent(op: Operation, book: Book) -> bool:
    """Whether a doubt has ended: nothing of what reached the partner was executed."""
    asked = _empty_answers(op, book)
    # Two at the same moment are one answer heard twice.
    return len(asked) >= EMPTY_ANSWERS_NEEDED and max(asked) - min(asked) >= op.lookup.pause


def is_unconfirmed(op: Operation, book: Book) -> bool:
    """Whether the partner's word that it turned an attempt away still stands alone.

    False where the partner holds the instruction: then nothing is left to be confirmed. False too
    where the partner offers no complete lookup: nothing could confirm it, and the source in its
    profile has to be good enough.
    """
    return (
        book.was_turned_away
        and not book.answered
        and op.lookup.is_complete
        and not _empty_answers(op, book)
    )


def is_uncertain(op: Operation, book: Book) -> bool:
    """Whether nobody knows what became of it: in doubt, or turned away and looked up in vain."""
    asked_in_vain = any(k.result is LookupResult.CANNOT_TELL for k in book.lookups)
    return book.in_doubt or (asked_in_vain and not book.closed and is_unconfirmed(op, book))


def settled_from(op: Operation, book: Book) -> datetime:
    """From when on an empty answer counts: whatever might arrive has arrived and is visible."""
    ended = max(
        # One that was closed after its end was held up: it may have been at work until then.
        max(a.ends_by, a.closed_at or a.ends_by)
        for a in book.attempts
        if a.reached
    )
    return ended + op.lookup.settle_delay


def _empty_answers(op: Operation, book: Book) -> set[datetime]:
    """When each empty answer that counts was asked."""
    if not op.lookup.is_complete:
        return set()
    since = settled_from(op, book)
    return {
        looked.asked_at
        for looked in book.lookups
        if looked.result is LookupResult.ABSENT and looked.asked_at >= since
    }
