"""The outcome of a file when `pay` ends: counts by outcome, and why some payments are unsent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from domain.payments.payment import Certainty
from domain.payments.report import PaymentState
from domain.payments.states import STATES, Where, Whose
from domain.plain_text import plain
from store.records import PaymentRecord
from terminal.screen import Screen


def show_outcome(
    screen: Screen, records: Sequence[PaymentRecord], *, refused: int, repeats: int
) -> None:
    """Print one line of counts, and a line for each reason why payments are not sent yet."""
    counts = Counter(_group(record) for record in records)
    counts["refused lines"] = refused
    counts["possible duplicates, not paid"] = repeats
    said = [f"{what}: {count}" for what, count in counts.items() if count]
    if said:
        screen.print(f"{', '.join(said)}.")
    for why, count in Counter(_why_unsent(records)).most_common():
        screen.print(plain(f"{count} not sent yet: {why}"))


def _group(record: PaymentRecord) -> str:
    payment = record.payment
    if payment.certainty is Certainty.UNKNOWN:
        return "in doubt"
    state = STATES[payment.state]
    if state.money is Where.LEFT:
        return "settled"
    if state.failed:
        return "rejected, cancelled or returned"
    if payment.state is PaymentState.CREATED:
        return "not sent yet"
    if state.requires in (Whose.US, Whose.USER):
        return "waiting for a person"
    return "under way"


def _why_unsent(records: Sequence[PaymentRecord]) -> Iterator[str]:
    for record in records:
        if _group(record) != "not sent yet":
            continue
        if record.view.halted:
            yield "sending is halted; see `finality halts`"
        elif record.view.not_before is not None:
            why = record.view.waiting_for or "held back"
            yield f"{why}, until {record.view.not_before:%Y-%m-%d %H:%M} UTC"
        elif record.waiting_for:
            yield record.waiting_for
        else:
            yield "no worker has begun it; check that `finality up` or `finality worker` runs"
