"""SetupIntents: a payment method saved for later charges, without a charge."""

from __future__ import annotations

from datetime import datetime

from simulators.kit.replies import Json, Refusal
from simulators.kit.timers import NotPossible
from simulators.stripe import payer, wire
from simulators.stripe.charges import decline_error
from simulators.stripe.ids import new_id
from simulators.stripe.methods import DEBITS, Methods
from simulators.stripe.objects import Ask, Objects, Thing
from simulators.stripe.tokens import Behaviour
from simulators.stripe.wire import REQUEST, conflict, error, flag, nothing, text

_OPEN = ("requires_payment_method", "requires_confirmation", "requires_action")


class Setups:
    def __init__(self, objects: Objects, methods: Methods) -> None:
        self._objects = objects
        self._methods = methods

    def create(self, ask: Ask) -> Json:
        params = ask.params
        setup_id = new_id("seti")
        types = params.get("payment_method_types")
        customer = self._methods.customer(ask)
        has_method = text(params, "payment_method") or "payment_method_data" in params
        method = self._methods.named(ask) if has_method else None
        body = {
            "id": setup_id,
            **nothing("application cancellation_reason"),
            "automatic_payment_methods": None if types else {"enabled": True},
            "client_secret": f"{setup_id}_secret_{new_id('x')[2:]}",
            "customer": customer and customer.id,
            "description": text(params, "description"),
            **nothing("flow_directions last_setup_error latest_attempt mandate"),
            "metadata": wire.metadata({}, params),
            **nothing("next_action on_behalf_of"),
            "payment_method": method and method.id,
            "payment_method_options": {},
            "payment_method_types": types or ["card", *DEBITS],
            "single_use_mandate": None,
            "status": "requires_confirmation" if method else "requires_payment_method",
            "usage": text(params, "usage", among=("off_session", "on_session")) or "off_session",
        }
        setup = self._objects.add(
            "setup_intent", ask.account, ask.now, body, event="setup_intent.created", key=ask.key
        )
        if not flag(params, "confirm"):
            return setup.body
        return self._confirm(setup, method, ask)

    def confirm(self, ask: Ask) -> Json:
        setup = self._setup(ask, "confirm")
        has_method = text(ask.params, "payment_method") or "payment_method_data" in ask.params
        method = None
        if has_method or setup["payment_method"]:
            method = self._methods.named(ask, setup["payment_method"])
        return self._confirm(setup, method, ask)

    def cancel(self, ask: Ask) -> Json:
        setup = self._setup(ask, "cancel")
        among = ("abandoned", "duplicate", "requested_by_customer")
        reason = text(ask.params, "cancellation_reason", among=among)
        return self._objects.save(
            setup, ask.now, "setup_intent.canceled", status="canceled", cancellation_reason=reason,
            next_action=None,
        ).body  # fmt: skip

    def authenticated(self, setup: Thing, at: datetime, *, is_done: bool) -> Thing:
        """The payer completed the authentication or failed it."""
        if setup.status != "requires_action":
            raise NotPossible(f"the setup waits for nobody: {setup.status}")
        method = self._objects.known(setup["payment_method"])
        if is_done:
            return self._succeed(setup, method, at)
        told = error(
            REQUEST, "The payment method has failed authentication.",
            code="setup_intent_authentication_failure", payment_method=method.body,
        )["error"]  # fmt: skip
        return self._back(setup, at, told)

    def _confirm(self, setup: Thing, method: Thing | None, ask: Ask) -> Json:
        if method is None:
            message = "This SetupIntent is missing a payment method."
            raise conflict(message, "setup_intent_unexpected_state", setup_intent=setup.body)
        self._methods.usable(method, setup["payment_method_types"], "", setup["customer"])
        mandate = self._methods.mandate(ask, method, saved=True)
        behaviour = self._methods.behaviour(method)
        setup.body |= {"payment_method": method.id, "mandate": mandate, "last_setup_error": None}
        setup.hidden["return_url"] = text(ask.params, "return_url")
        if behaviour.asks in ("always", "until_set_up"):
            action = payer.next_action(setup, ask.address)
            return self._objects.save(
                setup, ask.now, "setup_intent.requires_action", status="requires_action",
                next_action=action,
            ).body  # fmt: skip
        if behaviour.code is not None and not behaviour.saves and method["type"] == "card":
            return self._declined(setup, method, behaviour, ask.now)
        return self._succeed(setup, method, ask.now).body

    def _declined(self, setup: Thing, method: Thing, refused: Behaviour, at: datetime) -> Json:
        told = decline_error(refused, payment_method=method.body)
        self._back(setup, at, told)
        raise Refusal(402, {"error": {**told, "setup_intent": setup.body}})

    def _back(self, setup: Thing, at: datetime, told: Json) -> Thing:
        return self._objects.save(
            setup, at, "setup_intent.setup_failed", status="requires_payment_method",
            last_setup_error=told, payment_method=None, next_action=None,
        )  # fmt: skip

    def _succeed(self, setup: Thing, method: Thing, at: datetime) -> Thing:
        self._methods.save_for(method, setup["customer"], at)
        return self._objects.save(
            setup, at, "setup_intent.succeeded", status="succeeded", next_action=None
        )

    def _setup(self, ask: Ask, verb: str) -> Thing:
        setup = self._objects.get("setup_intent", ask.object_id, ask.account, "intent")
        if setup.status not in _OPEN:
            message = f"You cannot {verb} it because its status is {setup.status}."
            raise conflict(message, "setup_intent_unexpected_state", setup_intent=setup.body)
        return setup
