"""`/v1/tasks` and `/v1/halts`: what people are asked, and what stops sends.

Both are read here. A decision and a halt need an operator's own signature, which a key of a program
is not: `finality resolve` and `finality halt` make it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from fastapi import APIRouter
from pydantic import BaseModel

from domain.money import Money
from starter.api.callers import Limit, Operates
from starter.api.parts import Parts
from starter.api.problems import not_found
from store.halts import Halt
from store.tasks import Task


class TaskAnswer(BaseModel):
    """An open question about one of the tenant's payments."""

    id: str
    object: str = "task"
    payment_id: str | None
    kind: str
    question: str
    owner: str
    due_at: datetime
    opened_at: datetime
    amount: Money | None
    signed_by: list[str]
    """Operators who signed that it was not executed, while another signature is missing."""


class TasksAnswer(BaseModel):
    """The open tasks, the most urgent first."""

    data: list[TaskAnswer]


class HaltAnswer(BaseModel):
    """A halt in force that covers payments of the tenant. None stands for all."""

    number: int
    object: str = "halt"
    partner: str | None
    tenant: str | None
    rail: str | None
    by: str
    why: str
    """A fixed text if it covers every tenant."""
    halted_at: datetime


class HaltsAnswer(BaseModel):
    """The halts in force, the oldest first."""

    data: list[HaltAnswer]


def tasks(parts: Parts) -> APIRouter:
    """The routes of tasks."""
    router = APIRouter(prefix="/v1/tasks", tags=["tasks"])

    @router.get("", operation_id="list_tasks")
    async def listed(caller: Operates, limit: Limit = 100) -> TasksAnswer:
        """The open tasks about the tenant's payments, the most urgent first."""
        found = await parts.operations.tasks(tenant=caller.tenant, limit=limit)
        return TasksAnswer(data=list(map(_task, found)))

    @router.get("/{task_id}", operation_id="get_task")
    async def get(task_id: str, caller: Operates) -> TaskAnswer:
        """One open task."""
        found = await parts.operations.task(task_id, tenant=caller.tenant)
        if found is None:
            raise not_found("open task", task_id)
        return _task(found)

    return router


def halts(parts: Parts) -> APIRouter:
    """The routes of halts."""
    router = APIRouter(prefix="/v1/halts", tags=["halts"])

    @router.get("", operation_id="list_halts")
    async def listed(caller: Operates) -> HaltsAnswer:
        """The halts in force that cover payments of the tenant."""
        found = [halt for halt, _ in await parts.operations.halts()]
        own = [halt for halt in found if halt.tenant in (None, caller.tenant)]
        return HaltsAnswer(data=list(map(_halt, own)))

    return router


def _task(task: Task) -> TaskAnswer:
    return TaskAnswer(
        id=task.task_id,
        payment_id=task.payment_id,
        kind=task.kind,
        question=task.question,
        owner=task.owner,
        due_at=task.due_at,
        opened_at=task.opened_at,
        amount=task.amount,
        signed_by=list(task.signed_by),
    )


#: The reason of a halt that covers every tenant may name payments of another one.
_FOR_ALL: Final = "It covers every tenant. The operators of the server know the reason."


def _halt(halt: Halt) -> HaltAnswer:
    return HaltAnswer(
        number=halt.number,
        partner=halt.partner,
        tenant=halt.tenant,
        rail=halt.rail,
        by=halt.by,
        why=halt.why if halt.tenant is not None else _FOR_ALL,
        halted_at=halt.halted_at,
    )
