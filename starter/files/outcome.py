"""What became of a file: its payments as they stand, lines that are not paid, and the verdict."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from domain.lifecycle.resource import Certainty
from domain.payments.report import PaymentState
from domain.payments.states import STATES, Where, Whose
from messages.pain002 import FileStatus, Reason
from starter.files.judging import Judged, Repeat
from starter.files.recording import Recorded
from starter.files.unanswered import Unanswered
from starter.files.unpaid import UnpaidLine, refused_lines
from store.file_lines import Place
from store.records import PaymentRecord


class Verdict(StrEnum):
    """The outcome of a whole file."""

    ALL_WELL = "all_well"
    SOME_NOT = "some_not"
    """A payment failed or is in doubt, or a line is not paid."""
    NOTHING_PAID = "nothing_paid"


class Hindrance(StrEnum):
    """Why nothing new of a file is paid."""

    REFUSED_LINES = "refused_lines"
    REPEATS = "repeats"
    FILE = "file"
    """The whole file is refused, because of its message id, its operator or its journal."""


@dataclass(frozen=True)
class NothingPaid:
    """Nothing new of the file was recorded, and why."""

    judged: Judged
    hindrance: Hindrance
    why: Reason
    unpaid: Sequence[UnpaidLine]
    """All lines that no earlier run has paid."""


@dataclass(frozen=True)
class Accepted:
    """What was recorded of a file."""

    judged: Judged
    recorded: Recorded
    rest: Unanswered
    """Set if recording broke off."""

    @property
    def repeats(self) -> list[Repeat]:
        """All possible duplicates, also those that appeared after the comparison."""
        return [*self.judged.repeats, *self.recorded.repeats]

    @property
    def payment_ids(self) -> list[str]:
        """Payments of lines that can be paid, of this run and of earlier ones."""
        return [*(one.payment_id for one in self.recorded.receipts), *self.rest.recorded]


@dataclass(frozen=True)
class FileOutcome:
    """An accepted file after its payments were followed."""

    accepted: Accepted
    records: Sequence[PaymentRecord]
    """All payments of the file as they stand."""
    places: Mapping[tuple[str, str], Place]
    """Their lines in the file, by tenant and key."""
    status: FileStatus | None = None
    unread: str | None = None
    """Why the payments cannot be read, although they are recorded. Then there are no records."""
    unreported: str | None = None
    """Why the file's status cannot be read."""

    @property
    def unread_lines(self) -> list[UnpaidLine]:
        """Lines that this run recorded, but whose present state cannot be read."""
        if self.unread is None:
            return []
        reason = f"recorded; its present state cannot be read: {self.unread}"
        return [
            UnpaidLine(line.line, reason, receipt.payment.state.value, receipt.payment.certainty,
                       receipt.payment_id)
            for line, receipt in self.accepted.recorded.lines
            if not receipt.is_replay
        ]  # fmt: skip

    @property
    def refused(self) -> list[UnpaidLine]:
        """Refused lines and possible duplicates."""
        return refused_lines(self.accepted.judged.refused, self.accepted.repeats)

    @property
    def known(self) -> int:
        """How many of the payments were known from an earlier run of this file."""
        ids = {one.payment_id for one in self.accepted.judged.known.values()}
        ids |= {one.payment_id for one in self.accepted.recorded.receipts if one.is_replay}
        return sum(record.payment_id in ids for record in self.records)

    @property
    def counts(self) -> Counter[str]:
        """How many payments and lines had which outcome, in words."""
        counts = Counter(_group(record) for record in self.records)
        counts["refused lines"] = len(self.accepted.judged.refused)
        counts["possible duplicates, not paid"] = len(self.accepted.repeats)
        return counts

    @property
    def unsent(self) -> Counter[str]:
        """How many payments are not sent yet for which reason."""
        return Counter(_why_unsent(record) for record in self.records if _group(record) == _UNSENT)

    @property
    def pays_nothing(self) -> bool:
        """Whether no line has a payment, or may have one."""
        accepted = self.accepted
        has_payments = accepted.payment_ids or accepted.judged.known_before
        return not has_payments and not accepted.rest.uncertain

    @property
    def verdict(self) -> Verdict:
        """The outcome of the whole file."""
        if self.pays_nothing:
            return Verdict.NOTHING_PAID
        accepted = self.accepted
        unpaid = accepted.judged.refused or accepted.repeats or accepted.recorded.broke_off
        failed = self.unread is not None or any(map(_is_failed, self.records))
        return Verdict.SOME_NOT if failed or unpaid else Verdict.ALL_WELL


_UNSENT = "not sent yet"


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
        return _UNSENT
    if state.requires in (Whose.US, Whose.USER):
        return "waiting for a person"
    return "under way"


def _why_unsent(record: PaymentRecord) -> str:
    if record.view.halted:
        return "sending is halted; see `finality halts`"
    if record.view.not_before is not None:
        why = record.view.waiting_for or "held back"
        return f"{why}, until {record.view.not_before:%Y-%m-%d %H:%M} UTC"
    return record.waiting_for or (
        "no worker has begun it; check that `finality up` or `finality worker` runs"
    )


def _is_failed(record: PaymentRecord) -> bool:
    return record.payment.certainty is Certainty.UNKNOWN or STATES[record.payment.state].failed
