"""Stripe's endpoints, and what each of them does."""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

from simulators.kit import partner as kit
from simulators.kit.partner import Answer, Call
from simulators.kit.replies import Json, Refusal, Reply, Row
from simulators.kit.timers import NotPossible, Timer
from simulators.stripe import payer, wire
from simulators.stripe.book import Book
from simulators.stripe.charges import Charges
from simulators.stripe.disputes import Disputes
from simulators.stripe.endpoints import ENDPOINTS, PARAMS, RESOURCES
from simulators.stripe.ids import new_id
from simulators.stripe.intents import Intents
from simulators.stripe.keys import Keys
from simulators.stripe.ledger import Ledger
from simulators.stripe.lifecycle import Lifecycle
from simulators.stripe.menu import INTERVENTIONS, OWN_FAULTS
from simulators.stripe.methods import Methods
from simulators.stripe.notices import Notices, Target
from simulators.stripe.objects import Ask, Objects
from simulators.stripe.payouts import Payouts
from simulators.stripe.refunds import Refunds
from simulators.stripe.setups import Setups
from simulators.stripe.wire import Invalid, invalid

# Stripe did not issue this key; it works with simulators only.
SIMULATOR_API_KEY = "sk_test_simulator"
ACCOUNT = "acct_simulated"
DEFAULT_BALANCES = tuple(f"{each}=10000000" for each in ("eur", "gbp", "jpy", "kwd", "usd"))
_DAY = 86_400.0
_KEY = "api_key"
_ACCOUNTS = "accounts"
_VERSION = re.compile(r"\d{4}-\d{2}-\d{2}(\.\w+)?")


