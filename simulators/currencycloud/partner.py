"""Currencycloud's endpoints, and what each of them does."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from simulators.currencycloud import corridors, wire
from simulators.currencycloud.accounts import Accounts
from simulators.currencycloud.approvals import Approvals
from simulators.currencycloud.beneficiaries import Beneficiaries
from simulators.currencycloud.book import Book
from simulators.currencycloud.ledger import Ledger
from simulators.currencycloud.lifecycle import DELAYS, Lifecycle
from simulators.currencycloud.menu import INTERVENTIONS
from simulators.currencycloud.notices import Notices
from simulators.currencycloud.payments import Payments
from simulators.currencycloud.sessions import Person, Sessions
from simulators.currencycloud.targets import Target
from simulators.kit import partner as kit
from simulators.kit.partner import Call
from simulators.kit.replies import Json, Reply, Row
from simulators.kit.timers import Timer

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


class Partner(kit.Partner):
    endpoints = ENDPOINTS
    interventions = INTERVENTIONS
    usual_delays = DELAYS
    body = "form"
    token_header = "X-Auth-Token"
    book: Book
    notices: Notices

    def __init__(self, file: Path) -> None:
        """Open the book.

        Raises:
            sqlite3.Error: it cannot be opened.
        """
        super().__init__(Book(file), Notices, Target)
        self.accounts = Accounts(self.book)
        self.sessions = Sessions(self.book)
        self.approvals = Approvals(self.book)
        self.lifecycle = Lifecycle(
            self.book, self.notices, self.approvals, self.timers, self.delays
        )
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
            delays: some of `DELAYS`, in seconds.
            authorisation_steps: how many people authorise each payment of the main account.

        Raises:
            ValueError: a balance is not an amount, there is no such delay, or
                `authorisation_steps` is negative.
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
            self.delays.change(delays or {})
            if authorisation_steps is not None:
                self.approvals.require(account_id, authorisation_steps)

    def authenticate(self, call: Call, now: datetime) -> Person:
        # A login has no session yet.
        return Person("", "") if call.endpoint == LOGIN else self.sessions.use(call.token, now)

    def end_session(self, token: str | None) -> None:
        self.sessions.end(token)

    def subject(self, call: Call) -> Row | None:
        """The payment that a request is about, by its path, its key or `related_entity_id`."""
        payment_id = call.fields.get("related_entity_id", "")
        if call.path.startswith("/v2/payments/") and call.object_id:
            payment_id = call.object_id
        elif "unique_request_id" in call.fields:
            return self.payments.by_key(call.fields["unique_request_id"])
        return self.book.row("SELECT * FROM payments WHERE id = ?", payment_id)

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
        self.lifecycle.apply(object_id, intervention, param, rule, now)

    def words(self, fault: str, param: Mapping[str, Any]) -> Reply:
        return (wire.refused(param) if fault == "refused" else wire.REFUSALS[fault]()).reply()

    def another(self, reply: Reply, person: Person) -> Json | None:
        if not isinstance(reply.body, dict):
            return None
        found = [payment["id"] for payment in reply.body.get("payments", [])]
        return self.payments.another(found, person.account_id)

    def found_only(self, reply: Reply, another: Json | None) -> Reply | None:
        if not isinstance(reply.body, dict) or "pagination" not in reply.body:
            return None
        name = next(iter(reply.body))
        if name != "payments" if another else not reply.body[name]:
            return None
        found = [another] if another else []
        pages = {"total_entries": len(found), "total_pages": len(found), "next_page": -1}
        return Reply(200, wire.page(name, found, {**reply.body["pagination"], **pages}))

    def do(self, call: Call, person: Person, now: datetime) -> Json:
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
