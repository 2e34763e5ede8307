"""Charges: each attempt to take money, its capture, and what becomes of an authorisation."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from simulators.kit.delays import Delays
from simulators.kit.replies import Json
from simulators.kit.timers import Timers
from simulators.stripe import amounts, tokens
from simulators.stripe.book import NETWORK
from simulators.stripe.ledger import Ledger
from simulators.stripe.methods import DEBITS, Methods
from simulators.stripe.objects import Objects, Thing
from simulators.stripe.tokens import Behaviour
from simulators.stripe.wire import CARD, error, nothing

BOOK = "book_charge"
_EXTENDED_DAYS = 30
_ADVICE = {
    "insufficient_funds": "try_again_later",
    "processing_error": "try_again_later",
    "card_velocity_exceeded": "try_again_later",
    "expired_card": "confirm_card_data",
    "incorrect_cvc": "confirm_card_data",
    "generic_decline": "try_again_later",
}
_NETWORK_CODES = {"insufficient_funds": "51", "lost_card": "41", "stolen_card": "43",
                  "expired_card": "54", "authentication_required": "65"}  # fmt: skip


class Charges:
    def __init__(
        self, objects: Objects, methods: Methods, ledger: Ledger, timers: Timers, delays: Delays
    ) -> None:
        self._objects = objects
        self._methods = methods
        self._ledger = ledger
        self._timers = timers
        self._delays = delays

    def make(
        self, intent: Thing, method: Thing, at: datetime, refused: Behaviour, authenticated: bool
    ) -> Thing:
        """One attempt. Its charge is `succeeded`, `pending` (a bank debit) or `failed`.

        Args:
            refused: has the code of the refusal, if the attempt is declined.
        """
        is_debit = method["type"] in DEBITS
        is_refused = refused.code is not None and not is_debit
        status = "failed" if is_refused else "pending" if is_debit else "succeeded"
        is_manual = intent["capture_method"] == "manual"
        captured = not is_refused and not is_manual
        decline = decline_error(refused) if is_refused else {}
        charge = self._objects.add(
            "charge",
            intent.account,
            at,
            {
                "amount": intent["amount"],
                "amount_captured": intent["amount"] if captured and not is_debit else 0,
                "amount_refunded": 0,
                **nothing("application application_fee application_fee_amount"),
                "balance_transaction": None,
                "billing_details": method["billing_details"],
                "calculated_statement_descriptor": _on_the_statement(intent),
                "captured": captured,
                "currency": intent["currency"],
                "customer": intent["customer"],
                "description": intent["description"],
                "disputed": False,
                "failure_balance_transaction": None,
                "failure_code": decline.get("code"),
                "failure_message": decline.get("message"),
                "fraud_details": {},
                "metadata": intent["metadata"],
                "on_behalf_of": None,
                "outcome": _outcome(refused) if is_refused else _APPROVED,
                "paid": status == "succeeded",
                "payment_intent": intent.id,
                "payment_method": method.id,
                "payment_method_details": self._details(intent, method, at, authenticated),
                "radar_options": {},
                **nothing("receipt_email receipt_number receipt_url review shipping"),
                "refunded": False,
                "source_transfer": None,
                "statement_descriptor": intent["statement_descriptor"],
                "statement_descriptor_suffix": intent["statement_descriptor_suffix"],
                "status": status,
                **nothing("transfer_data transfer_group"),
            },
            event=f"charge.{status}",
            key=intent.key,
            hidden=method.hidden,
        )
        if status == "succeeded" and captured:
            self._settle(charge, at, charge["amount"], intent["capture_method"])
        return charge

    def settle_debit(self, charge: Thing, at: datetime) -> Thing:
        """The bank debit went through."""
        amount = charge["amount"]
        self._objects.save(
            charge, at, "charge.succeeded", status="succeeded", paid=True, amount_captured=amount
        )
        self._settle(charge, at, amount, "automatic")
        return charge

    def fail_debit(self, charge: Thing, at: datetime, refused: Behaviour) -> Thing:
        """The payer's bank refused the debit, days after it was asked."""
        decline = decline_error(refused)
        return self._objects.save(
            charge, at, "charge.failed", status="failed", paid=False, captured=False,
            failure_code=decline["code"], failure_message=decline["message"],
            outcome=_outcome(refused),
        )  # fmt: skip

    def capture(self, charge: Thing, at: datetime, amount: int) -> Thing:
        """Take a part of what is authorised. What is never taken is released without a booking."""
        captured = charge["amount_captured"] + amount
        self._objects.save(charge, at, captured=True, amount_captured=captured)
        self._settle(charge, at, amount, "automatic")
        return self._objects.save(charge, at, "charge.captured")

    def extend(self, charge: Thing, at: datetime, amount: int) -> None:
        """Raise the authorised amount."""
        details = charge["payment_method_details"]
        card = details["card"]
        more = {
            "amount_authorized": amount,
            "overcapture": {**card["overcapture"], "maximum_amount_capturable": amount},
        }
        details = {**details, "card": {**card, **more}}
        self._objects.save(
            charge, at, "charge.updated", amount=amount, payment_method_details=details
        )

    def release(self, charge: Thing, at: datetime, event: str) -> None:
        """End an authorisation. Stripe shows what was held as refunded; nothing is booked."""
        if charge["captured"]:
            return
        self._objects.save(charge, at, event, refunded=True, amount_refunded=charge["amount"])

    def book(self, charge_id: str, at: datetime) -> None:
        """Book a charge that was captured asynchronously."""
        charge = self._objects.known(charge_id)
        self._book(charge, at, charge["amount_captured"])
        self._objects.save(charge, at, "charge.updated")

    def capture_before(self, intent: Thing, at: datetime) -> datetime:
        """When the authorisation ends: the card network's, not a constant."""
        if _asked(intent, "request_extended_authorization"):
            return at + timedelta(days=_EXTENDED_DAYS)
        return at + timedelta(seconds=self._delays["authorisation_lasts"])

    def _settle(self, charge: Thing, at: datetime, amount: int, capture_method: str) -> None:
        if capture_method == "automatic_async":
            due = at + timedelta(seconds=self._delays["book_after"])
            self._timers.add(charge.id, BOOK, due)
            return
        self._book(charge, at, amount)

    def _book(self, charge: Thing, at: datetime, amount: int) -> None:
        method = charge["payment_method_details"]["type"]
        is_at_once = charge.hidden.get("then") == "available"
        made = self._ledger.book(
            charge,
            at,
            "charge" if method == "card" else "payment",
            amount,
            NETWORK,
            fee=amounts.fee(amount, charge["currency"], method),
            available_on=None if is_at_once else self._ledger.matures(at),
        )
        self._objects.save(charge, at, balance_transaction=made.id)

    def _details(self, intent: Thing, method: Thing, at: datetime, authenticated: bool) -> Json:
        if method["type"] != "card":
            return tokens.details(method.body, mandate=intent.hidden.get("mandate"))

        def offered(name: str, words: tuple[str, str] = ("unavailable", "available")) -> str:
            return words[_asked(intent, name)]

        extended = offered("request_extended_authorization", ("disabled", "enabled"))
        also: Json = {
            "amount_authorized": intent["amount"],
            "extended_authorization": {"status": extended},
            "incremental_authorization": {"status": offered("request_incremental_authorization")},
            "installments": None,
            "mandate": None,
            "multicapture": {"status": offered("request_multicapture")},
            "network": method["card"]["brand"],
            "network_token": {"used": False},
            "overcapture": {"maximum_amount_capturable": intent["amount"], "status": "unavailable"},
            "three_d_secure": _AUTHENTICATED if authenticated else None,
        }
        if intent["capture_method"] == "manual":
            also["capture_before"] = int(self.capture_before(intent, at).timestamp())
        return tokens.details(method.body, **also)


