"""Disputes and early fraud warnings: what payers and their banks do to a charge afterwards."""

from __future__ import annotations

from datetime import datetime, timedelta

from simulators.kit.delays import Delays
from simulators.kit.replies import Json
from simulators.kit.timers import NotPossible, Timers
from simulators.stripe import amounts, wire
from simulators.stripe.book import NETWORK
from simulators.stripe.ledger import Ledger
from simulators.stripe.objects import Ask, Objects, Thing
from simulators.stripe.wire import conflict, nothing, text

DUE = "evidence_is_due"
DECIDE = "decide_dispute"
_OPEN = ("needs_response", "under_review", "warning_needs_response", "warning_under_review")
#: Evidence that decides a dispute in test mode (docs.stripe.com/testing).
_DECIDING = {"winning_evidence": "won", "losing_evidence": "lost"}
_ESCALATING = "escalate_inquiry_evidence"
_EVIDENCE = (
    "access_activity_log billing_address cancellation_policy cancellation_policy_disclosure"
    " cancellation_rebuttal customer_communication customer_email_address customer_name"
    " customer_purchase_ip customer_signature duplicate_charge_documentation"
    " duplicate_charge_explanation duplicate_charge_id product_description receipt refund_policy"
    " refund_policy_disclosure refund_refusal_explanation service_date service_documentation"
    " shipping_address shipping_carrier shipping_date shipping_documentation"
    " shipping_tracking_number uncategorized_file uncategorized_text"
)


