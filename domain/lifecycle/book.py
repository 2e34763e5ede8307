"""The book of an instruction: every attempt to send it, and every answer to a lookup."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from pydantic import AwareDatetime, BaseModel, ConfigDict

from domain.clock import is_after

#: How long passed checks stay valid. An order that waits longer before its send is checked again.
GATE_HOLDS: Final = timedelta(hours=4)


class AttemptResult(StrEnum):
    """The result of one attempt."""

    OPEN = "open"
    NOT_SENT = "not_sent"
    """No byte reached the partner: the name, the connection or TLS failed."""
    TURNED_AWAY = "turned_away"
    """The partner answered, and by its profile the answer means "not executed" (401, 429). A
    lookup confirms that before the instruction is closed because of it."""
    ANSWERED = "answered"
    UNKNOWN = "unknown"


class Answer(StrEnum):
    """The partner's answer to an attempt."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    DUPLICATE = "duplicate"


class Attempt(BaseModel):
    """One permission to send. Only the step that opened it can report its result."""

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
    """The earliest moment for the next attempt, if the partner named one (Retry-After)."""

    @property
    def reached(self) -> bool:
        """Whether any of its bytes may have reached the partner, whatever the answer was."""
        return self.result is not AttemptResult.NOT_SENT

    @property
    def in_doubt(self) -> bool:
        """Whether it may have had an effect that nobody has confirmed or ruled out."""
        match self.result:
            case AttemptResult.NOT_SENT | AttemptResult.TURNED_AWAY:
                return False
            case AttemptResult.ANSWERED:
                # The partner knows our key, but we have not seen what it did under that key.
                return self.answer is Answer.DUPLICATE
            case AttemptResult.OPEN | AttemptResult.UNKNOWN:
                return True


class LookupResult(StrEnum):
    """The result of a lookup by our own reference."""

    FOUND = "found"
    ABSENT = "absent"
    CANNOT_TELL = "cannot_tell"


class LookedUp(BaseModel):
    """One lookup; `asked_at` is when its request was sent."""

    model_config = ConfigDict(frozen=True)

    asked_at: AwareDatetime
    result: LookupResult


class Closed(StrEnum):
    """Why an instruction will never be sent (again)."""

    REFUSED = "refused"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    NOT_EXECUTED = "not_executed"
    """Two operators found, with evidence, that the partner did not execute it."""
    MOOT = "moot"
    """The resource moved on, so this instruction can no longer change anything."""


class Book(BaseModel):
    """All attempts and lookups of one instruction."""

    model_config = ConfigDict(frozen=True)

    submit_before: AwareDatetime
    attempts: tuple[Attempt, ...] = ()
    lookups: tuple[LookedUp, ...] = ()
    closed: Closed | None = None
    reopened: Closed | None = None
    """Why it was closed as unsent, if we learned later that it may have been sent. It is looked
    up and never sent again. If its absence is proven, it is closed again for the same reason."""
    held: bool = False
    """We know the partner's reference, or an operator found that the partner executed it."""
    submit_from: AwareDatetime | None = None
    """Nothing is sent before this moment; see `Times.submit_from`."""
    cancel_asked: bool = False
    """A cancel was asked for: none of its bytes leave after that."""
    is_gated: bool = False
    """Our own checks have to pass before a send, unless the send resolves a doubt."""
    gate_passed_at: AwareDatetime | None = None
    is_harmless: bool = False
    """A second effect hurts nobody (`Kind.is_harmless`)."""

    @property
    def answered(self) -> bool:
        """Whether we know that the partner has the instruction."""
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

        One attempt in doubt keeps the instruction in doubt, whatever the result of a later one,
        unless the partner accepted one.
        """
        return not self.closed and not self.answered and any(a.in_doubt for a in self.attempts)

    @property
    def was_turned_away(self) -> bool:
        """Whether the partner turned some attempt away."""
        return any(a.result is AttemptResult.TURNED_AWAY for a in self.attempts)

    @property
    def was_refused(self) -> bool:
        """Whether the partner refused some attempt for good."""
        return any(a.answer is Answer.REFUSED for a in self.attempts)

    def gate_holds(self, now: datetime) -> bool:
        """Whether our own checks passed within `GATE_HOLDS`, or are not needed."""
        if not self.is_gated:
            return True
        at = self.gate_passed_at
        return at is not None and not is_after(at, now) and now < at + GATE_HOLDS

    def without(self, number: int | None) -> Book:
        """The book as if the attempt with that number had not been made."""
        others = tuple(a for a in self.attempts if a.number != number)
        return self.model_copy(update={"attempts": others})

    def attempt(self, number: int) -> Attempt:
        """The attempt with that number.

        Raises:
            KeyError: there is none.
        """
        for attempt in self.attempts:
            if attempt.number == number:
                return attempt
        raise KeyError(number)
