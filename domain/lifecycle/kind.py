"""A kind of lifecycle, as the engine drives it. Payments are the first kind.

A kind says what its evidence means and what is due. What is safe to send is decided by the send
book, for all kinds alike. The engine names nothing that only one kind has.
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
from domain.lifecycle.resource import Folded, Instruction
from domain.lifecycle.view import View


class LifecycleKind(Protocol):
    """One kind of lifecycle. Requests, views and what is folded are the kind's own types.

    Attributes:
        name: as it stands in rows and in the search attribute `Kind`.
        gate: the states that our own checks lead to.
        taking_back: the kind of instruction that asks the partner to cancel.
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
        """A report, from its stored text."""

    def folded(self, stored: str, /) -> Any:
        """The result of a fold, from its stored text."""

    def fold(
        self,
        request: Any,
        profile: Profile,
        instructions: Sequence[Instruction],
        reports: Iterable[Any],
        /,
    ) -> Folded:
        """The resource as all evidence shows it. Pure; never raises."""

    def state_by_words(
        self,
        request: Any,
        profile: Profile,
        instructions: Sequence[Instruction],
        reports: Iterable[Any],
        /,
    ) -> str:
        """The state by replies, reads, checks and decisions alone, without what is booked."""

    def view(self, folded: Any, shared: Mapping[str, Any]) -> View:
        """The resource as it stands. `shared` are the fields of every kind's view."""

    def subject(self, request: Any, shared: Mapping[str, Any]) -> Subject:
        """What an adapter is told of an instruction. `shared` holds what all kinds have."""

    def due(self, view: Any, now: datetime, /) -> Due:
        """The one thing that is due now."""

    def deadline_of(self, view: Any, /) -> datetime | None:
        """The deadline of whatever the resource waits for; None if nothing limits it."""

    def headline(self, folded: Any) -> str:
        """The state for people."""

    def requires(self, folded: Any) -> str:
        """Who has to act next."""

    def questions(self, folded: Any, reads: int) -> Mapping[str, Question]:
        """What people are asked because of the state, by the kind of the task."""

    def ladder(self, folded: Any, rail: str) -> tuple[DueRung, ...]:
        """Who is asked, and when, if it stays in its state for long."""

    def unconfirmed(self, folded: Any) -> str | None:
        """The state once the partner can no longer be asked. None: people have to find out."""

    def unreadable_from(self, folded: Any, profile: Profile) -> datetime | None:
        """When, as it declares, the partner stops answering reads; None if it never does."""

    def found_executed(self, folded: Any, *, can_read: bool) -> str:
        """The state after an operator has found that the partner executed it."""

    def found_not_executed(self, *, is_cancel: bool) -> str:
        """The state after two operators have found that the partner did not execute it."""


#: The kinds that a process knows, by name.
Kinds = Mapping[str, LifecycleKind]


def is_over(kind: LifecycleKind, folded: Folded) -> bool:
    """Whether nothing is owed any more."""
    return folded.has_ended(kind.ends)


def last_word(kind: LifecycleKind, folded: Folded, profile: Profile, heard: Heard) -> Report | None:
    """A report that the partner can no longer be asked; None if it still can.

    If the kind has no state for that, the report has none either, and a person has to find out.
    """
    since = kind.unreadable_from(folded, profile)
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
    """What a workflow is told: what is due for its resource now, and when its wait ends.

    Args:
        leaves_after: a run may end if its resource waits for at least this long. None: it stays.
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
    """The step that is due at the end of the wait if nothing happens; None if none is."""
    if step.owed is not Owed.WAIT or step.until is None:
        return None
    after = kind.due(view, step.until)
    return None if after.owed in (Owed.WAIT, Owed.OVER) else after


def _may_leave(step: Due, now: datetime, leaves_after: timedelta | None) -> bool:
    if leaves_after is None or step.owed is not Owed.WAIT or step.until is None:
        return False
    return step.until - now >= leaves_after
