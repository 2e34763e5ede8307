"""Customers, payment methods and mandates."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from simulators.kit.replies import Json
from simulators.stripe import tokens, wire
from simulators.stripe.objects import Ask, Objects, Thing
from simulators.stripe.tokens import FINE, Behaviour
from simulators.stripe.wire import conflict, invalid, missing_object, needed, nothing, text

#: Bank debits: what a mandate of each shows, and the only currency they are in.
DEBITS: dict[str, Json] = {
    "sepa_debit": {"reference": "SIMULATED", "url": "https://payments.stripe.com/mandate"},
    "us_bank_account": {},
}
CURRENCIES = {"sepa_debit": "eur", "us_bank_account": "usd"}


class Methods:
    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    # Customers

    def create_customer(self, ask: Ask) -> Json:
        body = {
            **nothing("address currency default_source description email name phone shipping"),
            "balance": 0,
            "delinquent": False,
            "discount": None,
            "invoice_prefix": "SIMULATE",
            "invoice_settings": nothing(
                "custom_fields default_payment_method footer rendering_options"
            ),
            "next_invoice_sequence": 1,
            "preferred_locales": [],
            "tax_exempt": "none",
            "test_clock": None,
            "metadata": wire.metadata({}, ask.params),
            **_given(ask.params, "description email name phone"),
        }
        customer = self._objects.add(
            "customer", ask.account, ask.now, body, event="customer.created", key=ask.key
        )
        if text(ask.params, "payment_method"):
            self._attach(self.named(ask), customer, ask.now)
        return customer.body

    def delete_customer(self, ask: Ask) -> Json:
        customer = self._objects.get("customer", ask.object_id, ask.account)
        for method in self._objects.of("payment_method", "customer", customer.id):
            self._objects.save(method, ask.now, customer=None)
        self._objects.save(customer, ask.now, "customer.deleted", deleted=True)
        return {"id": customer.id, "object": "customer", "deleted": True}

    # Payment methods

    def create_method(self, ask: Ask) -> Json:
        needed(ask.params, "type")
        return self._made(ask, ask.params).body

    def read_method(self, ask: Ask) -> Json:
        return self._method(ask.object_id, ask, "payment_method").body

    def attach(self, ask: Ask) -> Json:
        needed(ask.params, "customer")
        method = self._method(ask.object_id, ask, "payment_method")
        customer = self.customer(ask)
        assert customer is not None
        return self._attach(method, customer, ask.now).body

    def detach(self, ask: Ask) -> Json:
        method = self._objects.get("payment_method", ask.object_id, ask.account)
        if method["customer"] is None:
            raise conflict("It is not attached to a customer.", "payment_method_unexpected_state")
        method.hidden["used"] = True
        return self._objects.save(method, ask.now, "payment_method.detached", customer=None).body

    def customer(self, ask: Ask) -> Thing | None:
        """The customer that a request names."""
        named = text(ask.params, "customer")
        if named is None:
            return None
        found = self._objects.get("customer", named, ask.account, "customer")
        if found.body.get("deleted"):
            raise missing_object("customer", named, "customer")
        return found

    def named(self, ask: Ask, otherwise: str | None = None) -> Thing:
        """The payment method that a request names, gives the data of, or that was there before.

        Raises:
            Invalid: there is none.
        """
        data = ask.params.get("payment_method_data")
        if isinstance(data, dict):
            return self._made(ask, data)
        named = text(ask.params, "payment_method") or otherwise
        return self._method(named or "", ask, "payment_method")

    def behaviour(self, method: Thing) -> Behaviour:
        return Behaviour.read(method.hidden)

    def usable(self, method: Thing, types: list[str], currency: str, customer: str | None) -> None:
        """Refuse a payment method that cannot pay this.

        Raises:
            Refusal: in Stripe's words.
        """
        kind = method["type"]
        if types and kind not in types:
            message = f"The PaymentMethod provided ({kind}) is not allowed for this PaymentIntent."
            raise invalid(message, param="payment_method")
        if currency and CURRENCIES.get(kind, currency) != currency:
            message = f"The currency {currency} is not supported by {kind}."
            raise invalid(message, code="payment_method_currency_mismatch", param="currency")
        if method["customer"] is not None and method["customer"] != customer:
            message = "The payment method belongs to a Customer. Include the Customer."
            raise invalid(message, param="payment_method")
        if method.hidden.get("used") and method["customer"] is None:
            message = "This PaymentMethod was used or detached, and may not be used again."
            raise conflict(message, "payment_method_unexpected_state", param="payment_method")

    def mandate(self, ask: Ask, method: Thing, *, saved: bool) -> str | None:
        """The mandate of a bank debit: given now or before. None for cards.

        Raises:
            Invalid: a debit without a mandate.
        """
        kind = method["type"]
        if kind not in DEBITS:
            return None
        named = text(ask.params, "mandate") or method.hidden.get("mandate")
        if named is not None:
            return self._objects.get("mandate", named, ask.account, "mandate").id
        data = ask.params.get("mandate_data")
        if not isinstance(data, dict):
            message = "This debit needs a mandate: pass mandate_data, or the mandate given before."
            raise invalid(message, code="payment_intent_mandate_invalid", param="mandate_data")
        asked = data.get("customer_acceptance", {})
        accepted = asked.get("type", "online") if isinstance(asked, dict) else "online"
        online = {"ip_address": "127.0.0.1", "user_agent": "simulated"}
        body = {
            "customer_acceptance": {
                "accepted_at": int(ask.now.timestamp()),
                "type": accepted,
                accepted: online if accepted == "online" else {},
            },
            "payment_method": method.id,
            "payment_method_details": {"type": kind, kind: DEBITS[kind]},
            "status": "active",
            "type": "multi_use" if saved else "single_use",
            ("multi_use" if saved else "single_use"): {}
            if saved
            else {"amount": int(ask.params.get("amount", 0)), "currency": CURRENCIES[kind]},
        }
        mandate = self._objects.add("mandate", ask.account, ask.now, body, key=ask.key)
        if saved:
            method.hidden["mandate"] = mandate.id
            self._objects.save(method, ask.now)
        return mandate.id

    def save_for(self, method: Thing, customer: str | None, at: datetime) -> None:
        """The payer agreed to later charges without being there."""
        method.hidden["set_up"] = True
        self._objects.save(method, at)
        if customer is not None and method["customer"] is None:
            self._attach(method, self._objects.known(customer), at)

    def _attach(self, method: Thing, customer: Thing, at: datetime) -> Thing:
        if method["customer"] not in (None, customer.id):
            message = "The payment method is attached to another customer."
            raise conflict(message, "payment_method_unexpected_state")
        return self._objects.save(method, at, "payment_method.attached", customer=customer.id)

    def _method(self, named: str, ask: Ask, param: str) -> Thing:
        """The payment method; a test token makes a new one each time."""
        made = tokens.made(named)
        if made is None:
            return self._objects.get("payment_method", named, ask.account, param)
        return self._new(ask, made[0], made[1], {})

    def _made(self, ask: Ask, data: Json) -> Thing:
        kind = text(data, "type", among=("card", *DEBITS)) or "card"
        given: Any = data.get(kind, {})
        given = given if isinstance(given, dict) else {}
        if kind == "card":
            if "number" in given:
                message = "Card numbers are not accepted; use a token."
                raise invalid(message, status=402, param="card[number]")
            token = str(given.get("token", "tok_visa")).replace("tok_", "pm_card_", 1)
            made = tokens.made(token)
            if made is None:
                raise missing_object("token", str(given.get("token")), "card[token]")
        elif kind == "sepa_debit":
            iban = str(given.get("iban", ""))
            if not iban[:2].isalpha() or len(iban) < 15:
                raise invalid("Invalid IBAN.", code="invalid_bank_account_iban", param="iban")
            made = tokens.sepa(iban[:2], iban[-4:]), tokens.of_iban(iban)
        else:
            made = tokens.ach(str(given.get("account_number", "6789"))[-4:]), FINE
        return self._new(ask, made[0], made[1], data)

    def _new(self, ask: Ask, shown: Json, behaviour: Behaviour, data: Json) -> Thing:
        asked: Any = data.get("billing_details", {})
        billing = {
            "address": nothing("city country line1 line2 postal_code state"),
            **nothing("email name phone tax_id"),
            **_given(asked if isinstance(asked, dict) else {}, "email name phone"),
        }
        body = {
            "allow_redisplay": "unspecified",
            "billing_details": billing,
            "customer": None,
            "metadata": wire.metadata({}, data),
            **shown,
        }
        return self._objects.add(
            "payment_method", ask.account, ask.now, body, hidden=behaviour.kept(), key=ask.key
        )


def _given(params: Json, names: str) -> Json:
    return {name: text(params, name) for name in names.split() if name in params}
