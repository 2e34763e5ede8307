"""The control and the product through the same bank, the same faults and the same kills."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from temporalio.client import WorkflowFailureError, WorkflowHandle

from domain.lifecycle.profile import IdempotencyKind, LookupKind
from local.demo_file import iban
from tests.proof.accounts import bank_account
from tests.proof.arena import Arena
from tests.proof.audit import CONTROL
from tests.proof.bank_partner import BANK
from tests.proof.control import CONTROL_QUEUE, ControlWorkflow, Transfer, wrongs
from tests.proof.points import read_trace
from tests.proof.scenarios import Scenario

#: What befalls the sends of a payment, in their order; none at all is the ordinary day.
FAULTS: Final = ((), ("lost_after",), ("lost_before",), ("error_after",) * 3, ("error_before",))
BATCH: Final = 16
_END_SECONDS: Final = 25.0
_STRIKE_SECONDS: Final = 15.0
_ENOUGH: Final = timedelta(minutes=2)


@dataclass(frozen=True)
class Story:
    """A bank's behaviour under a repeated key, and what befalls the sends to it."""

    idempotency: IdempotencyKind
    faults: tuple[str, ...]

    @property
    def name(self) -> str:
        first = f"{self.faults[0]} x{len(self.faults)}" if self.faults else "no fault"
        return f"{self.idempotency} {first}"

    @property
    def ours(self) -> Scenario:
        """The same for the product, which may look up what it sent."""
        return Scenario(
            f"{self.name}, ours",
            partner=BANK,
            account=bank_account(self.idempotency, LookupKind.STRONG),
            faults=self.faults,
        )


STORIES: Final = tuple(Story(kind, faults) for kind in IdempotencyKind for faults in FAULTS)


@dataclass
class ControlTally:
    """What became of the control's transfers, by the bank's book."""

    transfers: int = 0
    kills: int = 0
    wrong_by_faults: list[str] = field(default_factory=list)
    wrong_by_kills: list[str] = field(default_factory=list)

    @property
    def summary(self) -> dict[str, Any]:
        wrong = [*self.wrong_by_faults, *self.wrong_by_kills]
        return {
            "transfers": self.transfers,
            "kills": self.kills,
            "transfers_wrong": len({line.partition(" (")[0] for line in wrong}),
            "wrong_by_faults": self.wrong_by_faults,
            "wrong_by_kills": self.wrong_by_kills,
        }


class ControlKills:
    """One session of kills of the control's worker."""

    def __init__(self, arena: Arena) -> None:
        self._arena = arena
        self.tally = ControlTally()

    async def find(self, stories: Sequence[Story]) -> list[tuple[Story, str]]:
        """The points that each story passes in a run in which nothing is killed.

        Its outcomes are counted too: the faults alone can make them wrong.
        """
        given = [await self._give(story) for story in stories]
        worker = await self._arena.forks.fork("control-trace", what="control")
        self.tally.wrong_by_faults += await self._wrongs(given)
        await worker.kill()
        passed = read_trace(worker.order.trace)
        return [
            (story, point.point)
            for story, handle in zip(stories, given, strict=True)
            for point in passed
            if point.payment_id == _reference(handle)
        ]

    async def strike(self, targets: Sequence[tuple[Story, str]]) -> None:
        """Kill the worker at each of these points."""
        for first in range(0, len(targets), BATCH):
            await self._strike(targets[first : first + BATCH])

    async def _strike(self, targets: Sequence[tuple[Story, str]]) -> None:
        given = [await self._give(story) for story, _ in targets]
        plan = {_reference(handle): point
                for handle, (_, point) in zip(given, targets, strict=True)}  # fmt: skip
        doomed = await self._arena.forks.fork("control-doomed", what="control", plan=plan)
        deadline = time.monotonic() + _STRIKE_SECONDS
        while not doomed.ended.done():
            if time.monotonic() > deadline:
                await doomed.kill()
            await asyncio.sleep(0.1)
        heir = await self._arena.forks.fork("control-heir", what="control")
        self.tally.wrong_by_kills += await self._wrongs(given)
        await heir.kill()
        self.tally.kills += len(doomed.struck)

    async def _give(self, story: Story) -> WorkflowHandle[ControlWorkflow, str]:
        number = next(self._arena.numbers)
        reference = f"{CONTROL}{number}"
        await self._arena.bank.control(
            "script", {"reference": reference, "faults": list(story.faults)}
        )
        account = iban("DE", f"20050000{8_000_000 + number:010d}")
        bank = f"{story.idempotency}/{LookupKind.STRONG}"
        client = await self._arena.assembly.client()
        self.tally.transfers += 1
        return await client.start_workflow(
            ControlWorkflow.run,
            Transfer(reference, bank, account, "Ada Example", 100_00 + number),
            id=f"control/{reference}",
            task_queue=CONTROL_QUEUE,
            execution_timeout=_ENOUGH,
        )

    async def _wrongs(self, given: Sequence[WorkflowHandle[ControlWorkflow, str]]) -> list[str]:
        """What the client is told of each, where the bank's book says something else."""
        answers = await asyncio.gather(*map(_answer, given))
        told = dict(zip(map(_reference, given), answers, strict=True))
        return wrongs(told, await self._arena.bank.control("book"))


async def _answer(handle: WorkflowHandle[ControlWorkflow, str]) -> str | None:
    try:
        return await asyncio.wait_for(handle.result(), _END_SECONDS)
    except (TimeoutError, WorkflowFailureError):
        return None


def _reference(handle: WorkflowHandle[Any, Any]) -> str:
    return handle.id.partition("/")[2]
