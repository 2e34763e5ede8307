"""The send book and `next_move`: the one place that decides whether anything is sent again."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, NamedTuple

from pydantic import AwareDatetime, BaseModel, ConfigDict

from domain.profile import (
    DuplicateMeans,
    IdempotencyKind,
    Operation,
)

#: How long passed checks hold: an order that waited longer before its send is checked again.
GATE_HOLDS: Final = timedelta(hours=4)

#: Empty answers of a complete lookup that prove absence, each asked after everything that
#: could still have reached the partner had ended.
EMPTY_ANSWERS_NEEDED = 2


class AttemptResult(StrEnum):
    """What became of one time bytes might leave."""

    OPEN = "open"
    NOT_SENT = "not_sent"
    """Proven without effect: nothing left, or it was refused before being executed (401, 429)."""
    ANSWERED = "answered"
    UNKNOWN = "unknown"


class Answer(StrEnum):
    """What an answered attempt was told."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    DUPLICATE = "duplicate"


class Attempt(BaseModel):
    """One time bytes may leave. Only who opened it writes its result."""

    model_config = ConfigDict(frozen=True)

    number: int
    generation: int = 1
    opened_at: AwareDatetime
    write_before: AwareDatetime
    ends_by: AwareDatetime
    result: AttemptResult = AttemptResult.OPEN
    answer: Answer | None = None
    closed_at: AwareDatetime | None = None
    server_error: bool = False
    not_before: AwareDatetime | None = None
    """The partner's own wish (Retry-After) for the next one."""


class LookupResult(StrEnum):
    """What asking by our own reference brought."""

    FOUND = "found"
    ABSENT = "absent"
    CANNOT_TELL = "cannot_tell"


class LookedUp(BaseModel):
    """One answer of a lookup; `asked_at` is when the question was sent."""

    model_config = ConfigDict(frozen=True)

    asked_at: AwareDatetime
    result: LookupResult


class Closed(StrEnum):
    """Why an instruction will never be sent (again)."""

    REFUSED = "refused"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    NOT_EXECUTED = "not_executed"
    """Two people found, with evidence, that the partner did not execute it."""
    MOOT = "moot"
    """What it was to change can change no more: the payment went on without it."""


class Book(BaseModel):
    """All attempts of one instruction, and what lookups said of them."""

    model_config = ConfigDict(frozen=True)

    submit_before: AwareDatetime
    attempts: tuple[Attempt, ...] = ()
    lookups: tuple[LookedUp, ...] = ()
    closed: Closed | None = None
    held: bool = False
    """The partner's object is known in another way: a feed, a statement, a person."""
    submit_from: AwareDatetime | None = None
    """Nothing of it is sent before this: we hold the date ourselves."""
    cancel_asked: bool = False
    """Somebody asked to cancel: none of its bytes leave after that."""
    is_gated: bool = False
    """Checks of our own have to pass before it is sent without doubt."""
    gate_passed_at: AwareDatetime | None = None

    @property
    def answered(self) -> bool:
        """Whether we know that the partner holds the instruction."""
        return (
            self.held
            or any(a.answer is Answer.ACCEPTED for a in self.attempts)
            or any(looked.result is LookupResult.FOUND for looked in self.lookups)
        )

    @property
    def generation(self) -> int:
        return max((a.generation for a in self.attempts), default=1)

    @property
    def in_doubt(self) -> bool:
        """Whether some attempt may have had an effect that nobody has confirmed or ruled out.

        One attempt in doubt keeps the instruction in doubt, whatever a later one says of itself.
        """
        return not self.closed and not self.answered and any(map(_doubtful, self.attempts))

    def gate_holds(self, now: datetime) -> bool:
        """Whether our own checks passed, and lately enough to rely on."""
        if not self.is_gated:
            return True
        return self.gate_passed_at is not None and now < self.gate_passed_at + GATE_HOLDS

    def attempt(self, number: int) -> Attempt:
        """The attempt of that number; KeyError where there is none."""
        for attempt in self.attempts:
            if attempt.number == number:
                return attempt
        raise KeyError(number)


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
    answers = {a.answer for a in book.attempts}
    if Answer.REFUSED in answers:
        # Its book is normally closed by that. Not so where the doubt before it ended later.
        return NextMove(Move.STORED, "the partner refused it")
    if book.cancel_asked:
        return NextMove(Move.CANCEL, "cancelled before it had any effect")
    if Answer.DUPLICATE in answers:
        # The content, not our key, was called a duplicate on a first send: not executed.
        return NextMove(Move.PARK, "the partner calls it a duplicate of another order")
    return _send_anew(op, book, now, halted, "nothing was sent so far", book.generation)


