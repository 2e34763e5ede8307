"""All that `finality show` prints about a payment, as JSON for scripts."""

from __future__ import annotations

from datetime import datetime

from domain.lifecycle.profile import InstructionKind
from starter.dossier import Dossier
from store.timeline import Entry
from terminal.episodes import action_object, amounts_object, episode_object
from terminal.halt import halt_object
from terminal.table import as_object


def shown_object(found: Dossier) -> dict[str, object]:
    """The JSON object: the payment as in `list`, plus all that `show` prints in addition."""
    record, payment, owed = found.record, found.record.payment, found.owed
    amounts, day = payment.amounts, payment.effective_execution_date
    asked = record.times.requested_execution_date
    ours = [each for each in found.episodes if each.taken is None]
    captures = [each for each in ours if each.kind is InstructionKind.CAPTURE]
    increments = [each for each in ours if each.kind is InstructionKind.INCREMENT]
    confirmations = [each for each in ours if each.kind is InstructionKind.CONFIRM]
    reversals = [each for each in found.episodes if each.taken is not None]
    shown = as_object(record, found.place) | {
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
        **amounts_object(payment),
        "direction": payment.direction.value,
        "debtor": record.debtor,
        "debtor_account": record.debtor_account,
        "action": action_object(payment.action, with_url=False),
        "captures": [episode_object(each) for each in captures],
        "increments": [episode_object(each) for each in increments],
        "confirmations": [episode_object(each) for each in confirmations],
        "reversals": [episode_object(each) for each in reversals],
        "waits_for": owed.because if owed else None,
        "next_look_at": _moment(found.next_look_at),
        "held_up_by": found.held_up_by,
        "partner_silent_since": _moment(record.silent_since),
        "halts": [halt_object(halt) for halt in found.halts],
        "findings": [
            {"kind": one.kind.value, "text": one.text, "is_open": one.freezes}
            for one in payment.findings
        ],
        "closed_findings": [
            {"kind": one.kind.value, "text": one.text, "closed_by": one.closed_by}
            for one in payment.closed_findings
        ],
        "timeline": [_entry_object(entry) for entry in found.timeline],
    }
    if found.exchanges is not None:
        shown["exchanges"] = [
            {
                "at": one.at.isoformat(),
                "summary": one.summary,
                "request": one.request,
                "response": one.response,
            }
            for one in found.exchanges
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
