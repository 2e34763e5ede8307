"""Records orders in batches, and waits until their payments rest."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, NamedTuple, Self

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from assembly import Assembly
from domain.lifecycle.next_step import Owed
from domain.payments.due import due
from domain.payments.intent import Acknowledgement, PossibleDuplicate
from domain.payments.payment import Certainty
from domain.payments.states import STATES
from starter.client import Asked, Receipt
from starter.files import PlannedOrder
from starter.journal import Journal
from starter.signing import Signer
from store.faults import StoreAway
from store.records import PaymentRecord
from terminal.refused import Repeat
from terminal.screen import Screen

#: Concurrent reads and commands; more would only queue behind the database's single writer.
AT_ONCE: Final = 8
#: Orders recorded in one transaction: few enough that no other writer waits for long.
_RECORDED_AT_ONCE: Final = 100
_LOOK_EVERY_SECONDS: Final = 0.25
_PAUSE_PER_LOOK: Final = 3
_LINE_EVERY_SECONDS: Final = 5


class RecordedLine(NamedTuple):
    """A line that became a payment."""

    line: PlannedOrder
    receipt: Receipt


class BrokeOff(NamedTuple):
    """Why recording ended before the last line, and the lines that got no answer."""

    why: Exception
    in_hand: Sequence[PlannedOrder]
    """The lines of the transaction that failed. If the database went away during its commit, they
    may be recorded."""
    after: Sequence[PlannedOrder]
    """The lines after it, which were not tried."""


@dataclass
class Recorded:
    """The result of recording."""

    lines: list[RecordedLine] = field(default_factory=list)
    """In the order of the file."""
    repeats: list[Repeat] = field(default_factory=list)
    """Lines whose possible duplicate appeared after the comparison; they are not recorded."""
    broke_off: BrokeOff | None = None

    @property
    def receipts(self) -> list[Receipt]:
        return [one.receipt for one in self.lines]


async def record(
    assembly: Assembly,
    orders: Sequence[tuple[PlannedOrder, Acknowledgement]],
    screen: Screen,
    journal: Journal | None,
    by: Signer | None,
) -> Recorded:
    """Record every order, a hundred per transaction.

    An error that ends this early is returned and not raised: the lines of earlier transactions
    are recorded and will be paid, and an exception would hide them.
    """
    recorded = Recorded()
    with Progressing(screen, "recorded and started", len(orders)) as progress:
        for start in range(0, len(orders), _RECORDED_AT_ONCE):
            some = orders[start : start + _RECORDED_AT_ONCE]
            lines = [line for line, _ in some]
            asked = [_asked(line, said, by) for line, said in some]
            try:
                if journal:
                    for one in asked:
                        journal.intend(one.key, one.order)
                answers = await assembly.orchestrator.pay_many(asked)
                given, lines = lines, []
                news = len(recorded.lines)
                for line, answer in zip(given, answers, strict=True):
                    if isinstance(answer, PossibleDuplicate):
                        recorded.repeats.append(Repeat(line, answer))
                    else:
                        recorded.lines.append(RecordedLine(line, answer))
                if journal:
                    for line, receipt in recorded.lines[news:]:
                        journal.acknowledged(line.key, receipt.payment_id)
            except Exception as why:
                after = [line for line, _ in orders[start + len(some) :]]
                recorded.broke_off = BrokeOff(why, lines, after)
                return recorded
            progress.at(start + len(some))
    return recorded


def _asked(line: PlannedOrder, said: Acknowledgement, by: Signer | None) -> Asked:
    return Asked(
        line.order,
        line.key,
        received=line.received,
        rules_of=line.rules_of,
        intent=line.intent,
        acknowledged=said,
        by=by,
    )


async def until_rest(
    assembly: Assembly, payment_ids: Sequence[str], screen: Screen, wait_seconds: int
) -> list[PaymentRecord]:
    """Wait until every payment rests, or until `wait_seconds` are over.

    Payments that still move are read together, and the pause grows with the time a read takes, so
    that reads of a thousand payments leave the machine to the work that they wait for.

    Raises:
        StoreAway: the database is away when the time is over.
    """
    deadline = assembly.clock.now() + timedelta(seconds=wait_seconds)
    found: dict[str, PaymentRecord] = {}
    moving = [*payment_ids]
    with Progressing(screen, "settled or waiting for a person", len(payment_ids)) as progress:
        while moving:
            began = time.monotonic()
            is_over = assembly.clock.now() >= deadline
            try:
                records = await assembly.orchestrator.get_many(moving, tenant=None)
            except StoreAway:
                if is_over:
                    raise
            else:
                found |= {record.payment_id: record for record in records}
                moving = [one.payment_id for one in records if not rests(assembly, one)]
                progress.at(len(payment_ids) - len(moving))
                if is_over:
                    break
            took = time.monotonic() - began
            await asyncio.sleep(max(_LOOK_EVERY_SECONDS, _PAUSE_PER_LOOK * took))
    return [found[payment_id] for payment_id in payment_ids]


class Progressing:
    """Shows progress: a bar on a terminal, a plain line every few seconds elsewhere."""

    def __init__(self, screen: Screen, what: str, total: int) -> None:
        self._screen = screen
        self._what = what
        self._total = total
        self._last_line = time.monotonic()
        self._bar = Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
            console=screen, transient=True, disable=not screen.is_terminal,
        )  # fmt: skip
        self._task = self._bar.add_task(what, total=total)

    def at(self, done: int) -> None:
        """Show that this many are done."""
        self._bar.update(self._task, completed=done)
        now = time.monotonic()
        if not self._screen.is_terminal and now - self._last_line >= _LINE_EVERY_SECONDS:
            self._last_line = now
            self._screen.print(f"{done} of {self._total} {self._what}")

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.stop()


def rests(assembly: Assembly, record: PaymentRecord) -> bool:
    """Whether more waiting is pointless: settled, ended, or a person or the partner has to act."""
    if record.payment.is_frozen:
        return True
    if record.payment.certainty is Certainty.UNKNOWN:
        owed = due(record.view, assembly.clock.now())
        return owed.owed is Owed.WAIT and owed.because.startswith("parked")
    if record.view.not_before is not None and record.view.payment.partner_reference is None:
        return False
    return STATES[record.payment.state].rests
