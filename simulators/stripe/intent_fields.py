"""The fields of a PaymentIntent: those of a new one, and those that a request changes."""

from __future__ import annotations

import re

from simulators.kit.replies import Json
from simulators.stripe import wire
from simulators.stripe.ids import new_id
from simulators.stripe.methods import DEBITS
from simulators.stripe.wire import flag, invalid, nothing, text

_CAPTURES = ("automatic", "automatic_async", "manual")
_TEXTS = "description receipt_email statement_descriptor statement_descriptor_suffix"
_DESCRIPTOR = re.compile(r"(?=.*[A-Za-z])[^<>\\'\"*]{1,22}")


def new(params: Json, amount: int, currency: str, customer: str | None) -> Json:
    """A new PaymentIntent, without a payment method.

    Raises:
        Refusal: a value is not allowed.
    """
    types = params.get("payment_method_types") or []
    asked_methods = params.get("automatic_payment_methods") or {}
    automatic = None
    if flag(asked_methods, "enabled") or not types:
        redirects = text(asked_methods, "allow_redirects", among=("always", "never"))
        automatic = {"allow_redirects": redirects or "always", "enabled": True}
    intent_id = new_id("pi")
    return {
        "id": intent_id,
        "amount": amount,
        "amount_capturable": 0,
        "amount_details": {"tip": {}},
        "amount_received": 0,
        **nothing("application application_fee_amount canceled_at cancellation_reason"),
        "automatic_payment_methods": automatic,
        "capture_method": "automatic_async",
        "client_secret": f"{intent_id}_secret_{new_id('x')[2:]}",
        "confirmation_method": "automatic",
        "currency": currency,
        "customer": customer,
        "last_payment_error": None,
        "latest_charge": None,
        "metadata": wire.metadata({}, params),
        **nothing("next_action on_behalf_of payment_method processing review"),
        "payment_method_options": {},
        "payment_method_types": types or ["card", *DEBITS],
        "setup_future_usage": None,
        "shipping": None,
        **nothing(_TEXTS),
        "status": "requires_payment_method",
        **nothing("transfer_data transfer_group"),
        **changes(params),
    }


def changes(params: Json) -> Json:
    """What a request changes, by the parameters that it has.

    Raises:
        Refusal: a value is not allowed.
    """
    changed: Json = {name: text(params, name) for name in _TEXTS.split() if name in params}
    for name in ("statement_descriptor", "statement_descriptor_suffix"):
        if not _DESCRIPTOR.fullmatch(changed.get(name) or "a"):
            message = f"The {name} has at most 22 characters, a letter, and none of <>\\'\"*"
            raise invalid(message, param=name)
    for name, among in (
        ("capture_method", _CAPTURES),
        ("confirmation_method", ("automatic", "manual")),
        ("setup_future_usage", ("off_session", "on_session")),
    ):
        if (value := text(params, name, among=among)) is not None:
            changed[name] = value
    for name in ("payment_method_options", "payment_method_types", "shipping"):
        if params.get(name):
            changed[name] = params[name]
    return changed
