"""A bank made of its declared behaviour alone: what it does with bytes, and when it shows it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from domain.lifecycle.profile import DuplicateMeans, IdempotencyKind, LookupKind, Operation
from domain.lifecycle.sending import Answer, Attempt, AttemptResult, LookupResult


class Fault(StrEnum):
    """What befalls one send, or one question."""

    NO = "none"
    NOTHING_LEFT = "nothing left"
    TOO_MANY = "429"
    TOO_MANY_AFTER = "429 after the effect"
    LOST_ON_THE_WAY = "lost on the way"
    ANSWER_LOST = "answer lost"
    LATE_AND_LOST = "late, answer lost"
    FAILS_BEFORE = "500 before the effect"
    FAILS_AFTER = "500 after the effect"
    REFUSED = "refused"
    LOOKS_LIKE_ANOTHER = "content called a duplicate"
    KILLED_BEFORE = "worker killed before it wrote"
    KILLED_AFTER = "worker killed after it wrote"
    CANNOT_TELL = "lookup cannot tell"


@dataclass(frozen=True)
class Outcome:
    """What the sender learned; None where it did not live to learn anything."""

    result: AttemptResult
    answer: Answer | None = None
    server_error: bool = False


@dataclass
class _Kept:
    first_seen: datetime
    failed: bool


@dataclass
class Bank:
    """Executes what arrives, once per key where it says so, and as long as it says so."""

    operation: Operation
    lag: timedelta
    effects: list[datetime] = field(default_factory=list)
    _keys: dict[int, _Kept] = field(default_factory=dict)
    _on_the_way: list[tuple[datetime, int]] = field(default_factory=list)

    @property
    def window(self) -> timedelta:
        return self.operation.idempotency.window or timedelta(hours=24)

    @property
    def is_anything_on_the_way(self) -> bool:
        """Whether bytes of ours may still arrive."""
        return bool(self._on_the_way)

    def run_until(self, now: datetime) -> None:
        """Let everything arrive that is on the way."""
        for at, generation in sorted(self._on_the_way):
            if at <= now:
                self._on_the_way.remove((at, generation))
                self._execute(generation, at)

    def receive(self, attempt: Attempt, fault: Fault, now: datetime, late: datetime) -> Outcome:
        """One send meets one fault; `late` is when late bytes arrive, before the attempt's end."""
        unknown, turned_away = AttemptResult.UNKNOWN, AttemptResult.TURNED_AWAY
        key = attempt.generation
        match fault:
            case Fault.NOTHING_LEFT:
                return Outcome(AttemptResult.NOT_SENT)
            case Fault.TOO_MANY:
                return Outcome(turned_away)
            case Fault.TOO_MANY_AFTER if self.operation.lookup.is_complete:
                # A gateway in front of it answers, and does not know.
                self._execute(key, now)
                return Outcome(turned_away)
            case Fault.TOO_MANY_AFTER:
                return Outcome(turned_away)  # Its word has to be good: nothing can confirm it.
            case Fault.LOST_ON_THE_WAY:
                return Outcome(unknown)
            case Fault.KILLED_BEFORE:
                return Outcome(AttemptResult.OPEN)
            case Fault.LATE_AND_LOST | Fault.KILLED_AFTER:
                self._on_the_way.append((late, key))
                killed = fault is Fault.KILLED_AFTER
                return Outcome(AttemptResult.OPEN if killed else unknown)
            case Fault.FAILS_BEFORE:
                if self.operation.idempotency.caches_errors and not self._knows(key, now):
                    self._keys[key] = _Kept(now, failed=True)
                return Outcome(unknown, server_error=True)
            case Fault.FAILS_AFTER:
                self._execute(key, now)
                return Outcome(unknown, server_error=True)
            case Fault.ANSWER_LOST:
                self._execute(key, now)
                return Outcome(unknown)
            case Fault.REFUSED:  # Also, as banks do, of the repeat of what was executed.
                return Outcome(AttemptResult.ANSWERED, Answer.REFUSED)
            case Fault.LOOKS_LIKE_ANOTHER if self._compares_content:
                return Outcome(AttemptResult.ANSWERED, Answer.DUPLICATE)
            case _:
                return self._execute(key, now)

    def look_up(self, fault: Fault, now: datetime) -> LookupResult:
        """Search by our reference; only what a complete search may be asked."""
        kind = self.operation.lookup.kind
        assert kind in (LookupKind.STRONG, LookupKind.EVENTUAL, LookupKind.PARENT)
        if fault is Fault.CANNOT_TELL:
            return LookupResult.CANNOT_TELL
        seen = [at for at in self.effects if at + self.lag <= now]
        return LookupResult.FOUND if seen else LookupResult.ABSENT

    @property
    def _compares_content(self) -> bool:
        return self.operation.idempotency.duplicate_means is DuplicateMeans.CONTENT

    def _knows(self, key: int, at: datetime) -> bool:
        kept = self._keys.get(key)
        has_keys = self.operation.idempotency.kind is not IdempotencyKind.NONE
        return has_keys and kept is not None and at - kept.first_seen < self.window

    def _execute(self, key: int, at: datetime) -> Outcome:
        if self._knows(key, at):
            return self._repeated(self._keys[key])
        self._keys[key] = _Kept(at, failed=False)
        self.effects.append(at)
        return Outcome(AttemptResult.ANSWERED, Answer.ACCEPTED)

    def _repeated(self, kept: _Kept) -> Outcome:
        if kept.failed:
            return Outcome(AttemptResult.UNKNOWN, server_error=True)
        match self.operation.idempotency.kind:
            case IdempotencyKind.REPLAY_RESPONSE | IdempotencyKind.REPLAY_STATE:
                return Outcome(AttemptResult.ANSWERED, Answer.ACCEPTED)
            case _:
                return Outcome(AttemptResult.ANSWERED, Answer.DUPLICATE)
