"""An instruction's book: every time bytes might leave, and what the partner showed when asked."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from pydantic import AwareDatetime, BaseModel, ConfigDict

from domain.clock import is_after

#: How long passed checks hold: an order that waited longer before its send is checked again.
GATE_HOLDS: Final = timedelta(hours=4)


class AttemptResult(StrEnum):
    """What became of one time bytes might leave."""

    OPEN = "open"
    NOT_SENT = "not_sent"
    """No byte reached the partner: the name, the connection or TLS failed."""
    TURNED_AWAY = "turned_away"
    """It reached the partner, whose answer says, by its profile, that it was not executed (401,
    429). That word is confirmed by a lookup before anything is closed on it."""
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

    @property
    def reached(self) -> bool:
        """Whether any byte of it may have reached the partner, whatever the answer said."""
        return self.result is not AttemptResult.NOT_SENT

    @property
    def in_doubt(self) -> bool:
        """Whether it may have had an effect that nobody has confirmed or ruled out."""
        match self.result:
            case AttemptResult.NOT_SENT | AttemptResult.TURNED_AWAY:
                return False
            case AttemptResult.ANSWERED:
                # A duplicate of our key: somebody holds it, we have not seen who.
                return self.answer is Answer.DUPLICATE
            case AttemptResult.OPEN | AttemptResult.UNKNOWN:
                return True


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
    reopened: Closed | None = None
    """Why it was closed as unsent before it turned out that it may have been sent. It is asked
    about, never sent again, and closed once more if its absence is proven."""
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
        return not self.closed and not self.answered and any(a.in_doubt for a in self.attempts)

    @property
    def was_turned_away(self) -> bool:
        """Whether the partner answered some attempt that it did not execute it."""
        return any(a.result is AttemptResult.TURNED_AWAY for a in self.attempts)

    @property
    def was_refused(self) -> bool:
        """Whether the partner refused some attempt for good."""
        return any(a.answer is Answer.REFUSED for a in self.attempts)

    def gate_holds(self, now: datetime) -> bool:
        """Whether our own checks passed, and lately enough to rely on."""
        if not self.is_gated:
            return True
        at = self.gate_passed_at
        return at is not None and not is_after(at, now) and now < at + GATE_HOLDS

    def without(self, number: int | None) -> Book:
        """The book as if that attempt had not been made."""
        others = tuple(a for a in self.attempts if a.number != number)
        return self.model_copy(update={"attempts": others})

    def attempt(self, number: int) -> Attempt:
        """The attempt of that number; KeyError where there is none."""
        for attempt in self.attempts:
            if attempt.number == number:
                return attempt
        raise KeyError(number)
