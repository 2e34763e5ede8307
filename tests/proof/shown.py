"""What our store says of collections, in the plain words of the card checker."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlmodel import Session, select

from domain.lifecycle.resource import Instruction
from domain.payments.display import display
from store.payment_kind import payment_view
from store.records import PaymentRecord
from store.tables.lifecycles import LifecycleRow
from store.tables.people import TaskRow


def shown(records: Sequence[PaymentRecord], session: Session) -> dict[str, dict[str, Any]]:
    """Each payment by its reference."""
    asks = set(session.exec(select(TaskRow.resource_id).where(*_asks_about_us())))
    found = {}
    for record in records:
        view = payment_view(session, session.get_one(LifecycleRow, record.payment_id))
        payment = view.payment
        amounts = payment.amounts
        found[record.end_to_end_id] = {
            "state": payment.state.value,
            "certainty": payment.certainty.value,
            "asks": record.payment_id in asks,
            **{name: getattr(amounts, name).minor
               for name in ("authorised", "captured", "refunded", "disputed", "net")},
            "funds": display(payment).funds.value,
            "reversals": {each.reference: each.state.value for each in payment.reversals},
            "claims": {(i.kind, i.amount.minor): _status(i)
                       for i in view.instructions if i.amount},
        }  # fmt: skip
    return found


def _asks_about_us() -> tuple[Any, ...]:
    """Open questions about what was sent. That evidence is wanted puts nothing in question."""
    is_open: Any = TaskRow.closed_at
    kind: Any = TaskRow.kind
    return is_open.is_(None), kind.not_like("evidence%")


def _status(instruction: Instruction) -> str:
    if instruction.is_undone:
        return "undone"
    return "open" if instruction.is_open else "with the processor"
