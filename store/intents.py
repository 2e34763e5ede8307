"""Finds earlier payments that an order may repeat, in the transaction that accepts the order."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

import sqlalchemy
from sqlalchemy import bindparam
from sqlmodel import Session, col, or_

from domain.lifecycle.resource import Certainty
from domain.payments.intent import Acknowledgement, Earlier, Intent
from domain.payments.order import Order
from domain.payments.report import PaymentState
from domain.payments.states import PROVEN_NOTHING_MOVED
from store.keyring import Keyring
from store.operators import NotSigned, verified
from store.parts import in_parts
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


class Compared:
    """The payments that some orders may repeat, read at once for all of them."""

    def __init__(
        self, session: Session, many: Iterable[tuple[Intent, Sequence[str]]], now: datetime
    ) -> None:
        """Read them.

        Args:
            many: each order's intent, and its hashes by `hashes_of`.
        """
        self._now = now
        self._of: dict[str, list[_Candidate]] = defaultdict(list)
        many = list(many)
        hashes = dict.fromkeys(name for _, own in many for name in own)
        since = now - max((intent.window for intent, _ in many), default=timedelta(0))
        for some in in_parts(hashes):
            asked = {"hashes": some, "since": since}
            for found in session.connection().execute(_MAY_REPEAT, asked):
                self._keep(_Candidate(*found))

    def earlier(self, intent: Intent, hashes: Iterable[str]) -> tuple[Earlier, ...]:
        """Payments of the same intent, within its window, that moved money or still may.

        The oldest is first. A payment is left out only if its end proves that no money moved and
        is not in doubt. Lines of the same file are not compared with each other.
        """
        found = [
            one
            for name in hashes
            for one in self._of[name]
            if one.created_at > self._now - intent.window
            and (intent.batch is None or one.intent_batch != intent.batch)
        ]
        return tuple(
            Earlier(
                payment_id=one.payment_id,
                created_at=one.created_at,
                state=PaymentState(one.state),
                in_doubt=one.certainty == Certainty.UNKNOWN,
            )
            for one in sorted(found, key=lambda one: (one.created_at, one.payment_id))
        )

    def add(self, row: LifecycleRow, of_payment: PaymentRow) -> None:
        """Compare the orders that follow with this new payment too."""
        self._keep(
            _Candidate(
                of_payment.intent_hash,
                row.resource_id,
                row.created_at,
                row.state,
                row.certainty,
                of_payment.intent_batch,
            )
        )

    def _keep(self, one: _Candidate) -> None:
        assert one.intent_hash is not None, "it is compared, so it has a hash"
        self._of[one.intent_hash].append(one)


class _Candidate(NamedTuple):
    intent_hash: str | None
    payment_id: str
    created_at: datetime
    state: str
    certainty: str
    intent_batch: str | None


_MAY_REPEAT: Final = (
    sqlalchemy.select(
        col(PaymentRow.intent_hash),
        col(LifecycleRow.resource_id),
        col(LifecycleRow.created_at),
        col(LifecycleRow.state),
        col(LifecycleRow.certainty),
        col(PaymentRow.intent_batch),
    )
    .join(LifecycleRow, col(PaymentRow.payment_id) == col(LifecycleRow.resource_id))
    .where(
        col(PaymentRow.intent_hash).in_(bindparam("hashes", expanding=True)),
        col(LifecycleRow.created_at) > bindparam("since"),
        or_(
            col(LifecycleRow.state).not_in([state.value for state in PROVEN_NOTHING_MOVED]),
            col(LifecycleRow.certainty) == Certainty.UNKNOWN.value,
        ),
    )
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
