"""The open questions to people, and what they can do about each: first look, then decide."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from domain.consents.instructions import KIND as CONSENT
from domain.lifecycle.resource import FREEZING
from starter.operations import Operations
from store.feeds import EVENTS_MISSED
from store.file_lines import FileLines, Place
from store.tasks import Task
from store.unopened import SEALED
from store.webhooks.failing import WEBHOOK_FAILING
from store.wrong_clocks import CLOCK


class RemedyKind(StrEnum):
    """What a person can do about a task."""

    LOOK = "look"
    """Read the payment's timeline."""
    LOOK_AT_CONSENT = "look_at_consent"
    """The same of a consent."""
    EXAMINE = "examine"
    """Check everything that payments need."""
    RETRY_LOGINS = "retry_logins"
    """The same, and allow one more login to each partner that refused the last one."""
    CANCEL = "cancel"
    EXECUTED = "executed"
    """Sign that the partner executed the payment."""
    NOT_EXECUTED = "not_executed"
    """Sign, with evidence, that it did not."""
    DISMISS = "dismiss"
    """Close the task, which is about no payment."""


@dataclass(frozen=True)
class Remedy:
    """One remedy, and what it is about.

    Attributes:
        payment_id: None if the person has to find the payment first, or there is none.
        reference: the partner's id of the payment, if it is known.
    """

    kind: RemedyKind
    payment_id: str | None = None
    task_id: str | None = None
    reference: str | None = None


#: Kinds of task that an operator's decision answers.
_IN_QUESTION: Final = {"parked", "in_doubt", *(kind.value for kind in FREEZING)}


def remedies(task: Task, *, not_executed_is_offered: bool) -> list[Remedy]:
    """The remedies for a task, in the order in which to take them."""
    dismiss = Remedy(RemedyKind.DISMISS, task_id=task.task_id)
    if task.kind == CLOCK:
        return [Remedy(RemedyKind.EXAMINE), dismiss]
    if task.kind in (EVENTS_MISSED, WEBHOOK_FAILING):
        return [dismiss]
    if task.unmatched is not None:
        return [Remedy(RemedyKind.EXECUTED, reference=task.unmatched.reference), dismiss]
    if task.resource_kind == CONSENT:
        return [Remedy(RemedyKind.LOOK_AT_CONSENT, task.payment_id)]
    return [
        Remedy(remedy, task.payment_id)
        for remedy in (RemedyKind.LOOK, *_after_a_look(task.kind, not_executed_is_offered))
    ]


def _after_a_look(kind: str, not_executed_is_offered: bool) -> tuple[RemedyKind, ...]:
    if kind in _IN_QUESTION:
        decisions = (RemedyKind.EXECUTED, RemedyKind.NOT_EXECUTED)
        return decisions if not_executed_is_offered else decisions[:1]
    if kind == "not_ready":
        return (RemedyKind.RETRY_LOGINS,)
    if kind == SEALED or kind.startswith("silent_"):
        return (RemedyKind.EXAMINE,)
    return (RemedyKind.CANCEL,)


@dataclass(frozen=True)
class OpenTask:
    """A question to people, and what they can do about it."""

    task: Task
    place: Place | None
    """The line of a file that its payment came with."""
    remedies: Sequence[Remedy]


async def open_tasks(
    operations: Operations,
    file_lines: FileLines,
    *,
    owner: str | None = None,
    due_before: datetime | None = None,
    limit: int = 1000,
) -> list[OpenTask]:
    """The open tasks, the most urgent first, each with its remedies."""
    tasks = await operations.tasks(owner=owner, due_before=due_before, limit=limit)
    offered = await operations.offers_not_executed()
    places = await file_lines.places(
        [(one.tenant, one.key) for one in tasks if one.tenant and one.key]
    )
    return [
        OpenTask(
            task,
            places.get((task.tenant or "", task.key or "")),
            remedies(task, not_executed_is_offered=offered),
        )
        for task in tasks
    ]
