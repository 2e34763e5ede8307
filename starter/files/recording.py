"""Records a file's orders in batches, and says how far it came if something fails."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from domain.payments.intent import Acknowledgement, PossibleDuplicate
from starter.client import Orchestrator, Receipt
from starter.files.judging import Repeat
from starter.files.plan import PlannedOrder
from starter.journal import Journal
from starter.orders import Asked
from starter.signing import Signer

#: Orders recorded in one transaction: few enough that no other writer waits for long.
_RECORDED_AT_ONCE: Final = 100


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

    @property
    def is_left_to_relay(self) -> bool:
        """Whether new payments are recorded that could not be started yet."""
        return not all(one.is_started for one in self.receipts if not one.is_replay)


async def record(
    orchestrator: Orchestrator,
    orders: Sequence[tuple[PlannedOrder, Acknowledgement]],
    *,
    journal: Journal | None,
    by: Signer | None,
    progress: Callable[[int], None],
) -> Recorded:
    """Record every order, a hundred per transaction.

    An error that ends this early is returned and not raised: the lines of earlier transactions
    are recorded and will be paid, and an exception would hide them.

    Args:
        by: the operator who signs the acknowledgements.
        progress: is told how many orders are done.
    """
    recorded = Recorded()
    progress(0)
    for start in range(0, len(orders), _RECORDED_AT_ONCE):
        some = orders[start : start + _RECORDED_AT_ONCE]
        lines = [line for line, _ in some]
        asked = [_asked(line, said, by) for line, said in some]
        try:
            if journal:
                for one in asked:
                    journal.intend(one.key, one.order)
            answers = await orchestrator.pay_many(asked)
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
        progress(start + len(some))
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
