"""Accepting orders: each is recorded once under its key, and checked for being a duplicate.

Many orders are accepted in one transaction, because a commit costs more than a row. The locks are
taken first, all keys and then all intents, each group in one order, so two callers never deadlock.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

from sqlmodel import Session, select

from domain.ids import end_to_end_hash, instruction_id
from domain.lifecycle.profile import InstructionKind, Profile
from domain.payments.fold import fold
from domain.payments.intent import Acknowledgement, Intent, PossibleDuplicate, require_acknowledged
from domain.payments.order import Order
from domain.payments.view import KIND, PaymentView
from store.clocks import agreed
from store.folding import Folding, request_context
from store.forgotten import remember
from store.intents import earlier_of, hashes_of, require_operator
from store.keyring import Keyring
from store.keys import require_proven
from store.locks import hold
from store.payment_kind import payment_view
from store.references import ReferenceKind, refer
from store.tables.lifecycles import InstructionRow, LifecycleRow, StateRow
from store.tables.payments import PaymentRow

FINGERPRINT_VERSION: Final = 1


class KeyReused(ValueError):
    """The key belongs to another order. Nothing was done."""

    def __init__(self, key: str, payment_id: str) -> None:
        super().__init__(
            f"key {key!r} was used for another order (payment {payment_id}); "
            "use a new key for a new order, or send the same order again"
        )
        self.payment_id = payment_id


class Given(NamedTuple):
    """An order to be recorded, with its key, its fingerprint and the intent to compare."""

    order: Order
    key: str
    fingerprint: str
    payment_id: str
    profile: Profile
    intent: Intent
    acknowledged: Acknowledgement


@dataclass(frozen=True)
class Acceptance:
    """The payment under a key as it now stands; `is_new` if this call created it."""

    view: PaymentView
    is_new: bool


class Accepting:
    """Records orders. The caller runs the transaction."""

    def __init__(self, keyring: Keyring, folding: Folding) -> None:
        self._keyring = keyring
        self._folding = folding

    def transaction(
        self, many: Sequence[Given], now: datetime
    ) -> Callable[[Session], list[Acceptance | PossibleDuplicate]]:
        """The transaction that accepts these orders; see `Payments.accept_many`."""
        hashes = [hashes_of(one.intent, self._keyring) for one in many]

        def transaction(session: Session) -> list[Acceptance | PossibleDuplicate]:
            require_proven(session, self._keyring, now)
            # Keys before intents: otherwise a call that is repeated at once would be reported as
            # a duplicate of itself. All keys before any intent, so that callers never deadlock.
            hold(session, *(f"key/{one.order.tenant}/{one.key}" for one in many))
            known = [
                accepted_under(session, one.order.tenant, one.key, one.fingerprint) for one in many
            ]
            new = [own for own, found in zip(hashes, known, strict=True) if found is None]
            hold(session, *{name for own in new for name in own})
            at = agreed(session, now) if new else now
            return [
                found or self._accept(session, one, own, at)
                for one, own, found in zip(many, hashes, known, strict=True)
            ]

        return transaction

    def _accept(
        self, session: Session, given: Given, hashes: Sequence[str], at: datetime
    ) -> Acceptance | PossibleDuplicate:
        """Record one order. Its key is locked and was not known."""
        order, payment_id = given.order, given.payment_id
        # One call may contain the same key twice.
        if known := accepted_under(session, order.tenant, given.key, given.fingerprint):
            return known
        if given.acknowledged.operator is not None:
            require_operator(session, given.acknowledged, order, payment_id, at)
        earlier = earlier_of(session, given.intent, hashes, at)
        try:
            require_acknowledged(earlier, given.acknowledged)
        except PossibleDuplicate as duplicate:
            return duplicate
        row = self._new_row(order, given.key, given.fingerprint, payment_id, given.profile, at)
        session.add(row)
        session.flush()
        session.add(
            PaymentRow(
                payment_id=payment_id,
                amount_minor=order.instructed_amount.minor,
                currency=order.instructed_amount.currency,
                creditor_masked=order.creditor_account.masked,
                intent_hash=hashes[0],
                intent_batch=given.intent.batch,
                acknowledged=",".join(one.payment_id for one in earlier) or None,
                acknowledged_by=given.acknowledged.operator if earlier else None,
            )
        )
        paying = InstructionRow(
            instruction_id=instruction_id(payment_id, InstructionKind.PAY),
            resource_id=payment_id,
            kind=InstructionKind.PAY,
            partner=order.partner,
            partner_account=order.partner_account,
        )
        session.add(paying)
        end_to_end = end_to_end_hash(order.tenant, order.end_to_end_id)
        refer(session, paying, ReferenceKind.END_TO_END, end_to_end)
        session.add(
            StateRow(
                resource_id=payment_id,
                state=row.state,
                certainty=row.certainty,
                entered_at=at,
            )
        )
        remember(session, row, paying, at)
        return Acceptance(self._folding.refold(session, row, at), is_new=True)

    def _new_row(
        self,
        order: Order,
        key: str,
        fingerprint: str,
        payment_id: str,
        profile: Profile,
        now: datetime,
    ) -> LifecycleRow:
        payment = fold(order, profile, (), ())
        sealed = self._keyring.seal(order.model_dump_json().encode(), request_context(payment_id))
        return LifecycleRow(
            resource_id=payment_id,
            kind=KIND,
            tenant=order.tenant,
            key=key,
            fingerprint=fingerprint,
            fingerprint_version=FINGERPRINT_VERSION,
            partner=order.partner,
            partner_account=order.partner_account,
            rail=order.rail,
            request_sealed=sealed,
            profile_json=profile.model_dump_json(),
            submit_before=order.submit_before,
            submit_from=order.times.submit_from,
            execute_by=order.times.execute_by,
            state=payment.state,
            certainty=payment.certainty,
            folded_json=payment.model_dump_json(),
            evidence_hash="",
            created_at=now,
            updated_at=now,
        )


def accepted_under(session: Session, tenant: str, key: str, fingerprint: str) -> Acceptance | None:
    """The payment that was accepted under this key; None if the key is new.

    Raises:
        KeyReused: the key stands for another order.
    """
    found = session.exec(
        select(LifecycleRow).where(LifecycleRow.tenant == tenant, LifecycleRow.key == key)
    ).one_or_none()
    if found is None:
        return None
    if found.fingerprint != fingerprint:
        raise KeyReused(key, found.resource_id)
    return Acceptance(payment_view(session, found), is_new=False)