class Disputes:
    def __init__(self, objects: Objects, ledger: Ledger, timers: Timers, delays: Delays) -> None:
        self._objects = objects
        self._ledger = ledger
        self._timers = timers
        self._delays = delays

    # Requests

    def update(self, ask: Ask) -> Json:
        """Add evidence; it is submitted unless the request says otherwise."""
        dispute = self._open(ask)
        evidence = ask.params.get("evidence") or {}
        wire.only(evidence, _EVIDENCE)
        told = {name: text(evidence, name) for name in evidence}
        details = {**dispute["evidence_details"], "has_evidence": bool(told)}
        changes: Json = {
            "evidence": {**dispute["evidence"], **told},
            "metadata": wire.metadata(dispute["metadata"], ask.params),
        }
        if not told or text(ask.params, "submit", among=("true", "false")) == "false":
            changes["evidence_details"] = details
            return self._objects.save(dispute, ask.now, "charge.dispute.updated", **changes).body
        details["submission_count"] += 1
        inquiry = dispute.status.startswith("warning")
        changes |= {
            "evidence_details": details,
            "status": "warning_under_review" if inquiry else "under_review",
        }
        self._timers.stop(dispute.id, DUE)
        due = ask.now + timedelta(seconds=self._delays["decide_after"])
        outcome = _DECIDING.get(told.get("uncategorized_text") or "")
        if told.get("uncategorized_text") == _ESCALATING:
            outcome = "escalated"
        if outcome is not None:
            self._timers.add(dispute.id, DECIDE, due, param={"outcome": outcome})
        return self._objects.save(dispute, ask.now, "charge.dispute.updated", **changes).body

    def close(self, ask: Ask) -> Json:
        """Accept the dispute, which loses it."""
        dispute = self._open(ask)
        self.decide(dispute, ask.now, "lost")
        return dispute.body

    # What payers and banks do

    def open(
        self, charge: Thing, at: datetime, *, reason: str = "fraudulent", amount: int | None = None,
        inquiry: bool = False,
    ) -> Thing:  # fmt: skip
        """A payer disputes a charge; a bank debit's dispute is lost at once and final."""
        if charge.status != "succeeded" or not charge["amount_captured"]:
            raise NotPossible(f"a dispute of a charge that is {charge.status}")
        kind = charge["payment_method_details"]["type"]
        is_card = kind == "card"
        due = at + timedelta(seconds=self._delays["evidence_due"])
        status = "warning_needs_response" if inquiry else "needs_response"
        card = {"brand": "visa", "case_type": "inquiry" if inquiry else "chargeback",
                "network_reason_code": "10.4"}  # fmt: skip
        dispute = self._objects.add(
            "dispute",
            charge.account,
            at,
            {
                "amount": amount or charge["amount_captured"],
                "balance_transactions": [],
                "charge": charge.id,
                "currency": charge["currency"],
                "enhanced_eligibility_types": [],
                "evidence": nothing(_EVIDENCE),
                "evidence_details": {
                    "due_by": int(due.timestamp()) if is_card else None,
                    "has_evidence": False,
                    "past_due": False,
                    "submission_count": 0,
                },
                "is_charge_refundable": inquiry,
                "metadata": {},
                "payment_intent": charge["payment_intent"],
                **({"payment_method_details": {"type": "card", "card": card}} if is_card else {}),
                "reason": reason,
                "status": status,
            },
            event="charge.dispute.created",
        )
        self._objects.save(charge, at, "charge.updated", disputed=True)
        if not inquiry:
            self._withdraw(dispute, at)
        if is_card:
            self._timers.add(dispute.id, DUE, due)
        else:
            self.decide(dispute, at, "lost")
        return dispute

    def decide(self, dispute: Thing, at: datetime, outcome: str) -> None:
        """The bank's last word: won, lost, warning_closed, prevented, or an inquiry escalated."""
        if dispute.status not in _OPEN:
            raise NotPossible(f"the dispute is {dispute.status}")
        inquiry = dispute.status.startswith("warning")
        self._timers.stop(dispute.id)
        if outcome == "escalated":
            self._escalate(dispute, at)
            return
        if inquiry and outcome in ("won", "lost"):
            outcome = "warning_closed"
        changes: Json = {"status": outcome}
        if outcome in ("warning_closed", "prevented"):
            changes["is_charge_refundable"] = True
        if outcome in ("won", "prevented") and dispute["balance_transactions"]:
            self._reinstate(dispute, at)
        self._objects.save(dispute, at, "charge.dispute.closed", **changes)

    def evidence_is_due(self, dispute: Thing, at: datetime) -> None:
        """Nobody answered in time."""
        if dispute.status not in ("needs_response", "warning_needs_response"):
            raise NotPossible(f"the dispute is {dispute.status}")
        dispute.body["evidence_details"]["past_due"] = True
        self.decide(dispute, at, "lost")

    def warn(self, charge: Thing, at: datetime, fraud_type: str) -> Thing:
        """The issuer suspects fraud; no money moves."""
        if charge.status != "succeeded":
            raise NotPossible(f"a warning of a charge that is {charge.status}")
        body = {
            "actionable": not charge["refunded"] and not charge["disputed"],
            "charge": charge.id,
            "fraud_type": fraud_type,
            "payment_intent": charge["payment_intent"],
        }
        kind = "radar.early_fraud_warning"
        return self._objects.add(kind, charge.account, at, body, event=f"{kind}.created")

    def charge_refunded(self, charge: Thing, at: datetime) -> None:
        """A warning about a refunded charge needs nothing any more."""
        kind = "radar.early_fraud_warning"
        if charge["refunded"]:
            for warning in self._objects.of(kind, "charge", charge.id):
                self._objects.save(warning, at, f"{kind}.updated", actionable=False)

    def _escalate(self, dispute: Thing, at: datetime) -> None:
        if not dispute.status.startswith("warning"):
            raise NotPossible("only an inquiry becomes a dispute")
        due = at + timedelta(seconds=self._delays["evidence_due"])
        dispute.body["evidence_details"]["due_by"] = int(due.timestamp())
        self._timers.add(dispute.id, DUE, due)
        self._objects.save(
            dispute, at, "charge.dispute.updated", status="needs_response",
            is_charge_refundable=False,
        )  # fmt: skip
        self._withdraw(dispute, at)

    def _withdraw(self, dispute: Thing, at: datetime) -> None:
        fee = amounts.dispute_fee(dispute["currency"])
        made = self._ledger.book(
            dispute, at, "adjustment", -dispute["amount"], NETWORK, fee=fee, category="dispute"
        )
        self._add(dispute, made, at, "charge.dispute.funds_withdrawn")

    def _reinstate(self, dispute: Thing, at: datetime) -> None:
        made = self._ledger.book(
            dispute, at, "adjustment", dispute["amount"], NETWORK, category="dispute_reversal"
        )
        self._add(dispute, made, at, "charge.dispute.funds_reinstated")

    def _add(self, dispute: Thing, made: Thing, at: datetime, event: str) -> None:
        transactions = [*dispute["balance_transactions"], made.body]
        self._objects.save(dispute, at, event, balance_transactions=transactions)

    def _open(self, ask: Ask) -> Thing:
        dispute = self._objects.get("dispute", ask.object_id, ask.account)
        if dispute.status not in _OPEN:
            raise conflict("This dispute is already closed.", "status_transition_invalid")
        return dispute
