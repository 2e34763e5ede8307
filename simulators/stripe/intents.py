"""PaymentIntents: from the first request to money taken, refused, held or cancelled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from simulators.kit.delays import Delays
from simulators.kit.replies import Json, Refusal
from simulators.kit.timers import NotPossible, Timers
from simulators.stripe import amounts, intent_fields, payer, wire
from simulators.stripe.charges import Charges, decline_error
from simulators.stripe.ids import new_id
from simulators.stripe.methods import Methods
from simulators.stripe.objects import Ask, Objects, Thing
from simulators.stripe.tokens import FINE, Behaviour
from simulators.stripe.wire import (
    CARD,
    REQUEST,
    conflict,
    error,
    flag,
    invalid,
    needed,
    text,
    whole,
)

SETTLE = "settle_debit"
EXPIRE = "expire_authorisation"


_UNCONFIRMED = ("requires_payment_method", "requires_confirmation", "requires_action")
_CANCELLABLE = (*_UNCONFIRMED, "requires_capture")
#: Reference: so many attempts a PaymentIntent, including declines.
_INCREMENTS_MAX = 10
_REASONS = ("abandoned", "duplicate", "fraudulent", "requested_by_customer")
_DECLINED = Behaviour("authentication_required", "authentication_required")


class Intents:
    """Attributes:
    on_success: called with each charge that succeeded.
    on_failure: called with each bank debit that failed after it was accepted.
    """

    def __init__(
        self, objects: Objects, methods: Methods, charges: Charges, timers: Timers, delays: Delays
    ) -> None:
        self._objects = objects
        self._methods = methods
        self._charges = charges
        self._timers = timers
        self._delays = delays
        self.on_success: Callable[[Thing, datetime], None] = lambda charge, at: None
        self.on_failure: Callable[[Thing, datetime], None] = lambda charge, at: None

    # Requests

    def create(self, ask: Ask) -> Json:
        params = ask.params
        needed(params, "amount", "currency")
        amount, currency = whole(params, "amount") or 0, str(params["currency"]).lower()
        amounts.check(amount, currency)
        customer = self._methods.customer(ask)
        will_confirm = flag(params, "confirm")
        customer_id = None if customer is None else customer.id
        body = intent_fields.new(params, amount, currency, customer_id)
        if text(params, "payment_method") or "payment_method_data" in params:
            method = self._methods.named(ask)
            types = params.get("payment_method_types") or []
            self._methods.usable(method, types, currency, customer_id)
            body |= {"payment_method": method.id, "status": "requires_confirmation"}
        if will_confirm:
            self._confirmable(ask, body)
        intent = self._objects.add(
            "payment_intent", ask.account, ask.now, body, event="payment_intent.created",
            hidden={"made_by": ask.key},
        )  # fmt: skip
        if not will_confirm:
            return intent.body
        # Its payment method is known by now; a test token would make another.
        rest = {name: params[name] for name in params if not name.startswith("payment_method")}
        return self._confirm(intent, replace(ask, params=rest))

    def update(self, ask: Ask) -> Json:
        intent = self._intent(ask)
        params = ask.params
        changes = intent_fields.changes(params)
        if set(params) - {"metadata", "description", "expand"}:
            self._require(intent, "update", *_UNCONFIRMED, "requires_capture")
        if "amount" in params or "currency" in params:
            self._require(intent, "update", *_UNCONFIRMED)
            changes["amount"] = whole(params, "amount") or intent["amount"]
            changes["currency"] = str(params.get("currency", intent["currency"])).lower()
            amounts.check(changes["amount"], changes["currency"])
        if text(params, "payment_method") or "payment_method_data" in params:
            method = self._methods.named(ask)
            types = intent["payment_method_types"]
            self._methods.usable(method, types, intent["currency"], intent["customer"])
            changes |= {"payment_method": method.id, "status": "requires_confirmation"}
        if (customer := self._methods.customer(ask)) is not None:
            changes["customer"] = customer.id
        changes["metadata"] = wire.metadata(intent["metadata"], params)
        return self._objects.save(intent, ask.now, **changes).body

    def confirm(self, ask: Ask) -> Json:
        intent = self._intent(ask)
        self._require(intent, "confirm", *_UNCONFIRMED)
        self._confirmable(ask, intent.body)
        return self._confirm(intent, ask)

    def capture(self, ask: Ask) -> Json:
        intent = self._intent(ask)
        self._require(intent, "capture", "requires_capture")
        capturable = intent["amount_capturable"]
        amount = whole(ask.params, "amount_to_capture")
        amount = capturable if amount is None else amount
        amounts.check(amount, intent["currency"], smallest=1)
        if amount > capturable:
            message = f"Amount could not be captured: {capturable} can be captured."
            raise Refusal(400, error(REQUEST, message, code="amount_too_large",
                                     param="amount_to_capture"))  # fmt: skip
        charge = self._latest(intent)
        is_last = text(ask.params, "final_capture", among=("true", "false")) != "false"
        if not is_last and not self._is_multiple(charge):
            message = "Multicapture is not available for this payment."
            raise conflict(message, "charge_invalid_parameter", param="final_capture")
        self._charges.capture(charge, ask.now, amount)
        intent.body["metadata"] = wire.metadata(intent["metadata"], ask.params)
        left = 0 if is_last else capturable - amount
        received = intent["amount_received"] + amount
        changes: Json = {"amount_received": received, "amount_capturable": left}
        if left:
            event = "payment_intent.amount_capturable_updated"
            return self._objects.save(intent, ask.now, event, **changes).body
        self._timers.stop(intent.id, EXPIRE)
        self._objects.save(
            intent, ask.now, "payment_intent.succeeded", status="succeeded", **changes
        )
        self.on_success(charge, ask.now)
        return intent.body

    def cancel(self, ask: Ask) -> Json:
        intent = self._intent(ask)
        reason = text(ask.params, "cancellation_reason", among=_REASONS)
        self._require(intent, "cancel", *_CANCELLABLE)
        if intent["amount_received"]:
            self._unexpected(intent, "A part was captured; capture finally to release the rest.")
        return self._end(intent, ask.now, reason).body

    def increment(self, ask: Ask) -> Json:
        intent = self._intent(ask)
        needed(ask.params, "amount")
        amount = whole(ask.params, "amount") or 0
        amounts.check(amount, intent["currency"])
        self._require(intent, "increment the authorization of", "requires_capture")
        charge = self._latest(intent)
        rising = charge["payment_method_details"]["card"]["incremental_authorization"]
        if rising["status"] != "available" or intent["amount_received"]:
            self._unexpected(intent, "Incremental authorization is not available for it.")
        if amount <= intent["amount"]:
            message = "The amount must be greater than the authorized amount."
            raise invalid(message, code="invalid_charge_amount", param="amount")
        tried = intent.hidden.get("increments", 0)
        if tried >= _INCREMENTS_MAX:
            self._unexpected(intent, f"It was incremented {_INCREMENTS_MAX} times already.")
        intent.hidden["increments"] = tried + 1
        self._objects.save(intent, ask.now)
        if reason := charge.hidden.get("declines_increments"):
            refused = Behaviour("card_declined", reason)
            raise Refusal(402, {"error": decline_error(refused, charge=charge.id)})
        self._charges.extend(charge, ask.now, amount)
        event = "payment_intent.amount_capturable_updated"
        return self._objects.save(
            intent, ask.now, event, amount=amount, amount_capturable=amount,
            metadata=wire.metadata(intent["metadata"], ask.params),
        ).body  # fmt: skip

    # What happens by itself or by others

    def decline_increments(self, intent: Thing, at: datetime, reason: str) -> None:
        """The payer's bank declines each increment from now on; none if the reason is empty."""
        if intent.status != "requires_capture":
            raise NotPossible(f"nothing is authorised: {intent.status}")
        charge = self._latest(intent)
        charge.hidden["declines_increments"] = reason
        self._objects.save(charge, at)

    def authenticated(self, intent: Thing, at: datetime, *, is_done: bool) -> Thing:
        """The payer completed the authentication or failed it."""
        if intent.status != "requires_action":
            raise NotPossible(f"the payment waits for nobody: {intent.status}")
        method = self._objects.known(intent["payment_method"])
        if is_done:
            return self._attempt(intent, method, at, authenticated=True)
        return self._back(intent, at, error(
            REQUEST, "The provided PaymentMethod has failed authentication.",
            code="payment_intent_authentication_failure", payment_method=method.body,
        )["error"])  # fmt: skip

    def debit_settles(self, intent: Thing, at: datetime, refused: Behaviour) -> None:
        """The payer's bank answered: it paid, or refused."""
        if intent.status != "processing":
            raise NotPossible(f"no debit is processed: {intent.status}")
        self._timers.stop(intent.id, SETTLE)
        charge = self._latest(intent)
        if refused.code is None:
            self._charges.settle_debit(charge, at)
            self._succeed(intent, charge, at)
            return
        self._charges.fail_debit(charge, at, refused)
        method = self._objects.known(charge["payment_method"])
        told = decline_error(refused, charge=charge.id, payment_method=method.body)
        self._back(intent, at, told)
        self.on_failure(charge, at)

    def expire(self, intent: Thing, at: datetime) -> None:
        """The authorisation ended. What was captured before stays."""
        if intent.status != "requires_capture":
            raise NotPossible(f"nothing is authorised: {intent.status}")
        if intent["amount_received"]:
            self._succeed(intent, self._latest(intent), at)
            return
        self._end(intent, at, "expired", charge_event="charge.expired")

    def cancel_by_hand(self, intent: Thing, at: datetime, reason: str) -> None:
        if intent.status not in _CANCELLABLE:
            raise NotPossible(f"cancelled by hand: {intent.status}")
        self._end(intent, at, reason)

    # Steps

    def _confirmable(self, ask: Ask, body: Json) -> None:
        """Refuse a confirmation that lacks something, before anything was tried."""
        params = ask.params
        has_method = body["payment_method"] or text(params, "payment_method")
        if not has_method and "payment_method_data" not in params:
            message = "You cannot confirm this PaymentIntent because it's missing a payment method."
            raise conflict(message, "payment_intent_unexpected_state")
        automatic = body["automatic_payment_methods"] or {}
        is_redirected = automatic.get("allow_redirects") == "always"
        if is_redirected and not flag(params, "off_session") and not text(params, "return_url"):
            message = "This PaymentIntent may redirect the payer; pass return_url."
            raise invalid(message, param="return_url")

    def _confirm(self, intent: Thing, ask: Ask) -> Json:
        params, at = ask.params, ask.now
        intent.body |= intent_fields.changes(params)
        intent.key = ask.key or new_id("nokey")
        method = self._methods.named(ask, intent["payment_method"])
        types = intent["payment_method_types"]
        self._methods.usable(method, types, intent["currency"], intent["customer"])
        if method["type"] == "card" and intent["statement_descriptor"]:
            message = "Cards take a statement_descriptor_suffix, no statement_descriptor."
            raise invalid(message, param="statement_descriptor")
        is_saved = intent["setup_future_usage"] == "off_session"
        mandate = self._methods.mandate(ask, method, saved=is_saved)
        intent.hidden |= {"mandate": mandate, "return_url": text(params, "return_url")}
        changes = {"payment_method": method.id, "last_payment_error": None, "next_action": None}
        self._objects.save(intent, at, **changes)
        is_away = flag(params, "off_session")
        if not self._asks(method, is_away):
            return self._replied(self._attempt(intent, method, at, authenticated=False))
        if is_away or flag(params, "error_on_requires_action"):
            return self._replied(self._attempt(intent, method, at, refused=_DECLINED))
        action = payer.next_action(intent, ask.address)
        self._objects.save(
            intent, at, "payment_intent.requires_action", status="requires_action",
            next_action=action,
        )  # fmt: skip
        return intent.body

    def _asks(self, method: Thing, is_away: bool) -> bool:
        """Whether the issuer wants the payer to authenticate."""
        match self._methods.behaviour(method).asks:
            case "always":
                return True
            case "until_set_up":
                return not (is_away and method.hidden.get("set_up"))
            case "on_session":
                return not is_away
            case _:
                return False

    def _attempt(
        self, intent: Thing, method: Thing, at: datetime, *, refused: Behaviour | None = None,
        authenticated: bool = False,
    ) -> Thing:  # fmt: skip
        """Try to take the money, or to hold it."""
        refused = refused or self._methods.behaviour(method)
        charge = self._charges.make(intent, method, at, refused, authenticated)
        intent.body |= {"latest_charge": charge.id, "next_action": None}
        if charge.status == "failed":
            told = decline_error(refused, charge=charge.id, payment_method=method.body)
            return self._back(intent, at, told)
        method.hidden["used"] = True
        self._objects.save(method, at)
        if intent["setup_future_usage"] is not None:
            self._methods.save_for(method, intent["customer"], at)
        if charge.status == "pending":
            due = at + timedelta(seconds=self._delays["debit_after"] + refused.later)
            self._timers.add(intent.id, SETTLE, due, param=refused.kept())
            return self._objects.save(intent, at, "payment_intent.processing", status="processing")
        if not charge["captured"]:
            self._timers.add(intent.id, EXPIRE, self._charges.capture_before(intent, at))
            return self._objects.save(
                intent, at, "payment_intent.amount_capturable_updated", status="requires_capture",
                amount_capturable=intent["amount"],
            )  # fmt: skip
        return self._succeed(intent, charge, at)

    def _succeed(self, intent: Thing, charge: Thing, at: datetime) -> Thing:
        self._objects.save(
            intent, at, "payment_intent.succeeded", status="succeeded", amount_capturable=0,
            amount_received=charge["amount_captured"],
        )  # fmt: skip
        self.on_success(charge, at)
        return intent

    def _back(self, intent: Thing, at: datetime, told: Json) -> Thing:
        """A refused attempt: the payment waits for another payment method."""
        return self._objects.save(
            intent, at, "payment_intent.payment_failed", status="requires_payment_method",
            last_payment_error=told, payment_method=None, next_action=None,
        )  # fmt: skip

    def _end(
        self, intent: Thing, at: datetime, reason: str | None, charge_event: str = "charge.refunded"
    ) -> Thing:
        self._timers.stop(intent.id, EXPIRE, SETTLE)
        if intent.status == "requires_capture":
            self._charges.release(self._latest(intent), at, charge_event)
        return self._objects.save(
            intent, at, "payment_intent.canceled", status="canceled", cancellation_reason=reason,
            canceled_at=int(at.timestamp()), amount_capturable=0, next_action=None,
        )  # fmt: skip

    def _replied(self, intent: Thing) -> Json:
        """The PaymentIntent, or the error of an attempt that was declined."""
        told = intent["last_payment_error"]
        if told is None:
            return intent.body
        raise Refusal(402, {"error": {**told, "type": CARD, "payment_intent": intent.body}})

    # Small things

    def _intent(self, ask: Ask) -> Thing:
        return self._objects.get("payment_intent", ask.object_id, ask.account, "intent")

    def _latest(self, intent: Thing) -> Thing:
        return self._objects.known(intent["latest_charge"])

    def _is_multiple(self, charge: Thing) -> bool:
        card = charge["payment_method_details"].get("card") or {}
        return bool(card.get("multicapture", {}).get("status") == "available")

    def _require(self, intent: Thing, verb: str, *statuses: str) -> None:
        if intent.status not in statuses:
            self._unexpected(intent, f"You cannot {verb} it because its status is {intent.status}.")

    def _unexpected(self, intent: Thing, message: str) -> None:
        raise conflict(message, "payment_intent_unexpected_state", payment_intent=intent.body)


def declined(code: str) -> Behaviour:
    """A refusal with that code."""
    return Behaviour(code, code) if code else FINE
