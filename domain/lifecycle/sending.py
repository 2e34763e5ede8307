"""`next_move`: the one place that decides whether anything is sent, or sent again."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from domain.lifecycle.absence import is_proven_absent, is_unconfirmed, settled_from
from domain.lifecycle.book import (
    GATE_HOLDS,
    Answer,
    Attempt,
    AttemptResult,
    Book,
    Closed,
    LookedUp,
    LookupResult,
)
from domain.lifecycle.profile import (
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
    """What may be done with an instruction now."""

    NOTHING = "nothing"
    STORED = "stored"
    WAIT = "wait"
    SEND = "send"
    LOOK_UP = "look_up"
    CHECK = "check"
    EXPIRE = "expire"
    CANCEL = "cancel"
    """Close it as cancelled: no attempt had any effect."""
    CLOSE = "close"
    """Close it as refused, or for the reason it was closed before: it was not executed."""
    PARK = "park"


class NextMove(NamedTuple):
    """A move and its reason in plain words; `until` ends a wait, `generation` is the key's."""

    move: Move
    because: str
    until: datetime | None = None
    generation: int = 1


def next_move(operation: Operation, book: Book, now: datetime, *, halted: bool = False) -> NextMove:
    """The move that is safe for this instruction now.

    Args:
        operation: the partner's declared behaviour, as stored with the resource.
        book: all attempts and lookups so far.
        now: our clock; it decides when to act, never whether money moved.
        halted: new sends are stopped. Lookups that resolve a doubt go on.

    Rule: docs/promise.md, "What happens after a lost answer".
    """
    if book.closed:
        return NextMove(Move.NOTHING, f"closed: {book.closed}")
    if book.answered:
        return NextMove(Move.STORED, "the partner has it")
    live = [a for a in book.attempts if a.result is AttemptResult.OPEN and now < a.ends_by]
    if live:
        until = max(a.ends_by for a in live)
        return NextMove(Move.WAIT, "an attempt is under way", until)
    if not book.in_doubt:
        return _without_doubt(operation, book, now, halted)
    return _in_doubt(operation, book, now, halted)


def _without_doubt(op: Operation, book: Book, now: datetime, halted: bool) -> NextMove:
    if book.was_refused:
        # A refusal normally closes the book at once. Here another attempt had to be ruled out.
        return _confirm(op, book, now, "refused") or NextMove(Move.STORED, "the partner refused it")
    if book.cancel_asked:
        return _confirm(op, book, now, "cancelled") or NextMove(
            Move.CANCEL, "cancelled before it had any effect"
        )
    if any(a.answer is Answer.DUPLICATE for a in book.attempts):
        # The content, not our key, was called a duplicate on a first send: not executed.
        return NextMove(Move.PARK, "the partner calls it a duplicate of another order")
    why = "turned away so far" if book.was_turned_away else "nothing has been sent so far"
    return _send_anew(op, book, now, halted, why, book.generation)


