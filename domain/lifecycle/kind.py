"""What a lifecycle hands the engine: the engine drives any kind, and knows no noun of it.

A payment is the first kind. A kind says what its evidence means and what is due; what is safe to
send is decided by the book, for all kinds alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from typing import Any, Protocol

from domain.lifecycle.answers import Subject
from domain.lifecycle.escalation import DueRung
from domain.lifecycle.gate import GateStates
from domain.lifecycle.heard import Heard
from domain.lifecycle.next_step import Due, NextStep, Owed
from domain.lifecycle.profile import Profile
from domain.lifecycle.questions import Question
from domain.lifecycle.report import NO_LONGER_ASKED, Report, Source
from domain.lifecycle.resource import Certainty, Folded, Instruction
from domain.lifecycle.view import View


class LifecycleKind(Protocol):
    """One kind of lifecycle. Requests, views and what is folded are the kind's own types.

    Attributes:
        name: as rows and the search attribute `Kind` have it.
        gate: the states that our own checks bring.
        taking_back: the kind of instruction by which the partner is asked to cancel it.
        ends: states in which nothing is owed any more.
        cancellable: states in which a cancel can still succeed.
        cancelled: the state of a cancelled resource.
    """

    name: str
    gate: GateStates
    taking_back: str
    ends: AbstractSet[str]
    cancellable: AbstractSet[str]
    cancelled: str

    def request(self, clear: bytes, /) -> Any:
        """The request, which never changes, from its stored bytes."""

    def report(self, stored: str, /) -> Report:
        """A report as it was stored."""

    def folded(self, stored: str, /) -> Any:
        """What was folded, as it was stored."""

    def fold(
        self,
        request: Any,
        profile: Profile,
        instructions: Sequence[Instruction],
        reports: Iterable[Any],
        /,
    ) -> Folded:
        """How the resource stands by all evidence. Pure; never raises."""

    def state_by_words(
        self,
        request: Any,
        profile: Profile,
        instructions: Sequence[Instruction],
        reports: Iterable[Any],
        /,
    ) -> str:
        """The state by words alone, whatever is booked or in question."""

    def view(self, folded: Any, shared: Mapping[str, Any]) -> View:
        """The resource as it stands. `shared` are the fields of every kind's view."""

    def subject(self, request: Any, shared: Mapping[str, Any]) -> Subject:
        """What an adapter is told of an instruction. `shared` is the same for every kind."""

    def due(self, view: Any, now: datetime, /) -> Due:
        """The one thing that is due now."""

    def deadline_of(self, view: Any, /) -> datetime | None:
        """The deadline of whatever the resource waits for; None if nothing limits it."""

    def headline(self, folded: Any) -> str:
        """The state for people."""

    def requires(self, folded: Any) -> str:
        """Who has to act next."""

    def questions(self, folded: Any, reads: int) -> Mapping[str, Question]:
        """What people are asked because of the state, by the question's kind."""

    def ladder(self, folded: Any, rail: str) -> tuple[DueRung, ...]:
        """Who is asked when it stays in its state for long."""

    def unconfirmed(self, folded: Any) -> str | None:
        """The state if the partner can no longer be asked. None: people have to find out."""

    def is_unasked_from(self, folded: Any, profile: Profile) -> datetime | None:
        """From when the partner is not expected to answer reads any more; None: it always is."""

    def found_executed(self, folded: Any, *, can_read: bool) -> str:
        """The state if an operator found that the partner executed it."""

    def found_not_executed(self, *, is_cancel: bool) -> str:
        """The state if two operators found that it did not."""


#: The kinds that a process knows, by name.
Kinds = Mapping[str, LifecycleKind]


def is_over(kind: LifecycleKind, folded: Folded) -> bool:
    """Whether nothing is owed any more."""
    is_at_its_end = folded.state in kind.ends and folded.certainty is not Certainty.UNKNOWN
    return is_at_its_end and not folded.is_followed


def last_word(kind: LifecycleKind, folded: Folded, profile: Profile, heard: Heard) -> Report | None:
    """A report that the partner can no longer be asked; None if it can.

    Where the kind has no state for that, the report has none either, so a person has to find out.
    """
    since = kind.is_unasked_from(folded, profile)
    is_late = since is not None and heard.report is None and heard.heard_at >= since
    if not (heard.gone or is_late):
        return None
    return Report(
        instruction_id=heard.instruction_id,
        source=Source.READ,
        as_of=heard.heard_at,
        state=kind.unconfirmed(folded),
        partner_status=NO_LONGER_ASKED,
        reason=heard.why,
    )


def next_step(
    kind: LifecycleKind, view: View, now: datetime, *, leaves_after: timedelta | None
) -> NextStep:
    """What is due for the resource now, and when its wait ends, as its workflow is told it.

    Args:
        leaves_after: a run whose resource waits for at least this long may end. None: it stays.
    """
    folded, step = view.folded, kind.due(view, now)
    return NextStep(
        state=folded.state,
        certainty=folded.certainty,
        requires=kind.requires(folded),
        headline=kind.headline(folded),
        due=step,
        then=_then(kind, view, step),
        attempts={each.instruction_id: len(each.book.attempts) for each in view.instructions},
        deadline=kind.deadline_of(view),
        notes=folded.notes,
        may_leave=_may_leave(step, now, leaves_after),
    )


def _then(kind: LifecycleKind, view: View, step: Due) -> Due | None:
    """What is due at the end of the wait if nothing happens; None if that is no step either."""
    if step.owed is not Owed.WAIT or step.until is None:
        return None
    after = kind.due(view, step.until)
    return None if after.owed in (Owed.WAIT, Owed.OVER) else after


def _may_leave(step: Due, now: datetime, leaves_after: timedelta | None) -> bool:
    if leaves_after is None or step.owed is not Owed.WAIT or step.until is None:
        return False
    return step.until - now >= leaves_after
