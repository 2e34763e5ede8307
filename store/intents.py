"""Finds earlier payments that an order may repeat, in the transaction that accepts the order."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from sqlmodel import Session, col, or_, select

from domain.payments.intent import Acknowledgement, Earlier, Intent
from domain.payments.order import Order
from domain.payments.payment import Certainty
from domain.payments.report import PaymentState
from domain.payments.states import PROVEN_NOTHING_MOVED
from store.keyring import Keyring
from store.operators import NotSigned, verified
from store.tables.lifecycles import LifecycleRow
from store.tables.payments import PaymentRow

_PURPOSE: Final = "intent"


def hashes_of(intent: Intent, keyring: Keyring) -> tuple[str, ...]:
    """The intent's keyed hash under every key of the ring. The current key's hash is first.

    The first one is stored. A plain hash was refused: somebody who has the database could try every
    IBAN of a bank. Every key is used, because a payment of the last day may have been recorded
    under the previous key.
    """
    return keyring.macs(intent.content.encode(), _PURPOSE)


def earlier_of(
    session: Session, intent: Intent, hashes: Iterable[str], now: datetime
) -> tuple[Earlier, ...]:
    """Payments of the same intent, within its window, that moved money or still may, oldest first.

    A payment is left out only if its end proves that no money moved and is not in doubt. Lines of
    the same file are not compared with each other.
    """
    rows = (
        select(LifecycleRow)
        .join(PaymentRow, col(PaymentRow.payment_id) == col(LifecycleRow.resource_id))
        .where(col(PaymentRow.intent_hash).in_(tuple(hashes)))
        .where(LifecycleRow.created_at > now - intent.window)
        .where(
            or_(
                col(LifecycleRow.state).not_in([state.value for state in PROVEN_NOTHING_MOVED]),
                LifecycleRow.certainty == Certainty.UNKNOWN.value,
            )
        )
        .order_by(col(LifecycleRow.created_at), col(LifecycleRow.resource_id))
    )
    if intent.batch is not None:
        rows = rows.where(
            or_(
                col(PaymentRow.intent_batch).is_(None),
                PaymentRow.intent_batch != intent.batch,
            )
        )
    return tuple(
        Earlier(
            payment_id=found.resource_id,
            created_at=found.created_at,
            state=PaymentState(found.state),
            in_doubt=found.certainty == Certainty.UNKNOWN,
        )
        for found in session.exec(rows)
    )


def require_operator(
    session: Session, said: Acknowledgement, order: Order, payment_id: str, now: datetime
) -> None:
    """Require that an operator signed this acknowledgement for exactly this order.

    Raises:
        NotSigned: nobody signed it, or it was signed for something else.
    """
    signed = said.signed
    if signed is None or signed.statement != said.statement(order, payment_id, signed.statement.at):
        raise NotSigned(f"{said.operator!r} did not sign this acknowledgement; sign again")
    verified(session, signed, now)