def _send_anew(
    op: Operation, book: Book, now: datetime, halted: bool, why: str, generation: int
) -> NextMove:
    """A send while nothing is in doubt, unless its time is over or we still hold it back."""
    if ended := book.reopened or (Closed.REFUSED if book.was_refused else None):
        return _confirm(op, book, now, "closed") or NextMove(
            Move.CLOSE, f"{why}; it was closed as {ended} before"
        )
    if now >= book.submit_before:
        return _confirm(op, book, now, "expired") or NextMove(
            Move.EXPIRE, f"{why}; the time to send it is over"
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
        because = f"{why}; our checks come before the send"
        return NextMove(Move.CHECK, because, generation=generation)
    return NextMove(Move.SEND, why, generation=generation)


def _confirm(op: Operation, book: Book, now: datetime, before: str) -> NextMove | None:
    """The lookup, or the wait for it, that confirms that a turned away attempt had no effect.

    It comes before the instruction is closed, or sent again when the key no longer covers a
    repeat. None: no lookup is needed.
    """
    if not is_unconfirmed(op, book):
        return None
    why = f"the partner turned it away; a lookup confirms that before it is {before}"
    # An earlier empty answer would prove nothing, and would cost a request.
    earliest = max(settled_from(op, book), _next_lookup(op, book) or book.attempts[0].opened_at)
    if now < earliest:
        return NextMove(Move.WAIT, why, earliest)
    return NextMove(Move.LOOK_UP, why)


def _key_covers_repeats(op: Operation, book: Book, now: datetime) -> bool:
    """Whether a turned away attempt and its repeat have only one effect, by the same key."""
    reached = [a.opened_at for a in book.attempts if a.reached and a.generation == book.generation]
    if op.idempotency.kind is IdempotencyKind.NONE:
        return not reached
    return not reached or now < min(reached) + op.idempotency.honoured_for


def _held_by_us(book: Book, now: datetime, halted: bool) -> tuple[str, datetime] | None:
    """Why we send nothing for now, in doubt or not, and until when."""
    if book.submit_from and now < book.submit_from:
        return "the day to send it is still to come", min(book.submit_from, book.submit_before)
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
                f"in doubt; the same bytes are sent again, {_protection(op.idempotency)}",
                generation=book.generation,
            )
        if earliest < protected_until or not op.lookup.is_complete:
            return NextMove(Move.WAIT, "in doubt; a pause before the same bytes are sent again",
                            min(earliest, protected_until))  # fmt: skip
    if not op.lookup.is_complete:
        if book.is_harmless:
            return _ask_anew(op, book, now, halted)
        return NextMove(Move.PARK, "in doubt, and the partner offers no lookup that could tell")
    if is_proven_absent(op, book):
        return _proven_absent(op, book, now, halted)
    return _look_up(op, book, now)


def _ask_anew(op: Operation, book: Book, now: datetime, halted: bool) -> NextMove:
    """In doubt for ever, of an instruction that may have its effect twice without harm."""
    if book.was_refused:
        return NextMove(Move.CLOSE, "the partner refused it, and an earlier effect is harmless")
    if book.cancel_asked:
        return NextMove(Move.CANCEL, "cancelled, and an earlier effect is harmless")
    burnt = any(
        a.generation == book.generation
        and (a.answer is Answer.DUPLICATE or (a.server_error and op.idempotency.caches_errors))
        for a in book.attempts
    )
    why = "in doubt, and a second effect is harmless"
    return _send_anew(op, book, now, halted, why, book.generation + burnt)


def _protection(idempotency: Idempotency) -> str:
    """Why the same bytes have no second effect, by what this partner does with a known key."""
    match idempotency.kind:
        case IdempotencyKind.REJECT_DUPLICATE:
            return "since the partner refuses a key that it has seen"
        case IdempotencyKind.NATURAL_KEY:
            return "since their parent object can be used only once"
        case _:
            return "since the partner executes nothing twice under a known key"


def _look_up(op: Operation, book: Book, now: datetime) -> NextMove:
    earliest = _next_lookup(op, book)
    if earliest is None:
        return NextMove(Move.LOOK_UP, "in doubt; the partner is asked by our own reference")
    if max(looked.asked_at for looked in book.lookups) >= _last_closed(book):
        earliest = max(earliest, settled_from(op, book))
    if now < earliest:
        return NextMove(Move.WAIT, "in doubt; a pause before the partner is asked again", earliest)
    return NextMove(Move.LOOK_UP, "in doubt; the answers so far prove nothing")


def _next_lookup(op: Operation, book: Book) -> datetime | None:
    """When the pause after the last lookup ends; None if there was no lookup.

    All lookups count for the pause, not only those since the last send. If our clock were set
    back, each lookup would seem older than the send, and the next would be made at once.
    """
    if not book.lookups:
        return None
    pause = _doubled(op.lookup.pause, len(book.lookups) - 1, op.lookup.pause_max)
    return max(looked.asked_at for looked in book.lookups) + pause


