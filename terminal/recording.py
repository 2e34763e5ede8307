"""Orders given some at a time, and the wait until their payments rest."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from assembly import Assembly
from domain.due import Owed, due
from domain.intent import Acknowledgement, PossibleDuplicate
from domain.payment import Certainty
from domain.report import PaymentState
from domain.states import ENDS
from starter.client import Receipt
from starter.files import PlannedOrder
from starter.journal import Journal
from store.payments import KeyReused
from store.records import PaymentRecord
from terminal.refused import Repeat
from terminal.screen import Screen

#: Orders given at the same time; more only queue up behind the database's one writer.
AT_ONCE: Final = 8

#: Somebody other than time has to act, or nothing is owed: no reason to wait here any longer.
_RESTS: Final = ENDS | {
    PaymentState.SETTLED,
    PaymentState.AWAITING_US,
    PaymentState.AWAITING_USER,
}


async def record(
    assembly: Assembly,
    orders: Sequence[tuple[PlannedOrder, Acknowledgement]],
    screen: Screen,
    journal: Journal | None,
) -> tuple[list[Receipt], list[Repeat]]:
    """Give every order, some at a time; the receipts in the order of the file.

    Lines whose duplicate appeared since all were compared are left out and given back.

    Raises:
        KeyReused: a line's key stands for another order.
    """
    gate = asyncio.Semaphore(AT_ONCE)
    orchestrator = assembly.orchestrator
    tasks: list[asyncio.Task[Receipt | Repeat]] = []
    clashes: list[Exception] = []

    with _progress(screen) as progress:
        bar = progress.add_task("recorded and started", total=len(orders))

        async def give(line: PlannedOrder, said: Acknowledgement) -> Receipt | Repeat:
            async with gate:
                if journal:
                    journal.intend(line.key, line.order)
                try:
                    receipt = await orchestrator.pay(
                        line.order,
                        line.key,
                        received=line.received,
                        rules_of=line.rules_of,
                        intent=line.intent,
                        acknowledge_duplicate_of=said.of,
                        operator=said.operator,
                        patience=None,
                    )
                except PossibleDuplicate as duplicate:
                    return Repeat(line, duplicate)
                if journal:
                    journal.told(line.key, receipt.payment_id)
                progress.advance(bar)
                return receipt

        try:
            async with asyncio.TaskGroup() as group:
                tasks += [group.create_task(give(line, said)) for line, said in orders]
        except* KeyReused as reused:
            clashes.extend(reused.exceptions)
    if clashes:
        raise clashes[0]
    results = [task.result() for task in tasks]
    return (
        [result for result in results if isinstance(result, Receipt)],
        [result for result in results if isinstance(result, Repeat)],
    )


async def until_rest(
    assembly: Assembly, receipts: list[Receipt], screen: Screen, wait_seconds: int
) -> list[PaymentRecord]:
    """Wait until every payment rests somewhere, or the patience is over."""
    deadline = assembly.clock.now() + timedelta(seconds=wait_seconds)
    with _progress(screen) as progress:
        bar = progress.add_task("settled or waiting for somebody", total=len(receipts))

        async def rest(receipt: Receipt) -> PaymentRecord:
            record = await assembly.orchestrator.wait(
                receipt.payment_id,
                lambda found: rests(assembly, found),
                deadline=deadline,
                tenant=None,
            )
            progress.advance(bar, rests(assembly, record))
            return record

        return list(await asyncio.gather(*map(rest, receipts)))


def rests(assembly: Assembly, record: PaymentRecord) -> bool:
    """Whether waiting here cannot bring more: settled, at an end, or somebody else's move."""
    if record.payment.is_frozen:
        return True
    if record.payment.certainty is Certainty.UNKNOWN:
        owed = due(record.view, assembly.clock.now())
        return owed.owed is Owed.WAIT and owed.because.startswith("parked")
    if record.view.not_before is not None and record.view.payment.partner_reference is None:
        return False
    return record.payment.state in _RESTS


def _progress(screen: Screen) -> Progress:
    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
        console=screen, transient=True, disable=not screen.is_terminal,
    )  # fmt: skip
