"""What happens by itself or by others: due steps and interventions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from simulators.kit.clock import stamp
from simulators.kit.timers import NotPossible, Timer
from simulators.stripe import charges, disputes, intents, ledger, payouts, refunds
from simulators.stripe.charges import Charges
from simulators.stripe.disputes import Disputes
from simulators.stripe.intents import Intents, declined
from simulators.stripe.ledger import Ledger
from simulators.stripe.objects import Objects, Thing
from simulators.stripe.payouts import Payouts
from simulators.stripe.refunds import Refunds
from simulators.stripe.setups import Setups
from simulators.stripe.tokens import Behaviour


class Lifecycle:
    def __init__(
        self,
        objects: Objects,
        ledger: Ledger,
        charges: Charges,
        intents: Intents,
        setups: Setups,
        refunds: Refunds,
        disputes: Disputes,
        payouts: Payouts,
    ) -> None:
        self._objects = objects
        self._ledger = ledger
        self._charges = charges
        self._intents = intents
        self._setups = setups
        self._refunds = refunds
        self._disputes = disputes
        self._payouts = payouts

    def step(self, timer: Timer, at: datetime) -> None:
        """Execute a step that is due.

        Raises:
            NotPossible: the object has moved on.
        """
        if timer.rule is not None:
            self.happen(timer.payment_id, timer.step, timer.param, timer.rule, at)
            return
        thing = self._objects.known(timer.payment_id)
        match timer.step:
            case ledger.AVAILABLE:
                self._ledger.step(timer, at)
            case charges.BOOK:
                self._charges.book(thing.id, at)
            case intents.SETTLE:
                self._intents.debit_settles(thing, at, Behaviour.read(dict(timer.param)))
            case intents.EXPIRE:
                self._intents.expire(thing, at)
            case refunds.SETTLE:
                self._refunds.settle(thing, at)
            case refunds.FAIL:
                self._refunds.fail(thing, at, _REFUND_FAILURE)
            case disputes.DUE:
                self._disputes.evidence_is_due(thing, at)
            case disputes.DECIDE:
                self._disputes.decide(thing, at, str(timer.param["outcome"]))
            case payouts.SEND | payouts.PAY:
                self._payouts.step(timer, at)
            case step:
                raise NotPossible(step)

    def happen(
        self, object_id: str, what: str, param: Mapping[str, Any], rule: int | None, at: datetime
    ) -> None:
        """Do what an intervention says, and write it to the log of faults.

        Raises:
            NotPossible: not to this object, or not now.
        """
        about = self._objects.notices.about(object_id)
        thing = self._objects.known(object_id)
        reason = str(param.get("reason", ""))
        does: Mapping[str, Callable[[], object]] = {
            "payer_completes": lambda: self.payer(thing, at, is_done=True),
            "payer_fails": lambda: self.payer(thing, at, is_done=False),
            "settle_debit": lambda: self._intents.debit_settles(thing, at, declined("")),
            "decline_debit": lambda: self._intents.debit_settles(
                thing, at, declined(str(param.get("code", "insufficient_funds")))
            ),
            "expire_authorisation": lambda: self._intents.expire(thing, at),
            "decline_increments": lambda: self._intents.decline_increments(
                thing, at, str(param.get("decline_code", "generic_decline"))
            ),
            "cancel_by_hand": lambda: self._intents.cancel_by_hand(
                thing, at, reason or "requested_by_customer"
            ),
            "refund_by_hand": lambda: self._refund_by_hand(thing, at, param),
            "settle_refund": lambda: self._refunds.settle(thing, at),
            "require_refund_action": lambda: self._refunds.require_action(thing, at),
            "fail_refund": lambda: self._refunds.fail(thing, at, reason or _REFUND_FAILURE),
            "dispute": lambda: self._dispute(thing, at, param),
            "decide_dispute": lambda: self._disputes.decide(
                thing, at, str(param.get("outcome", "lost"))
            ),
            "early_fraud_warning": lambda: self._disputes.warn(
                self._charge(thing), at, str(param.get("fraud_type", "made_with_stolen_card"))
            ),
            "fail_payout": lambda: self._payouts.fail(thing, at, reason or "account_closed"),
        }
        if thing.kind not in _KINDS[what]:
            raise NotPossible(f"{what} of a {thing.kind}")
        does[what]()
        self._objects.book.fired(stamp(at), what, rule, about)

    def payer(self, thing: Thing, at: datetime, *, is_done: bool) -> Thing:
        """The payer authenticates a PaymentIntent or a SetupIntent, or fails to."""
        if thing.kind == "setup_intent":
            return self._setups.authenticated(thing, at, is_done=is_done)
        return self._intents.authenticated(thing, at, is_done=is_done)

    def charge_succeeded(self, charge: Thing, at: datetime) -> None:
        """What test cards do after their charge."""
        self._refunds.charge_decided(charge, at)
        match charge.hidden.get("then"):
            case "dispute":
                self._disputes.open(charge, at)
            case "dispute_product_not_received":
                self._disputes.open(charge, at, reason="product_not_received")
            case "dispute_twice":
                for _ in range(2):
                    half = charge["amount_captured"] // 2
                    self._disputes.open(charge, at, amount=half)
            case "inquiry":
                self._disputes.open(charge, at, inquiry=True)
            case "early_fraud_warning":
                self._disputes.warn(charge, at, "made_with_stolen_card")

    def _charge(self, thing: Thing) -> Thing:
        """The charge itself, or the last one of a PaymentIntent."""
        if thing.kind == "charge":
            return thing
        if thing["latest_charge"] is None:
            raise NotPossible("nothing was charged")
        return self._objects.known(thing["latest_charge"])

    def _refund_by_hand(self, thing: Thing, at: datetime, param: Mapping[str, Any]) -> None:
        charge = self._charge(thing)
        left = charge["amount_captured"] - charge["amount_refunded"]
        amount = int(param.get("amount", left))
        if not 0 < amount <= left:
            raise NotPossible(f"{left} can be refunded")
        self._refunds.start(charge, amount, "requested_by_customer", at)

    def _dispute(self, thing: Thing, at: datetime, param: Mapping[str, Any]) -> None:
        amount = param.get("amount")
        self._disputes.open(
            self._charge(thing),
            at,
            reason=str(param.get("reason", "fraudulent")),
            amount=None if amount is None else int(amount),
            inquiry=bool(param.get("inquiry")),
        )


_REFUND_FAILURE = "lost_or_stolen_card"
_INTENT = ("payment_intent",)
_TAKEN = ("payment_intent", "charge")
_KINDS = {
    **dict.fromkeys(("payer_completes", "payer_fails"), ("payment_intent", "setup_intent")),
    **dict.fromkeys(
        (
            "settle_debit",
            "decline_debit",
            "expire_authorisation",
            "decline_increments",
            "cancel_by_hand",
        ),
        _INTENT,
    ),
    **dict.fromkeys(("refund_by_hand", "dispute", "early_fraud_warning"), _TAKEN),
    **dict.fromkeys(("settle_refund", "require_refund_action", "fail_refund"), ("refund",)),
    "decide_dispute": ("dispute",),
    "fail_payout": ("payout",),
}
