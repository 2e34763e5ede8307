"""Refunds: at once, later, never, or failing after they had succeeded."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from simulators.kit.delays import Delays
from simulators.kit.replies import Json, Refusal
from simulators.kit.timers import NotPossible, Timers
from simulators.stripe import amounts, wire
from simulators.stripe.book import NETWORK
from simulators.stripe.ledger import Ledger
from simulators.stripe.methods import DEBITS
from simulators.stripe.objects import Ask, Objects, Thing
from simulators.stripe.wire import conflict, invalid, nothing, text, whole

SETTLE = "settle_refund"
FAIL = "refund_fails"
_REASONS = ("duplicate", "fraudulent", "requested_by_customer")


class Refunds:
    """Attributes:
    on_refund: called with each charge that is refunded.
    """

    def __init__(self, objects: Objects, ledger: Ledger, timers: Timers, delays: Delays) -> None:
        self._objects = objects
        self._ledger = ledger
        self._timers = timers
        self._delays = delays
        self.on_refund: Callable[[Thing, datetime], None] = lambda charge, at: None

    def create(self, ask: Ask) -> Json:
        charge = self._charge(ask)
        asked = whole(ask.params, "amount")
        reason = text(ask.params, "reason", among=_REASONS)
        if asked is not None:
            amounts.check(asked, charge["currency"], smallest=1)
        self._refundable(charge)
        left = charge["amount_captured"] - charge["amount_refunded"]
        if charge.status == "pending":
            left = charge["amount"] - charge["amount_refunded"]
        amount = left if asked is None else asked
        if left <= 0:
            message = f"Charge {charge.id} has already been refunded."
            raise conflict(message, "charge_already_refunded", charge=charge.id)
        if amount > left:
            message = f"Refund amount ({amount}) is greater than unrefunded amount ({left})"
            raise Refusal(400, wire.error(wire.REQUEST, message, param="amount"))
        return self.start(charge, amount, reason, ask.now, ask.params, ask.key).body

    def start(
        self, charge: Thing, amount: int, reason: str | None, at: datetime,
        params: Json | None = None, key: str | None = None,
    ) -> Thing:  # fmt: skip
        """Make a refund that is possible, and do what can be done of it now."""
        pending = self._pending_reason(charge, amount)
        kind = charge["payment_method_details"]["type"]
        refund = self._objects.add(
            "refund",
            charge.account,
            at,
            {
                "amount": amount,
                "balance_transaction": None,
                "charge": charge.id,
                "currency": charge["currency"],
                "destination_details": {"type": kind, kind: _destination(kind)},
                "metadata": wire.metadata({}, params or {}),
                "payment_intent": charge["payment_intent"],
                "reason": reason,
                **nothing("receipt_number source_transfer_reversal transfer_reversal"),
                "status": "pending" if pending else "succeeded",
                **({"pending_reason": pending} if pending else {}),
            },
            key=key,
            event="refund.created",
        )
        refunded = charge["amount_refunded"] + amount
        self._objects.save(
            charge, at, amount_refunded=refunded, refunded=refunded >= charge["amount_captured"] > 0
        )
        if pending == "insufficient_funds":
            self._timers.wait_for_funds(refund.id, SETTLE, at)
        elif pending != "charge_pending":
            self._withdraw(refund, charge, at)
        if pending == "processing":
            due = at + timedelta(seconds=self._delays["refund_after"])
            self._timers.add(refund.id, SETTLE, due)
        if charge.hidden.get("then") == "refund_fails":
            due = at + timedelta(seconds=self._delays["refund_after"])
            self._timers.add(refund.id, FAIL, due)
        self._objects.save(charge, at, "charge.refunded")
        self.on_refund(charge, at)
        return refund

    def update(self, ask: Ask) -> Json:
        refund = self._objects.get("refund", ask.object_id, ask.account)
        told = wire.metadata(refund["metadata"], ask.params)
        return self._objects.save(refund, ask.now, "refund.updated", metadata=told).body

    def cancel(self, ask: Ask) -> Json:
        refund = self._objects.get("refund", ask.object_id, ask.account)
        if refund.status != "requires_action":
            raise conflict("Only a refund that waits for the payer can be canceled.",
                           "status_transition_invalid")  # fmt: skip
        return self._undo(refund, ask.now, "canceled", None).body

    # What happens by itself or by others

    def settle(self, refund: Thing, at: datetime) -> None:
        """A pending refund goes on: its money leaves, or has arrived."""
        if refund.status not in ("pending", "requires_action"):
            raise NotPossible(f"the refund is {refund.status}")
        charge = self._objects.known(refund["charge"])
        if refund["balance_transaction"] is None:
            if self._pending_reason(charge, refund["amount"]) == "insufficient_funds":
                self._timers.wait_for_funds(refund.id, SETTLE, at)
                return
            self._withdraw(refund, charge, at)
        refund.body.pop("pending_reason", None)
        self._objects.save(
            refund, at, "refund.updated", "charge.refund.updated", status="succeeded"
        )

    def require_action(self, refund: Thing, at: datetime) -> None:
        """The payer has to say where the money should go."""
        if refund.status != "pending":
            raise NotPossible(f"the refund is {refund.status}")
        self._timers.stop(refund.id, SETTLE)
        self._objects.save(refund, at, "refund.updated", status="requires_action")

    def fail(self, refund: Thing, at: datetime, reason: str) -> None:
        """The payer's bank sent the money back, perhaps long after it had succeeded."""
        if refund.status in ("failed", "canceled"):
            raise NotPossible(f"the refund is {refund.status}")
        self._undo(refund, at, "failed", reason)

    def charge_decided(self, charge: Thing, at: datetime) -> None:
        """A debit settled or failed: refunds that waited for it go on or end."""
        for refund in self._objects.of("refund", "charge", charge.id):
            if refund.body.get("pending_reason") != "charge_pending":
                continue
            if charge.status == "succeeded":
                self.settle(refund, at)
            else:
                self._undo(refund, at, "canceled", None)

    def _undo(self, refund: Thing, at: datetime, status: str, reason: str | None) -> Thing:
        self._timers.stop(refund.id)
        charge = self._objects.known(refund["charge"])
        changes: Json = {"status": status}
        if refund["balance_transaction"] is not None:
            kind = "refund_failure" if _is_card(charge) else "payment_failure_refund"
            made = self._ledger.book(
                refund, at, kind, refund["amount"], NETWORK, category="refund_failure"
            )
            changes["failure_balance_transaction"] = made.id
        if reason is not None:
            changes["failure_reason"] = reason
        refund.body.pop("pending_reason", None)
        left = charge["amount_refunded"] - refund["amount"]
        self._objects.save(charge, at, amount_refunded=left, refunded=False)
        events = ["refund.updated", "charge.refund.updated"]
        if status == "failed":
            events.append("refund.failed")
        return self._objects.save(refund, at, *events, **changes)

    def _withdraw(self, refund: Thing, charge: Thing, at: datetime) -> None:
        kind = "refund" if _is_card(charge) else "payment_refund"
        settles = self._ledger.settles(charge["balance_transaction"])
        made = self._ledger.book(
            refund, at, kind, -refund["amount"], NETWORK, category="refund", available_on=settles
        )
        self._objects.save(refund, at, balance_transaction=made.id)

    def _pending_reason(self, charge: Thing, amount: int) -> str | None:
        if charge.status == "pending":
            return "charge_pending"
        if self._ledger.held(charge.account, charge["currency"]) < amount:
            return "insufficient_funds"
        is_slow = not _is_card(charge) or charge.hidden.get("then") == "refund_pending"
        return "processing" if is_slow else None

    def _charge(self, ask: Ask) -> Thing:
        named = text(ask.params, "charge")
        intent_id = text(ask.params, "payment_intent")
        if named is None and intent_id is None:
            message = "One of the following params should be provided: charge, payment_intent."
            raise invalid(message, code="parameter_missing", param="charge")
        if named is None:
            intent = self._objects.get(
                "payment_intent", intent_id or "", ask.account, "payment_intent"
            )
            named = intent["latest_charge"]
            if named is None:
                message = "This PaymentIntent does not have a successful charge to refund."
                raise conflict(message, "payment_intent_unexpected_state")
        return self._objects.get("charge", named, ask.account, "charge")

    def _refundable(self, charge: Thing) -> None:
        if charge.status == "failed" or not charge["captured"]:
            message = f"Charge {charge.id} is not paid, so nothing can be refunded."
            raise conflict(message, "charge_not_refundable", charge=charge.id)
        for dispute in self._objects.of("dispute", "charge", charge.id):
            if not dispute["is_charge_refundable"]:
                message = f"Charge {charge.id} has been charged back; no refund is possible."
                raise conflict(message, "charge_disputed", charge=charge.id)


def _is_card(charge: Thing) -> bool:
    return charge["payment_method_details"]["type"] not in DEBITS


def _destination(kind: str) -> Json:
    if kind != "card":
        return {}
    return {"reference": None, "reference_status": "pending", "type": "refund"}