def _proven_absent(op: Operation, book: Book, now: datetime, halted: bool) -> NextMove:
    if any(a.answer is Answer.DUPLICATE for a in book.attempts):
        return NextMove(Move.PARK, "the partner calls it a duplicate, but does not show of what")
    if book.cancel_asked:
        return NextMove(Move.CANCEL, "proven absent, and cancelled")
    # The partner stored a failure under this key, and would only repeat that failure.
    burnt = op.idempotency.caches_errors and any(
        a.server_error and a.generation == book.generation for a in book.attempts
    )
    why = "proven absent; the partner stored a failure under the key" if burnt else "proven absent"
    return _send_anew(op, book, now, halted, why, book.generation + burnt)


def _key_protects_until(op: Operation, book: Book) -> datetime | None:
    """Until when the same bytes with the same key may be sent again without a second effect.

    None if they may not, or if a resend would bring nothing new. Half of the partner's window is
    a margin for differences between all clocks concerned.
    """
    idempotency = op.idempotency
    if idempotency.kind is IdempotencyKind.NONE or book.cancel_asked or book.reopened:
        return None
    current = [a for a in book.attempts if a.generation == book.generation]
    reached = [a for a in current if a.reached]
    if not reached or any(a.answer for a in current):
        return None  # A resend would only get the same duplicate or refusal.
    if idempotency.caches_errors and any(a.server_error for a in current):
        return None  # A resend would only get the stored error.
    if op.lookup.is_complete and len(reached) > op.resends_max:
        return None  # Resending did not help; a lookup may.
    first = min(a.opened_at for a in reached)
    return min(first + idempotency.honoured_for, book.submit_before)


def doubted_besides(op: Operation, book: Book, number: int) -> bool:
    """Whether an attempt other than `number` may have had an effect.

    Then a refusal of attempt `number` says nothing about the instruction. The partner may have
    refused a repeat because it executed the first attempt. If the refusal came late, the partner
    may have executed a repeat of the attempt that it refused.
    """
    return may_be_executed(op, book.without(number))


def may_be_executed(op: Operation, book: Book) -> bool:
    """Whether the partner has the instruction, or may have executed it as far as we know."""
    return (
        book.answered
        or (book.in_doubt and not is_proven_absent(op, book))
        or is_unconfirmed(op, book)
    )


def is_refused(op: Operation, book: Book) -> bool:
    """Whether a refusal counts for the whole instruction, because no other attempt is open.

    This may become true only after the refusal came: another attempt was in doubt or turned away
    then, and a lookup ruled it out later. If the partner calls an attempt a duplicate and does
    not show the first one, people decide.
    """
    return (
        book.was_refused
        and not may_be_executed(op, book)
        and not any(a.answer is Answer.DUPLICATE and a.in_doubt for a in book.attempts)
    )


def duplicate_is_refusal(op: Operation, book: Book, number: int) -> bool:
    """Whether a "duplicate" answer to attempt `number` proves that it had no effect.

    It does only if the word is about the content and no other attempt may have had an effect:
    then the partner compared the content with another order of ours. A "duplicate" about our key
    always means that the partner has something under that key.
    """
    return op.idempotency.duplicate_means is DuplicateMeans.CONTENT and not doubted_besides(
        op, book, number
    )


def may_be_twice(op: Operation, book: Book) -> bool:
    """Whether an attempt after an accepted one may have had a second effect.

    It was sent because the first was proven absent, and then the first was accepted after all. A
    second effect is ruled out only by the same key, if the partner honours keys, or by a lookup
    after both attempts that found one object.
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
    # An empty answer dated after a send would count as proof about that send. So if a fast clock
    # dated a lookup in our future, nothing is sent again before that moment.
    asked = (looked.asked_at for looked in book.lookups)
    return max((earliest, last.not_before or earliest, *asked))


def _doubled(pause: timedelta, times: int, at_most: timedelta) -> timedelta:
    longer: timedelta = pause * (1 << min(times, 20))
    return min(longer, at_most)
