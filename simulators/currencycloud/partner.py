"""The partner behind the HTTP server: one call in, one answer out, committed before it leaves."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from simulators.currencycloud import corridors, spoilt
from simulators.currencycloud.accounts import Accounts
from simulators.currencycloud.approvals import Approvals
from simulators.currencycloud.beneficiaries import Beneficiaries
from simulators.currencycloud.book import Book
from simulators.currencycloud.clock import Clock, stamp
from simulators.currencycloud.faults import Faults, Rule, Stage
from simulators.currencycloud.ledger import Ledger
from simulators.currencycloud.lifecycle import Lifecycle
from simulators.currencycloud.menu import AFTER, BEFORE, DELAY, INTERVENTIONS
from simulators.currencycloud.notices import Notices
from simulators.currencycloud.payments import Payments
from simulators.currencycloud.quotas import Quotas
from simulators.currencycloud.sessions import Person, Sessions
from simulators.currencycloud.targets import Targets
from simulators.currencycloud.wire import Json, Refusal, Reply, Row

LOGIN = "log_in"

DEFAULT_LOGIN = "demo@finality.test"
# No partner issued this key; it works with simulators only.
SIMULATOR_API_KEY = "51" * 32
DEFAULT_BALANCES = tuple(
    f"{currency}=10000000.00" for currency in ("EUR", "GBP", "JPY", "KWD", "USD")
)

#: In the order of their documentation; the first match counts.
ENDPOINTS: tuple[tuple[str, str, str], ...] = (
    ("POST", "/v2/authenticate/api", LOGIN),
    ("POST", "/v2/authenticate/close_session", "close_session"),
    ("GET", "/v2/balances/find", "find_balances"),
    ("GET", "/v2/balances/{id}", "read_balance"),
    ("POST", "/v2/beneficiaries/validate", "validate_beneficiary"),
    ("POST", "/v2/beneficiaries/create", "create_beneficiary"),
    ("GET", "/v2/beneficiaries/find", "find_beneficiaries"),
    ("POST", "/v2/beneficiaries/find", "find_beneficiaries"),
    ("GET", "/v2/beneficiaries/{id}", "read_beneficiary"),
    ("POST", "/v2/contacts/generate_hmac_key", "generate_hmac_key"),
    ("POST", "/v2/payments/create", "create_payment"),
    ("GET", "/v2/payments/find", "find_payments"),
    ("POST", "/v2/payments/authorise", "authorise_payments"),
    ("POST", "/v2/payments/{id}/delete", "delete_payment"),
    ("POST", "/v2/payments/{id}/notifications/retry", "retry_notification"),
    ("GET", "/v2/payments/{id}", "read_payment"),
    ("POST", "/v2/payments/{id}", "update_payment"),
    (
        "GET",
        "/v2/reference/beneficiary_required_details",
        "beneficiary_required_details",
    ),
    ("GET", "/v2/reference/payer_required_details", "payer_required_details"),
    ("GET", "/v2/transactions/find", "find_transactions"),
    ("GET", "/v2/transactions/{id}", "read_transaction"),
)


@dataclass(frozen=True)
class Call:
    """A request, without its transport."""

    method: str
    path: str
    endpoint: str
    fields: Mapping[str, str]
    lists: Mapping[str, list[str]] = field(default_factory=dict)
    token: str | None = None
    object_id: str = ""


@dataclass(frozen=True)
class Answer:
    """A reply, the wait before it, and the fault on its way.

    Attributes:
        spoiler: the rule that loses, cuts or drips the reply, if there is one.
        after: deliveries of notifications that have to arrive before the reply leaves.
    """

    reply: Reply
    spoiler: Rule | None = None
    wait_seconds: float = 0.0
    after: Sequence[int] = ()


class Partner:
    def __init__(self, file: Path) -> None:
        """Open the book.

        Raises:
            sqlite3.Error: it cannot be opened.
        """
        self.book = Book(file)
        self.clock = Clock(self.book)
        self.accounts = Accounts(self.book)
        self.sessions = Sessions(self.book)
        self.quotas = Quotas(self.book)
        self.faults = Faults(self.book)
        self.targets = Targets(self.book)
        self.notices = Notices(self.book, self.faults, self.targets)
        self.approvals = Approvals(self.book)
        self.lifecycle = Lifecycle(self.book, self.notices, self.approvals)
        self.payments = Payments(
            self.book, self.accounts, self.lifecycle, self.approvals, self.notices
        )
        self.beneficiaries = Beneficiaries(self.book, self.accounts)
        self.ledger = Ledger(self.book, self.accounts)

    def furnish(
        self,
        *,
        login_id: str = DEFAULT_LOGIN,
        api_key: str = SIMULATOR_API_KEY,
        balances: Sequence[str] = DEFAULT_BALANCES,
        contacts: Sequence[str] = (),
        delays: Mapping[str, float] | None = None,
        authorisation_steps: int | None = None,
    ) -> None:
        """Add the login and the sub-accounts, and fund the balances of a new book.

        Args:
            balances: each as `EUR=10.00`.
            contacts: contact ids of the sub-accounts.
            delays: fields of `Delays` to change, in seconds.
            authorisation_steps: how many people authorise each payment of the main account.

        Raises:
            TypeError: there is no such delay.
            ValueError: a balance is not an amount, or `authorisation_steps` is negative.
        """
        with self.book.transaction():
            account_id = self.accounts.main()["id"]
            if not self.accounts.has_balances(account_id):
                for balance in balances:
                    currency, _, amount = balance.partition("=")
                    self.accounts.fund(account_id, amount, currency, self.clock.now())
            self.sessions.open_login(login_id, api_key, account_id)
            for contact_id in contacts:
                self.accounts.open("Client", contact_id=contact_id, parent_id=account_id)
            self.lifecycle.change_delays(delays or {})
            if authorisation_steps is not None:
                self.approvals.require(account_id, authorisation_steps)

    def wait_before(self, call: Call) -> float:
        """Seconds until the partner begins to handle the request."""
        seconds = self.lifecycle.delays.latency
        with self.book.transaction():
            payment = self._payment(call)
            for rule in self._rules(call, payment, "early"):
                self._fire(rule, call, payment, self.clock.now(), None)
                seconds += float(rule.param.get("seconds", 1))
        return seconds

    def answer(self, call: Call) -> Answer:
        """Execute the request, or the fault that a rule has for it.

        When this returns, all changes are on disk, including the count of failed logins.
        """
        with self.book.transaction():
            now = self.clock.now()
            self.lifecycle.progress(now)
            try:
                self.quotas.count(call.method, call.path, now)
            except Refusal as refusal:
                self._log("quota", None, call, self._payment(call), now, refusal.status)
                return Answer(refusal.reply())
            try:
                # A login has no session yet.
                is_login = call.endpoint == LOGIN
                person = Person("", "") if is_login else self.sessions.use(call.token, now)
            except Refusal as refusal:
                return Answer(refusal.reply())
            return self._answer(call, person, now)

    def _answer(self, call: Call, person: Person, now: datetime) -> Answer:
        payment = self._payment(call)
        rules = self._rules(call, payment, "answer")
        spoilers = [rule for rule in rules if rule.fault in (*BEFORE, *AFTER)]
        first = spoilers[0] if spoilers else None
        if first is not None and first.fault in BEFORE:
            if first.fault == "unauthorised":
                self.sessions.end(call.token)
            self._fire(first, call, payment, now, None)
            return Answer(spoilt.instead(first), first)
        try:
            with self.notices.during_request():
                reply = Reply(200, self._do(call, person, now))
        except Refusal as refusal:
            reply = refusal.reply()
        early = self.notices.outbox.take_early()
        # Read again, because a create has only just made the payment.
        payment = self._payment(call)
        for rule in rules:
            if rule.fault in INTERVENTIONS and payment is not None and reply.status == 200:
                self.faults.pick(rule)
                self.lifecycle.apply(payment["id"], rule.fault, rule.param, rule.id, now)
        self.lifecycle.progress(now)
        wait = 0.0
        for rule in rules:
            if rule.fault == DELAY:
                self._fire(rule, call, payment, now, reply.status)
                wait += float(rule.param.get("seconds", 1))
        for rule in spoilers:
            changed = spoilt.spoil(rule, reply, self._another(rule, reply, person.account_id))
            if changed is not None:
                self._fire(rule, call, payment, now, reply.status)
                return Answer(changed, rule, wait, early)
        return Answer(reply, None, wait, early)

    def _rules(self, call: Call, payment: Row | None, stage: Stage) -> list[Rule]:
        """The rules that match the request's fields, or its payment's if the request lacks them."""
        known = {name: str(value) for name, value in (payment or {}).items()}
        about = {**known, **call.fields}
        return self.faults.fitting(call.method, call.path, about, stage)

    def _payment(self, call: Call) -> Row | None:
        """The payment that a request is about, by its path, its key or `related_entity_id`."""
        payment_id = call.fields.get("related_entity_id", "")
        if call.path.startswith("/v2/payments/") and call.object_id:
            payment_id = call.object_id
        elif "unique_request_id" in call.fields:
            return self.payments.by_key(call.fields["unique_request_id"])
        return self.book.row("SELECT * FROM payments WHERE id = ?", payment_id)

    def _fire(
        self,
        rule: Rule,
        call: Call,
        payment: Row | None,
        now: datetime,
        reply_status: int | None,
    ) -> None:
        self.faults.pick(rule)
        self._log(rule.fault, rule.id, call, payment, now, reply_status)

    def _log(
        self,
        fault: str,
        rule: int | None,
        call: Call,
        payment: Row | None,
        now: datetime,
        reply_status: int | None,
    ) -> None:
        known = payment or {}
        self.book.fired(
            stamp(now),
            fault,
            rule,
            payment_id=known.get("id"),
            payment_status=known.get("status"),
            unique_request_id=(payment or call.fields).get("unique_request_id"),
            request=f"{call.method} {call.path}",
            reply_status=reply_status,
        )

    def _another(self, rule: Rule, reply: Reply, account_id: str) -> Json | None:
        if rule.fault != "finds_another" or not isinstance(reply.body, dict):
            return None
        found = [payment["id"] for payment in reply.body.get("payments", [])]
        return self.payments.another(found, account_id)

    def _do(self, call: Call, person: Person, now: datetime) -> Json:
        fields, object_id, account_id = call.fields, call.object_id, person.account_id
        payment_ids = call.lists.get("payment_ids[]", [])
        does: Mapping[str, Callable[[], Json]] = {
            LOGIN: lambda: {"auth_token": self.sessions.log_in(fields, now)},
            "close_session": lambda: self._close_session(call),
            "find_balances": lambda: self.ledger.find_balances(account_id, fields),
            "read_balance": lambda: self.ledger.balance(account_id, object_id, fields, now),
            "validate_beneficiary": lambda: self.beneficiaries.validate(
                account_id, fields, call.lists
            ),
            "create_beneficiary": lambda: self.beneficiaries.create(
                account_id, fields, call.lists, now
            ),
            "find_beneficiaries": lambda: self.beneficiaries.find(account_id, fields),
            "read_beneficiary": lambda: self.beneficiaries.read(account_id, object_id, fields),
            "generate_hmac_key": self._generate_hmac_key,
            "create_payment": lambda: self.payments.create(person, fields, now),
            "find_payments": lambda: self.payments.find(account_id, fields),
            "authorise_payments": lambda: self.payments.authorise(person, fields, payment_ids, now),
            "retry_notification": lambda: self.payments.retry_notification(
                account_id, object_id, fields, now
            ),
            "delete_payment": lambda: self.payments.delete(account_id, object_id, fields, now),
            "read_payment": lambda: self.payments.read(account_id, object_id, fields),
            "update_payment": lambda: self.payments.update(account_id, object_id, fields, now),
            "beneficiary_required_details": lambda: self._required_details(account_id, fields),
            "payer_required_details": lambda: corridors.payer_required_details(fields),
            "find_transactions": lambda: self.ledger.find_transactions(account_id, fields),
            "read_transaction": lambda: self.ledger.transaction(account_id, object_id, fields),
        }
        return does[call.endpoint]()

    def _required_details(self, account_id: str, fields: Mapping[str, str]) -> Json:
        self.accounts.acting(account_id, fields, "get_beneficiary_requirements_failed")
        return corridors.required_details(fields)

    def _close_session(self, call: Call) -> Json:
        self.sessions.end(call.token)
        return {}

    def _generate_hmac_key(self) -> Json:
        key = secrets.token_hex(24)
        self.targets.keep_key(key)
        return {"hmac_key": key}