_APPROVED = {
    **nothing("advice_code network_advice_code network_decline_code reason"),
    "network_status": "approved_by_network",
    "risk_level": "normal",
    "risk_score": 20,
    "seller_message": "Payment complete.",
    "type": "authorized",
}
_AUTHENTICATED = {
    "authentication_flow": "challenge",
    "electronic_commerce_indicator": "05",
    "exemption_indicator": None,
    "result": "authenticated",
    "result_reason": None,
    "transaction_id": "simulated",
    "version": "2.2.0",
}


def _outcome(refused: Behaviour) -> Json:
    reason = refused.decline_code or refused.code
    return {
        **_APPROVED,
        "advice_code": _ADVICE.get(reason or "", "do_not_try_again"),
        "network_decline_code": _NETWORK_CODES.get(reason or "", "05"),
        "network_status": "not_sent_to_network" if refused.blocked else "declined_by_network",
        "reason": reason,
        "risk_level": "highest" if refused.blocked else "normal",
        "seller_message": "Stripe blocked this." if refused.blocked else "The bank declined this.",
        "type": "blocked" if refused.blocked else "issuer_declined",
    }


def decline_error(refused: Behaviour, **also: Any) -> Json:
    """The error of a declined attempt, as `last_payment_error` has it."""
    outcome = _outcome(refused)
    made: Json = error(
        CARD,
        "The payment method was declined.",
        code=refused.code,
        decline_code=refused.decline_code,
        advice_code=outcome["advice_code"],
        network_decline_code=outcome["network_decline_code"],
        **also,
    )["error"]
    return made


def _on_the_statement(intent: Thing) -> str:
    """What the payer reads: our own prefix with the suffix, or the whole descriptor."""
    suffix = intent["statement_descriptor_suffix"]
    return f"SIMULATED* {suffix}" if suffix else intent["statement_descriptor"] or "SIMULATED"


def _asked(intent: Thing, name: str) -> bool:
    card = intent["payment_method_options"].get("card") or {}
    return bool(card.get(name) == "if_available")