class Partner(kit.Partner):
    endpoints = ENDPOINTS
    interventions = INTERVENTIONS
    own_faults = OWN_FAULTS
    usual_delays: ClassVar[Mapping[str, float]] = {
        # Until a bank debit settles or fails; at Stripe about five business days.
        "debit_after": 2.0,
        # Until a charge that is captured asynchronously has its balance transaction.
        "book_after": 0.2,
        # Until a charge can be paid out; at Stripe two business days and more.
        "available_after": 2.0,
        # Until a refund that begins as pending succeeds, or one that fails does so.
        "refund_after": 1.0,
        "payout_sent_after": 0.5,
        "payout_paid_after": 1.0,
        "payout_instant_after": 0.2,
        # From the submission of evidence that decides a dispute.
        "decide_after": 1.0,
        "evidence_due": 7 * _DAY,
        "authorisation_lasts": 7 * _DAY,
        "search_lag": 60.0,
        "key_kept": _DAY,
        "events_kept": 30 * _DAY,
    }
    body = "form"
    key = "idempotency-key"
    book: Book
    notices: Notices

    def __init__(self, file: Path) -> None:
        """Open the book.

        Raises:
            sqlite3.Error: it cannot be opened.
        """
        super().__init__(Book(file), Notices, Target)
        self.notices.main_account = ACCOUNT
        self._request_id = ""
        self._made: str | None = None
        self._slow = 0.0
        objects = self.objects = Objects(self.book, self.notices)
        self.keys = Keys(self.book, self.delays)
        ledger = self.ledger = Ledger(objects, self.timers, self.delays)
        self._methods = methods = Methods(objects)
        charges = Charges(objects, methods, ledger, self.timers, self.delays)
        self._intents = Intents(objects, methods, charges, self.timers, self.delays)
        self._setups = Setups(objects, methods)
        self._refunds = Refunds(objects, ledger, self.timers, self.delays)
        self._disputes = Disputes(objects, ledger, self.timers, self.delays)
        self._payouts = Payouts(objects, ledger, self.timers, self.delays)
        self.lifecycle = Lifecycle(
            objects, ledger, charges, self._intents, self._setups, self._refunds, self._disputes,
            self._payouts,
        )  # fmt: skip
        self._intents.on_success = self.lifecycle.charge_succeeded
        self._intents.on_failure = self._refunds.charge_decided
        self._refunds.on_refund = self._disputes.charge_refunded
        self._does: Mapping[str, Callable[[Ask], Json]] = {
            "create_payment_intent": self._intents.create,
            "update_payment_intent": self._intents.update,
            "confirm_payment_intent": self._intents.confirm,
            "capture_payment_intent": self._intents.capture,
            "cancel_payment_intent": self._intents.cancel,
            "increment_payment_intent": self._intents.increment,
            "create_setup_intent": self._setups.create,
            "confirm_setup_intent": self._setups.confirm,
            "cancel_setup_intent": self._setups.cancel,
            "create_refund": self._refunds.create,
            "update_refund": self._refunds.update,
            "cancel_refund": self._refunds.cancel,
            "update_dispute": self._disputes.update,
            "close_dispute": self._disputes.close,
            "create_payout": self._payouts.create,
            "update_payout": self._payouts.update,
            "cancel_payout": self._payouts.cancel,
            "create_customer": methods.create_customer,
            "delete_customer": methods.delete_customer,
            "create_payment_method": methods.create_method,
            "read_payment_method": methods.read_method,
            "attach_payment_method": methods.attach,
            "detach_payment_method": methods.detach,
            "balance": ledger.balance,
        }

    def furnish(
        self,
        *,
        api_key: str | None = None,
        balances: Sequence[str] = DEFAULT_BALANCES,
        delays: Mapping[str, float] | None = None,
    ) -> None:
        """Set the API key, top up the balances of a new book, and change delays.

        Args:
            balances: each as `eur=1000`, in minor units.
            delays: some of `usual_delays`, in seconds.

        Raises:
            ValueError: there is no such delay, or a balance is not a number.
        """
        with self.book.transaction():
            if not self.book.rows("SELECT * FROM balances"):
                for each in balances:
                    currency, _, amount = each.partition("=")
                    self.ledger.top_up(ACCOUNT, int(amount), currency, self.clock.now())
        if api_key is not None:
            self.book.keep_setting(_KEY, api_key)
        self.delays.change(delays or {})

    def open_account(self, account: str) -> None:
        """Add a connected account, which requests name in `Stripe-Account`."""
        known = (self.book.setting(_ACCOUNTS) or "").split()
        self.book.keep_setting(_ACCOUNTS, " ".join([*known, account]))

    # What the kit asks

    def authenticate(self, call: Call, now: datetime) -> str:
        """The account that the request acts for."""
        if call.endpoint.startswith("payer_"):
            return ACCOUNT
        key = self.book.setting(_KEY) or SIMULATOR_API_KEY
        if not hmac.compare_digest(_api_key(call).encode(), key.encode()):
            raise Refusal(401, wire.words("unauthorised", {}).body)
        account = call.headers.get("stripe-account", ACCOUNT)
        if account != ACCOUNT and account not in (self.book.setting(_ACCOUNTS) or "").split():
            message = "The key does not have access to that account, or it does not exist."
            raise invalid(message, status=403, code="account_invalid")
        return account

    def answer(self, call: Call) -> Answer:
        self._request_id, self._made, self._slow = new_id("req"), None, 0.0
        answer = super().answer(call)
        self._made, self.notices.request = None, (None, None)
        headers = answer.reply.headers
        headers["Request-Id"] = self._request_id
        headers["Stripe-Version"] = call.headers.get("stripe-version", self.notices.api_version)
        if self.key in call.headers:
            headers["Idempotency-Key"] = call.headers[self.key]
        return replace(answer, wait_seconds=answer.wait_seconds + self._slow)

    def do(self, call: Call, person: str, now: datetime) -> Reply:
        if call.endpoint.startswith("payer_"):
            return self._pay(call, now)
        version = call.headers.get("stripe-version", self.notices.api_version)
        if not _VERSION.fullmatch(version):
            raise invalid(f"Invalid Stripe API version: {version}")
        for fault in ("key_in_use", "lock_timeout"):
            if (rule := self.ordered(call, fault, now)) is not None:
                return wire.words(fault, rule.param)
        key = call.headers.get(self.key) if call.method == "POST" else None
        if key is None:
            return self._executed(call, person, now, None)
        if (kept := self.keys.replay(person, key, call, now)) is not None:
            return kept
        cached = self.ordered(call, "error_500_cached", now)
        reply = wire.words("internal_error", {} if cached is None else cached.param)
        if cached is None or cached.param.get("executed", True):
            try:
                done = self._executed(call, person, now, key)
            except Invalid:
                raise
            except Refusal as refusal:
                done = refusal.reply()
            reply = done if cached is None else reply
        self.keys.keep(person, key, call, reply, self._request_id, now)
        if (slow := self.ordered(call, "in_flight", now)) is not None:
            self._slow = float(slow.param.get("seconds", 1))
            self.keys.hold(person, key, self._slow)
        return reply

    def subject(self, call: Call) -> Row | None:
        """The object that a request is about, with the fields of its body."""
        key = call.headers.get(self.key)
        about = call.object_id or self._made or (key and self.keys.object_id(key)) or ""
        row = self.book.row("SELECT * FROM objects WHERE id = ?", about)
        if row is None:
            return None
        body = self.objects.known(row["id"]).body
        metadata = {f"metadata[{name}]": told for name, told in body.get("metadata", {}).items()}
        return {**body, **metadata, **row, "status": body.get("status", "")}

    def step(self, timer: Timer, at: datetime) -> None:
        self.lifecycle.step(timer, at)

    def apply(
        self,
        object_id: str,
        intervention: str,
        param: Mapping[str, Any],
        rule: int | None,
        now: datetime,
    ) -> None:
        if rule is None:
            self.lifecycle.happen(object_id, intervention, param, None, now)
            return
        due = now + timedelta(seconds=float(param.get("after_seconds", 0)))
        self.timers.add(object_id, intervention, due, rule, param)

    def words(self, fault: str, param: Mapping[str, Any]) -> Reply:
        return wire.words(fault, param)

    def another(self, reply: Reply, person: str) -> Json | None:
        body = reply.body
        if not isinstance(body, dict) or reply.status != 200:
            return None
        shown = body.get("data", [body])
        if not shown:
            return None
        found = [each["id"] for each in shown if "id" in each]
        sql = "SELECT id FROM objects WHERE kind = ? AND account = ? ORDER BY seq DESC"
        rows = self.book.rows(sql, shown[0]["object"], person)
        other = next((row["id"] for row in rows if row["id"] not in found), None)
        return None if other is None else self.objects.known(other).body

    def found_only(self, reply: Reply, another: Json | None) -> Reply | None:
        """Of a list the other object alone; in place of one object the other, or nothing."""
        body = reply.body
        if not isinstance(body, dict) or reply.status != 200:
            return None
        if "data" in body:
            if another is None and not body["data"]:
                return None
            return Reply(200, {**body, "data": [another] if another else [], "has_more": False})
        if another is not None:
            return Reply(200, another)
        return wire.missing_object(str(body.get("object")), str(body.get("id"))).reply()

    # What clients and payers ask

    def _executed(self, call: Call, account: str, now: datetime, key: str | None) -> Reply:
        params = wire.nested(call.lists)
        ask = Ask(params, account, now, call.object_id, key, call.address)
        self.notices.request = (self._request_id, key)
        if (allowed := PARAMS.get(call.endpoint)) is not None:
            wire.only(params, allowed)
        does = self._does.get(call.endpoint)
        body = does(ask) if does else self._generic(call, ask)
        self._made, self.notices.request = body.get("id"), (None, None)
        if "expand" in params:
            body = self.objects.expanded(body, params, account)
        return Reply(200, body)

    def _generic(self, call: Call, ask: Ask) -> Json:
        """Read, list, search or relabel objects of a kind."""
        verb, kind = call.endpoint.split(" ")
        match verb:
            case "list":
                oldest = self._oldest(kind, ask.now)
                return self.objects.page(kind, ask, call.path, RESOURCES[kind], oldest)
            case "search":
                lag = self.delays["search_lag"]
                return self.objects.search(kind, ask, call.path, lag)
            case "update":
                thing = self.objects.get(kind, call.object_id, ask.account)
                told = wire.metadata(thing["metadata"], ask.params)
                texts = ("description", "email", "name", "phone")
                also = {name: wire.text(ask.params, name) for name in texts if name in ask.params}
                event = f"{kind}.updated"
                return self.objects.save(thing, ask.now, event, metadata=told, **also).body
            case _:
                thing = self.objects.get(kind, call.object_id, ask.account)
                if thing.body.get("created", 0) < self._oldest(kind, ask.now):
                    raise wire.missing_object(kind, call.object_id)
                return thing.body

    def _oldest(self, kind: str, now: datetime) -> int:
        """Unix seconds; of a kind that is not kept for ever, what is older is not shown."""
        kept = timedelta(seconds=self.delays["events_kept"])
        return int((now - kept).timestamp()) if kind == "event" else 0

    def _pay(self, call: Call, now: datetime) -> Reply:
        """The payer opens the page, or presses one of its buttons."""
        try:
            thing = self.objects.known(call.object_id)
        except NotPossible:
            return payer.over()
        if not payer.is_current(thing, call.fields.get("attempt")):
            return payer.over()
        if call.method == "GET":
            return payer.page(thing)
        is_done = call.fields.get("outcome") == "complete"
        return payer.back(self.lifecycle.payer(thing, now, is_done=is_done))


def _api_key(call: Call) -> str:
    """The key of a bearer token, or the user name of basic authentication."""
    scheme, _, told = call.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return told
    try:
        return base64.b64decode(told, validate=True).decode().split(":", 1)[0]
    except (binascii.Error, UnicodeDecodeError):
        return ""
