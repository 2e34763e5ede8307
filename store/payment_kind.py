"""Payments, for the store: their movements as rows, and their view."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlmodel import Session

from domain.lifecycle.change import Change, ChangeKind
from domain.lifecycle.kinds import kind_of
from domain.payments.escalation import Escalate, nobody
from domain.payments.kind import PaymentKind
from domain.payments.movements import ever_booked, movements_of
from domain.payments.report import Movement
from domain.payments.view import PaymentView
from store.books import profile_of
from store.callbacks import answer_for, callback_for
from store.keyring import Keyring
from store.kind import StoredKinds
from store.tables.consents import AnswerRow
from store.tables.lifecycles import InstructionRow, LifecycleRow
from store.tables.payments import MovementRow
from store.views import view_of


class StoredPayments(PaymentKind):
    """The kind of payments, with its own table."""

    def keep(
        self, session: Session, row: LifecycleRow, reports: Sequence[Any], before: str
    ) -> Sequence[Change]:
        """Write the movements by the fold's own rule: a booking that was undone has no row."""
        changes = _reversed(before, row.folded_json)
        movements = movements_of(reports)
        for undone in {*ever_booked(reports)} - {*movements}:
            if known := session.get(MovementRow, (row.resource_id, undone.movement_id)):
                session.delete(known)
                changes.append(_moved(ChangeKind.MOVEMENT_UNDONE, undone))
        for movement in movements:
            new: dict[str, Any] = {
                "kind": movement.kind,
                "amount_minor": movement.amount.minor,
                "currency": movement.amount.currency,
                "booked_at": movement.booked_at,
            }
            known = session.get(MovementRow, (row.resource_id, movement.movement_id))
            if known is None:
                movement_id = movement.movement_id
                session.add(MovementRow(payment_id=row.resource_id, movement_id=movement_id, **new))
                changes.append(_moved(ChangeKind.MOVEMENT, movement))
            elif any(getattr(known, name) != value for name, value in new.items()):
                for name, value in new.items():
                    setattr(known, name, value)
                changes.append(_moved(ChangeKind.MOVEMENT_CHANGED, movement))
        return changes

    def beside(
        self, session: Session, keyring: Keyring, instruction: InstructionRow
    ) -> Mapping[str, Any]:
        """How the payer comes back and what they brought, if they approve before it is sent."""
        row = session.get_one(LifecycleRow, instruction.resource_id)
        if not kind_of(instruction.kind).opens or profile_of(row).payer_first is None:
            return {}
        its_id = instruction.instruction_id
        brought = session.get(AnswerRow, its_id) is not None
        answer = answer_for(session, keyring, its_id)[0] if brought else {}
        return {"callback": callback_for(session, keyring, its_id), "answer": answer}


def _moved(kind: ChangeKind, movement: Movement) -> Change:
    detail = {"movement_id": movement.movement_id, "movement_kind": str(movement.kind)}
    return Change(kind, detail)


def _reversed(before: str, after: str) -> list[Change]:
    """The reversals that are new, or that came to another state or got their partner's id."""
    known = [*map(_reversal, _reversals(before))]
    changed = (each for each in map(_reversal, _reversals(after)) if each not in known)
    return [Change(ChangeKind.REVERSAL, each) for each in changed]


def _reversals(folded_json: str) -> list[dict[str, Any]]:
    # Read as JSON: to validate both payments would cost more than the rest of this fold.
    folded = json.loads(folded_json or "{}")
    found: list[dict[str, Any]] = folded.get("reversals", [])
    return found


def _reversal(reversal: Mapping[str, Any]) -> dict[str, str | None]:
    return {
        "reversal_kind": reversal["kind"],
        "reversal_state": reversal["state"],
        "reference": reversal.get("reference"),
        "instruction_id": reversal.get("instruction_id"),
    }


_PAYMENTS: Final = StoredPayments()


def payment_view(session: Session, found: LifecycleRow) -> PaymentView:
    """The view of a payment."""
    view: PaymentView = view_of(_PAYMENTS, session, found)
    return view


def payments_alone(escalate: Escalate = nobody) -> StoredKinds:
    """The kinds of a process that drives payments and nothing else."""
    kind = StoredPayments(escalate)
    return {kind.name: kind}
