"""A control, not a part of the product: money moved in the way that is usual in such workflows.

Withdraw, then deposit, and refund if that fails; each step is an activity with three attempts and
a key of its own. It goes through the same bank and the same kills as the product, so that a
harness which finds nothing wrong can be seen to find something.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from temporalio import activity, workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from domain.lifecycle.answers import Deadline
    from transport.exchange import Request, Response
    from transport.http import Transport

CONTROL_QUEUE: Final = "control"
DONE, REFUNDED, FAILED = "done", "refunded", "failed"
_THREE_TIMES: Final = RetryPolicy(
    maximum_attempts=3,
    initial_interval=timedelta(milliseconds=200),
    maximum_interval=timedelta(milliseconds=400),
)
_STEP_TIMEOUT: Final = timedelta(seconds=2)


@dataclass(frozen=True)
class Transfer:
    """What is to be moved; `payment_id` is its reference too."""

    payment_id: str
    bank: str
    """The behaviour of the bank: the head of its paths."""
    account: str
    name: str
    amount_minor: int


@dataclass(frozen=True)
class Step:
    """One movement of a transfer."""

    payment_id: str
    transfer: Transfer
    what: str


class Refused(Exception):
    """The bank did not say yes."""


class ControlSteps:
    """What is done at the bank."""

    def __init__(
        self, transport: Transport, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._transport = transport
        self._now = now

    @activity.defn(name="control")
    async def control(self, step: Step) -> str:
        """Ask the bank to move the money; the id of the order it made."""
        transfer, now = step.transfer, self._now()
        reference = step.payment_id if step.what == "deposit" else f"{step.what} {step.payment_id}"
        body = {
            "key": f"{step.payment_id}-{step.what}",
            "reference": reference,
            "account": transfer.account if step.what == "deposit" else step.what,
            "name": transfer.name,
            "amount_minor": transfer.amount_minor,
            "currency": "EUR",
        }
        outcome = await self._transport.exchange(
            Request(
                "POST",
                f"/{transfer.bank}/orders",
                body=json.dumps(body).encode(),
                content_type="application/json",
                once=True,
            ),
            Deadline(now + _STEP_TIMEOUT, now + _STEP_TIMEOUT),
        )
        if not isinstance(outcome, Response) or outcome.status != 200:
            raise Refused(f"{step.what}: {outcome}")
        return str(json.loads(outcome.body)["id"])


@workflow.defn
class ControlWorkflow:
    """The usual shape."""

    @workflow.run
    async def run(self, transfer: Transfer) -> str:
        """What the client is told."""
        try:
            await self._step(transfer, "withdraw")
        except ActivityError:
            return FAILED
        try:
            await self._step(transfer, "deposit")
        except ActivityError:
            await self._step(transfer, "refund")
            return REFUNDED
        return DONE

    async def _step(self, transfer: Transfer, what: str) -> str:
        return await workflow.execute_activity_method(
            ControlSteps.control,
            Step(transfer.payment_id, transfer, what),
            start_to_close_timeout=_STEP_TIMEOUT,
            retry_policy=_THREE_TIMES,
        )


def wrongs(told: Mapping[str, str | None], book: Mapping[str, Any]) -> list[str]:
    """What is wrong with each transfer, by the bank's book.

    Args:
        told: what the client was told of each transfer; None where it was told nothing in time.
    """
    moved: Counter[tuple[str, str]] = Counter()
    for payment in book["payments"]:
        if payment["status"] == "completed":
            *what, reference = payment["reference"].split(" ")
            moved[reference, what[0] if what else "deposit"] += 1
    return [
        f"{reference} ({answer}): {wrong}"
        for reference, answer in told.items()
        for wrong in _wrongs(
            answer, *(moved[reference, what] for what in ("withdraw", "deposit", "refund"))
        )
    ]


def _wrongs(told: str | None, withdrawn: int, paid: int, refunded: int) -> Iterable[str]:
    if told is None:
        yield "stuck"
    if withdrawn > 1:
        yield f"twice: withdrawn {withdrawn} times"
    if paid > 1:
        yield f"twice: paid {paid} times"
    if paid and refunded:
        yield "paid and refunded"
    if refunded > 1:
        yield f"twice: refunded {refunded} times"
    if told == DONE and not paid:
        yield "lost: said to be done, and not paid"
    if told in (REFUNDED, FAILED) and paid:
        yield "told to have failed, and paid"
    if told == FAILED and withdrawn > refunded:
        yield "lost: told to have failed, and withdrawn"
