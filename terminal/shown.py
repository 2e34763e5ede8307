"""All that `finality show` prints about a payment, and the same as JSON for scripts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from domain.lifecycle.next_step import Due, Owed
from domain.payments.due import due
from store.file_lines import Place
from store.halts import Halt
from store.records import PaymentRecord
from store.timeline import Entry, Exchanged
from terminal.halt import halt_object
from terminal.table import as_object


@dataclass(frozen=True)
class Known:
    """One payment, as it is at the moment `now`."""

    record: PaymentRecord
    place: Place | None
    now: datetime
    halts: Sequence[Halt]
    timeline: Sequence[Entry]
    exchanges: Sequence[Exchanged] | None = None
    """None if they were not asked for."""

    @property
    def owed(self) -> Due | None:
        """What the payment waits for; None if nothing is owed any more."""
        owed = due(self.record.view, self.now)
        return None if owed.owed is Owed.OVER else owed

    @property
    def held_up_by(self) -> str | None:
        """Why the last step had no effect; None if the reason for the wait says it already."""
        why = self.record.waiting_for
        if why is None or self.owed is None or why in self.owed.because:
            return None
        return why


def shown_object(known: Known) -> dict[str, object]:
    """The JSON object: the payment as in `list`, plus all that `show` prints in addition."""
    record, payment, owed = known.record, known.record.payment, known.owed
    amounts, day = payment.amounts, payment.effective_execution_date
    asked = record.times.requested_execution_date
    shown = as_object(record, known.place) | {
        "creditor": record.creditor,
        "creditor_account": record.creditor_account,
        "partner": record.partner,
        "partner_account": record.partner_account,
        "rail": record.rail,
        "requested_execution_date": asked.isoformat() if asked else None,
        "execution_date": day.isoformat() if day else None,
        "basis": payment.basis,
        "settled_minor": amounts.settled.minor,
        "returned_minor": amounts.returned.minor,
        "fees_minor": amounts.fees.minor,
        "waits_for": owed.because if owed else None,
        "next_look_at": _moment(owed.until or known.now) if owed else None,
        "held_up_by": known.held_up_by,
        "partner_silent_since": _moment(record.silent_since),
        "halts": [halt_object(halt) for halt in known.halts],
        "findings": [
            {"kind": one.kind.value, "text": one.text, "is_open": one.freezes}
            for one in payment.findings
        ],
        "closed_findings": [
            {"kind": one.kind.value, "text": one.text, "closed_by": one.closed_by}
            for one in payment.closed_findings
        ],
        "timeline": [_entry_object(entry) for entry in known.timeline],
    }
    if known.exchanges is not None:
        shown["exchanges"] = [
            {
                "at": one.at.isoformat(),
                "summary": one.summary,
                "request": one.request,
                "response": one.response,
            }
            for one in known.exchanges
        ]
    return shown


def _entry_object(entry: Entry) -> dict[str, object]:
    return {
        "at": entry.at.isoformat(),
        "kind": entry.kind.value,
        "text": entry.text,
        "times": entry.times,
        "last_at": _moment(entry.last_at),
    }


def _moment(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
