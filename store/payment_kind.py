"""Payments, for the store: their movements as rows, and their view."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlmodel import Session

from domain.payments.escalation import Escalate, nobody
from domain.payments.kind import PaymentKind
from domain.payments.movements import ever_booked, movements_of
from domain.payments.view import PaymentView
from store.keyring import Keyring
from store.kind import StoredKinds
from store.tables.lifecycles import InstructionRow, LifecycleRow
from store.tables.payments import MovementRow
from store.views import view_of


class StoredPayments(PaymentKind):
    """The kind of payments, with its own table."""

    def keep(self, session: Session, row: LifecycleRow, reports: Sequence[Any]) -> None:
        """Write the movements by the fold's own rule: a booking that was undone has no row."""
        movements = movements_of(reports)
        for undone in {*ever_booked(reports)} - {*movements}:
            if known := session.get(MovementRow, (row.resource_id, undone.movement_id)):
                session.delete(known)
        for movement in movements:
            session.merge(
                MovementRow(
                    payment_id=row.resource_id,
                    movement_id=movement.movement_id,
                    kind=movement.kind,
                    amount_minor=movement.amount.minor,
                    currency=movement.amount.currency,
                    booked_at=movement.booked_at,
                )
            )

    def beside(
        self, session: Session, keyring: Keyring, instruction: InstructionRow
    ) -> Mapping[str, Any]:
        """Nothing: what an adapter is told of a payment is in the order and in the claim."""
        return {}


_PAYMENTS: Final = StoredPayments()


def payment_view(session: Session, found: LifecycleRow) -> PaymentView:
    """The view of a payment."""
    view: PaymentView = view_of(_PAYMENTS, session, found)
    return view


def payments_alone(escalate: Escalate = nobody) -> StoredKinds:
    """The kinds of a process that drives payments and nothing else."""
    kind = StoredPayments(escalate)
    return {kind.name: kind}