def _send_anew(
    op: Operation, book: Book, now: datetime, halted: bool, why: str, generation: int
) -> NextMove:
    """A send where nothing is in doubt: in its time, and past all that may hold it with us."""
    if now >= book.submit_before:
        return NextMove(Move.EXPIRE, f"{why}; its time to be sent is over")
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
                Move.SEND, "in doubt; the partner honours the same key", generation=book.generation
            )
        if earliest < protected_until or not op.lookup.is_complete:
            return NextMove(Move.WAIT, "in doubt; a pause before the same bytes go again",
                            min(earliest, protected_until))  # fmt: skip
    if not op.lookup.is_complete:
        return NextMove(Move.PARK, "in doubt, and the partner offers nothing that could tell")
    if _is_proven_absent(op, book):
        return _proven_absent(op, book, now, halted)
    return _look_up(op, book, now)


def _look_up(op: Operation, book: Book, now: datetime) -> NextMove:
    if not book.lookups:
        return NextMove(Move.LOOK_UP, "in doubt; the partner can be asked by our own reference")
    # All lookups count for the pause, not those since the last send alone: were our clock set
    # back, every one would look as if it came before, and the next would be asked at once.
    pause = _doubled(op.lookup.pause, len(book.lookups) - 1, op.lookup.pause_max)
    last_asked = max(looked.asked_at for looked in book.lookups)
    earliest = last_asked + pause
    if last_asked >= _last_closed(book):
        earliest = max(earliest, _settled_from(op, book))
    if now < earliest:
        return NextMove(Move.WAIT, "in doubt; a pause before the partner is asked again", earliest)
    return NextMove(Move.LOOK_UP, "in doubt; one empty answer is no proof")


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
    if idempotency.kind is IdempotencyKind.NONE or book.cancel_asked:
        return None
    current = [a for a in book.attempts if a.generation == book.generation]
    reached = [a for a in current if a.result is not AttemptResult.NOT_SENT]
    if not reached or any(a.answer for a in current):
        return None  # A duplicate or a refusal would only be said once more.
    if idempotency.caches_errors and any(a.server_error for a in current):
        return None  # It would only bring the stored error once more.
    if op.lookup.is_complete and len(reached) > op.resends_max:
        return None  # Resending does not help; asking may.
    first = min(a.opened_at for a in reached)
    return min(first + idempotency.honoured_for, book.submit_before)


def _doubtful(attempt: Attempt) -> bool:
    match attempt.result:
        case AttemptResult.NOT_SENT:
            return False
        case AttemptResult.ANSWERED:
            # A duplicate of our key: somebody holds it, we have not seen who.
            return attempt.answer is Answer.DUPLICATE
        case AttemptResult.OPEN | AttemptResult.UNKNOWN:
            return True


def doubted_besides(op: Operation, book: Book, number: int) -> bool:
    """Whether something sent besides attempt `number` may have had an effect.

    Then a refusal of that attempt says nothing about the instruction: the partner may refuse
    the repeat of what it has executed, or, where the refusal came late, have executed the
    repeat of what it refused.
    """
    others = book.model_copy(
        update={"attempts": tuple(a for a in book.attempts if a.number != number)}
    )
    return others.answered or (others.in_doubt and not _is_proven_absent(op, others))


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
        looked.result is LookupResult.FOUND and looked.asked_at >= _settled_from(op, book)
        for looked in book.lookups
    )


def _is_proven_absent(op: Operation, book: Book) -> bool:
    if not op.lookup.is_complete:
        return False
    settled_from = _settled_from(op, book)
    asked = {
        looked.asked_at
        for looked in book.lookups
        if looked.result is LookupResult.ABSENT and looked.asked_at >= settled_from
    }
    # Two at the same moment are one answer heard twice.
    return len(asked) >= EMPTY_ANSWERS_NEEDED and max(asked) - min(asked) >= op.lookup.pause


def _settled_from(op: Operation, book: Book) -> datetime:
    """From when on an empty answer counts: whatever might arrive has arrived and is visible."""
    ended = max(
        # One that was closed after its end was held up: it may have been at work until then.
        max(a.ends_by, a.closed_at or a.ends_by)
        for a in book.attempts
        if a.result is not AttemptResult.NOT_SENT
    )
    return ended + op.lookup.settle_delay


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
