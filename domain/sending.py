"""The send book and `next_move`: the one place that decides whether anything is sent again."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from domain.absence import is_proven_absent, is_unconfirmed, settled_from
from domain.book import (
    GATE_HOLDS,
    Answer,
    Attempt,
    AttemptResult,
    Book,
    Closed,
    LookedUp,
    LookupResult,
)
from domain.profile import (
    DuplicateMeans,
    Idempotency,
    IdempotencyKind,
    Operation,
)

__all__ = [
    "GATE_HOLDS",
    "Answer",
    "Attempt",
    "AttemptResult",
    "Book",
    "Closed",
    "LookedUp",
    "LookupResult",
    "Move",
    "NextMove",
    "doubted_besides",
    "duplicate_is_refusal",
    "is_refused",
    "may_be_executed",
    "may_be_twice",
    "next_move",
]


class Move(StrEnum):
    """What may be done now."""

    NOTHING = "nothing"
    STORED = "stored"
    WAIT = "wait"
    SEND = "send"
    LOOK_UP = "look_up"
    CHECK = "check"
    EXPIRE = "expire"
    CANCEL = "cancel"
    """Close it: nothing was sent, and nobody wants it any more."""
    CLOSE = "close"
    """Close it as it was closed before, or as refused: it was not executed, and is never sent."""
    PARK = "park"


class NextMove(NamedTuple):
    """A move, until when to wait for it, with which key generation, and why in plain words."""

    move: Move
    because: str
    until: datetime | None = None
    generation: int = 1


def next_move(operation: Operation, book: Book, now: datetime, *, halted: bool = False) -> NextMove:
    """What is safe for this instruction now.

    Args:
        operation: the partner's declared behaviour, as kept with the payment.
        book: everything that was tried and asked so far.
        now: our clock; it decides when to act, never whether money moved.
        halted: somebody stopped new sends. Resolving what is in doubt goes on.

    Rule: design, chapter 5, "The book".
    """
    if book.closed:
        return NextMove(Move.NOTHING, f"closed: {book.closed}")
    if book.answered:
        return NextMove(Move.STORED, "the partner holds it")
    live = [a for a in book.attempts if a.result is AttemptResult.OPEN and now < a.ends_by]
    if live:
        until = max(a.ends_by for a in live)
        return NextMove(Move.WAIT, "an attempt is under way", until)
    if not book.in_doubt:
        return _without_doubt(operation, book, now, halted)
    return _in_doubt(operation, book, now, halted)


def _without_doubt(op: Operation, book: Book, now: datetime, halted: bool) -> NextMove:
    if book.was_refused:
        # Its book is normally closed by that. Not so where something else had to be ruled out.
        return _confirm(op, book, now, "refused") or NextMove(Move.STORED, "the partner refused it")
    if book.cancel_asked:
        return _confirm(op, book, now, "cancelled") or NextMove(
            Move.CANCEL, "cancelled before it had any effect"
        )
    if any(a.answer is Answer.DUPLICATE for a in book.attempts):
        # The content, not our key, was called a duplicate on a first send: not executed.
        return NextMove(Move.PARK, "the partner calls it a duplicate of another order")
    why = "turned away so far" if book.was_turned_away else "nothing was sent so far"
    return _send_anew(op, book, now, halted, why, book.generation)


def _send_anew(
    op: Operation, book: Book, now: datetime, halted: bool, why: str, generation: int
) -> NextMove:
    """A send where nothing is in doubt: in its time, and past all that may hold it with us."""
    if ended := book.reopened or (Closed.REFUSED if book.was_refused else None):
        return _confirm(op, book, now, "closed") or NextMove(
            Move.CLOSE, f"{why}; it was {ended} before"
        )
    if now >= book.submit_before:
        return _confirm(op, book, now, "expired") or NextMove(
            Move.EXPIRE, f"{why}; its time to be sent is over"
        )
    if not _key_covers_repeats(op, book, now) and (asked := _confirm(op, book, now, "sent again")):
        return asked
    if held := _held_by_us(book, now, halted):
        because, until = held
        return NextMove(Move.WAIT, f"{why}; {because}", until)
    earliest = _not_before(op, book)
    if earliest and now < earliest:
        return NextMove(Move.WAIT, f"{why}; a pause before the next attempt",
                        min(earliest, book.submit_before))  # fmt: skip
    if not book.gate_holds(now):
        because = f"{why}; our checks, then the send"
        return NextMove(Move.CHECK, because, generation=generation)
    return NextMove(Move.SEND, why, generation=generation)


def _confirm(op: Operation, book: Book, now: datetime, before: str) -> NextMove | None:
    """The lookup, or the wait for it, that has to confirm that a turned away attempt had no
    effect, before it is refused, cancelled, expired or sent again without the same key."""
    if not is_unconfirmed(op, book):
        return None
    why = f"the partner turned it away; a lookup confirms that before it is {before}"
    # An empty answer asked earlier would prove nothing, and would cost the partner a question.
    earliest = max(settled_from(op, book), _next_lookup(op, book) or book.attempts[0].opened_at)
    if now < earliest:
        return NextMove(Move.WAIT, why, earliest)
    return NextMove(Move.LOOK_UP, why)


def _key_covers_repeats(op: Operation, book: Book, now: datetime) -> bool:
    """Whether the same key would make one effect of a turned away attempt and its repeat."""
    reached = [a.opened_at for a in book.attempts if a.reached and a.generation == book.generation]
    if op.idempotency.kind is IdempotencyKind.NONE:
        return not reached
    return not reached or now < min(reached) + op.idempotency.honoured_for


def _held_by_us(book: Book, now: datetime, halted: bool) -> tuple[str, datetime] | None:
    """Why no bytes leave for now, in doubt or not, and until when."""
    if book.submit_from and now < book.submit_from:
        return "its day to be sent", min(book.submit_from, book.submit_before)
    return ("sending is halted", book.submit_before) if halted else None


def _in_doubt(op: Operation, book: Book, now: datetime, halted: bool) -> NextMove:
    protected_until = _key_protects_until(op, book)
    held = _held_by_us(book, now, halted)
    if protected_until and now < protected_until and not (held and op.lookup.is_complete):
        if held:
            because, until = held
            return NextMove(Move.WAIT, f"in doubt; {because}", min(until, protected_until))
        earliest = _not_before(op, book)
        if earliest is None or now >= earliest:
            return NextMove(
                Move.SEND,
                f"in doubt; the same bytes again, {_protection(op.idempotency)}",
                generation=book.generation,
            )
        if earliest < protected_until or not op.lookup.is_complete:
            return NextMove(Move.WAIT, "in doubt; a pause before the same bytes go again",
                            min(earliest, protected_until))  # fmt: skip
    if not op.lookup.is_complete:
        return NextMove(Move.PARK, "in doubt, and the partner offers nothing that could tell")
    if is_proven_absent(op, book):
        return _proven_absent(op, book, now, halted)
    return _look_up(op, book, now)


def _protection(idempotency: Idempotency) -> str:
    """Why the same bytes make no second effect, by what this partner does with a known key."""
    match idempotency.kind:
        case IdempotencyKind.REJECT_DUPLICATE:
            return "since the partner refuses a key that it has seen"
        case IdempotencyKind.NATURAL_KEY:
            return "since what they are about can be used only once"
        case _:
            return "since the partner answers a known key as before"


def _look_up(op: Operation, book: Book, now: datetime) -> NextMove:
    earliest = _next_lookup(op, book)
    if earliest is None:
        return NextMove(Move.LOOK_UP, "in doubt; the partner can be asked by our own reference")
    if max(looked.asked_at for looked in book.lookups) >= _last_closed(book):
        earliest = max(earliest, settled_from(op, book))
    if now < earliest:
        return NextMove(Move.WAIT, "in doubt; a pause before the partner is asked again", earliest)
    return NextMove(Move.LOOK_UP, "in doubt; one empty answer is no proof")


def _next_lookup(op: Operation, book: Book) -> datetime | None:
    """When the pause after the last lookup ends; None where there was none.

    All lookups count for the pause, not those since the last send alone: if our clock were set
    back, every one would look as if it came before, and the next would be asked at once.
    """
    if not book.lookups:
        return None
    pause = _doubled(op.lookup.pause, len(book.lookups) - 1, op.lookup.pause_max)
    return max(looked.asked_at for looked in book.lookups) + pause


def _proven_absent(op: Operation, book: Book, now: datetime, halted: bool) -> NextMove:
    if any(a.answer is Answer.DUPLICATE for a in book.attempts):
        return NextMove(Move.PARK, "the partner calls it a duplicate but does not show the first")
    if book.cancel_asked:
        return NextMove(Move.CANCEL, "proven absent, and cancelled")
    # A failure stored under the key would be all that the same key can ever bring.
    burnt = op.idempotency.caches_errors and any(
        a.server_error and a.generation == book.generation for a in book.attempts
    )
    why = "proven absent; the old key is bound to a stored failure" if burnt else "proven absent"
    return _send_anew(op, book, now, halted, why, book.generation + burnt)


def _key_protects_until(op: Operation, book: Book) -> datetime | None:
    """Until when the same bytes with the same key may go again and make no second effect.

    None where they may not, or would bring nothing new. Half of the partner's window is kept
    as the margin for every clock concerned.
    """
    idempotency = op.idempotency
    if idempotency.kind is IdempotencyKind.NONE or book.cancel_asked or book.reopened:
        return None
    current = [a for a in book.attempts if a.generation == book.generation]
    reached = [a for a in current if a.reached]
    if not reached or any(a.answer for a in current):
        return None  # A duplicate or a refusal would only be said once more.
    if idempotency.caches_errors and any(a.server_error for a in current):
        return None  # It would only bring the stored error once more.
    if op.lookup.is_complete and len(reached) > op.resends_max:
        return None  # Resending does not help; asking may.
    first = min(a.opened_at for a in reached)
    return min(first + idempotency.honoured_for, book.submit_before)


def doubted_besides(op: Operation, book: Book, number: int) -> bool:
    """Whether something sent besides attempt `number` may have had an effect.

    Then a refusal of that attempt says nothing about the instruction: the partner may refuse
    the repeat of what it has executed, or, where the refusal came late, have executed the
    repeat of what it refused.
    """
    return may_be_executed(op, book.without(number))


def may_be_executed(op: Operation, book: Book) -> bool:
    """Whether the partner holds it, or something of it may have had an effect that nothing has
    ruled out yet."""
    return (
        book.answered
        or (book.in_doubt and not is_proven_absent(op, book))
        or is_unconfirmed(op, book)
    )


def is_refused(op: Operation, book: Book) -> bool:
    """Whether a refusal now speaks for the whole instruction, because nothing else is open.

    It may not have when it came: another attempt was in doubt or turned away, and was looked up
    only later. Where the partner calls it a duplicate and does not show the first, people decide.
    """
    return (
        book.was_refused
        and not may_be_executed(op, book)
        and not any(a.answer is Answer.DUPLICATE and a.in_doubt for a in book.attempts)
    )


def duplicate_is_refusal(op: Operation, book: Book, number: int) -> bool:
    """Whether a "duplicate" answer to attempt `number` proves that it had no effect.

    Only where the word is about the content and nothing else was in doubt: then the partner
    compared with another order of ours. About our key it always means: somebody holds it.
    """
    return op.idempotency.duplicate_means is DuplicateMeans.CONTENT and not doubted_besides(
        op, book, number
    )


def may_be_twice(op: Operation, book: Book) -> bool:
    """Whether an attempt after an accepted one may have had an effect of its own.

    It was sent because the first was proven absent, and the first was accepted after all. Only
    the same honoured key, or a complete lookup after both that found one, rules it out.
    """
    has_keys = op.idempotency.kind is not IdempotencyKind.NONE
    return any(
        first.answer is Answer.ACCEPTED
        and later.number > first.number
        and later.result in (AttemptResult.OPEN, AttemptResult.UNKNOWN)
        and not (has_keys and later.generation == first.generation)
        for first in book.attempts
        for later in book.attempts
    ) and not any(
        looked.result is LookupResult.FOUND and looked.asked_at >= settled_from(op, book)
        for looked in book.lookups
    )


def _last_closed(book: Book) -> datetime:
    return max(a.closed_at or a.ends_by for a in book.attempts)


def _not_before(op: Operation, book: Book) -> datetime | None:
    if not book.attempts:
        return None
    last = book.attempts[-1]
    pause = _doubled(op.pause, len(book.attempts) - 1, op.pause_max)
    earliest = (last.closed_at or last.ends_by) + pause
    # An answer dated after a send would speak of that send. So one that a fast clock dated in
    # our future is waited out before anything is sent again.
    asked = (looked.asked_at for looked in book.lookups)
    return max((earliest, last.not_before or earliest, *asked))


def _doubled(pause: timedelta, times: int, at_most: timedelta) -> timedelta:
    longer: timedelta = pause * (1 << min(times, 20))
    return min(longer, at_most)
