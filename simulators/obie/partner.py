"""The bank's endpoints, and what each of them does."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

from simulators.kit import partner as kit
from simulators.kit.faults import Rule, Stage
from simulators.kit.partner import Answer, Call
from simulators.kit.replies import Json, Reply, Row
from simulators.kit.targets import Target
from simulators.kit.timers import NotPossible, Timer
from simulators.obie import jose, psu, signatures, wire
from simulators.obie.accounts import KINDS, READ, Accounts
from simulators.obie.authorisation import AuthorisationServer
from simulators.obie.book import ACCESS, PAYMENT, Book
from simulators.obie.clients import Clients
from simulators.obie.consents import AUTHORISED, REAUTHENTICATE, TOKEN_EXPIRED, Consents
from simulators.obie.dialects import DIALECTS, V4, VERSIONS
from simulators.obie.events import Events
from simulators.obie.lifecycle import Lifecycle
from simulators.obie.menu import CONSENT_INTERVENTIONS, OWN_FAULTS, PAYMENT_INTERVENTIONS
from simulators.obie.notices import Notices
from simulators.obie.payments import Payments
from simulators.obie.tokens import Access, Tokens
from simulators.obie.wire import Problem

_DIALECT, SIGNING_KEY = "dialect", "signing_key"
#: Whether the server asks for client certificates, so that a request without one is refused.
CERTIFICATES = "certificates"
#: The bank's id in the trust anchor's directory, which its signatures name.
ORGANISATION = "0015800001041REAAY"
_BASE = "/open-banking/{version}"
_AISP, _PISP = f"{_BASE}/aisp", f"{_BASE}/pisp"
_CONSENT = f"{_PISP}/{PAYMENT}"
_PAYMENT = f"{_PISP}/domestic-payments"
#: Endpoints that a PSU's token opens; all others need the client's own.
_FOR_PSU = ("funds", "submit", READ)
_SIGNED = ("ask payment", "submit")


class Partner(kit.Partner):
    endpoints = (
        ("GET", "/.well-known/openid-configuration", "auth discovery"),
        ("GET", "/jwks", "auth jwks"),
        ("GET", "/authorize", "auth authorise"),
        ("POST", "/token", "auth token"),
        ("POST", "/revoke", "auth revoke"),
        ("GET", psu.PATH, "auth page"),
        ("POST", psu.PATH, "auth decide"),
        ("POST", f"{_AISP}/{ACCESS}", "ask access"),
        ("GET", f"{_AISP}/{ACCESS}/{{id}}", "show access"),
        ("DELETE", f"{_AISP}/{ACCESS}/{{id}}", "delete access"),
        ("GET", f"{_AISP}/accounts/{{id}}", f"{READ}accounts"),
        *(("GET", f"{_AISP}/accounts/{{id}}/{kind}", f"{READ}{kind}")
          for kind in KINDS if kind not in ("accounts", "products")),
        *(("GET", f"{_AISP}/{kind}", f"{READ}{kind}")
          for kind in KINDS),
        ("POST", _CONSENT, "ask payment"),
        ("GET", f"{_CONSENT}/{{id}}", "show payment consent"),
        ("GET", f"{_CONSENT}/{{id}}/funds-confirmation", "funds"),
        ("POST", _PAYMENT, "submit"),
        ("GET", f"{_PAYMENT}/{{id}}", "show payment"),
        ("GET", f"{_PAYMENT}/{{id}}/payment-details", "details"),
        ("POST", f"{_BASE}/events", "events"),
    )  # fmt: skip
    interventions = (*PAYMENT_INTERVENTIONS, *CONSENT_INTERVENTIONS)
    own_faults = OWN_FAULTS
    usual_delays: ClassVar[Mapping[str, float]] = {
        # How long a PSU may take on the bank's page; then the consent is rejected.
        "psu_acts_within": 300.0,
        "code_expires_after": 60.0,
        "access_expires_after": 300.0,
        # 0: never, and the id_token says nothing of it.
        "refresh_expires_after": 0.0,
        "accept_after": 0.2,
        "settle_after": 0.5,
        # Until the creditor's side is reported; 0: never, as with most banks.
        "credit_after": 0.0,
    }
    key = "x-idempotency-key"
    names: ClassVar[Mapping[str, str]] = {"id": "DomesticPaymentId", "status": "Status"}
    book: Book

    def __init__(self, file: Path, dialect: str | None = None) -> None:
        """Open the book. Without `dialect` it keeps the one it has.

        Raises:
            sqlite3.Error: it cannot be opened.
            ValueError: there is no such dialect.
        """
        super().__init__(Book(file), Notices, Target)
        name = dialect or self.book.setting(_DIALECT) or "standard"
        if name not in DIALECTS:
            raise ValueError(f"there is no dialect {name!r}; choose one of {', '.join(DIALECTS)}")
        self.book.keep_setting(_DIALECT, name)
        self.dialect = DIALECTS[name]
        if self.book.setting(SIGNING_KEY) is None:
            self.book.keep_setting(SIGNING_KEY, jose.SigningKey.new_pem())
        self._signing_key = jose.SigningKey(str(self.book.setting(SIGNING_KEY)))
        self._version = V4
        self.clients = Clients(self.book)
        self.accounts = Accounts(self.book)
        self.accounts.open(self.clock.now())
        self.events = Events(self.book, self._signing_key, ORGANISATION)
        self.tokens = Tokens(self.book, self._signing_key, self.delays)
        self.consents = Consents(self.book, self.tokens, self.events, self.timers)
        self.lifecycle = Lifecycle(self.book, self.events, self.timers, self.delays, self.dialect)
        self.payments = Payments(self.book, self.consents, self.lifecycle)
        self.server = AuthorisationServer(
            self.book, self._signing_key, self.clients, self.tokens, self.consents, self.timers,
            self.delays, wants_request_object=self.dialect.wants_request_object,
        )  # fmt: skip

    # What the kit asks

    def answer(self, call: Call) -> Answer:
        """Beside the reply itself: the correlation id played back, and the bank's signature."""
        self._version = VERSIONS.get(call.parts.get("version", ""), V4)
        # The kit sets them only for a caller who is let in.
        self._fitting = []
        answer = super().answer(call)
        reply, is_api = answer.reply, "version" in call.parts
        if is_api:
            given = call.headers.get("x-fapi-interaction-id")
            reply.headers["x-fapi-interaction-id"] = given or str(uuid.uuid4())
        is_json = reply.content_type.startswith("application/json")
        if is_json:
            reply.content_type = wire.JSON
        if "pisp" in call.path.split("/") and (body := reply.payload()):
            with self.book.transaction():
                self._sign(call, reply, body)
        return answer

    def authenticate(self, call: Call, now: datetime) -> Access | None:
        is_page = call.endpoint in ("auth authorise", "auth page", "auth decide")
        is_public = call.endpoint in ("auth discovery", "auth jwks")
        if is_page or is_public:
            return None
        try:
            if not call.certificate and self.book.setting(CERTIFICATES):
                raise Problem(401)
            if call.endpoint.startswith("auth "):
                return None
            if call.parts["version"] not in self.dialect.versions:
                raise Problem(404)
            return self._permitted(call, now)
        except Problem as problem:
            raise problem.refusal(self._version) from None

    def do(self, call: Call, person: Access | None, now: datetime) -> Json | Reply:
        if person is None:
            reply = self.server.answer(call, now)
            return self._led_astray(call, reply, now)
        try:
            return self._do(call, person, now)
        except Problem as problem:
            raise problem.refusal(self._version) from None

    def subject(self, call: Call) -> Row | None:
        found: Row | None = None
        if call.object_id:
            found = self.book.payment(call.object_id) or self.book.consent(call.object_id)
        elif key := call.headers.get(self.key):
            table = "consents" if call.endpoint == "ask payment" else "payments"
            sql = f"SELECT * FROM {table} WHERE unique_request_id = ? ORDER BY seq DESC LIMIT 1"
            found = self.book.row(sql, key)
        return found

    def words(self, fault: str, param: Mapping[str, Any]) -> Reply:
        return wire.words(fault, param, self._version)

    def step(self, timer: Timer, at: datetime) -> None:
        match timer.step:
            case "leave":
                self.server.leave(timer.payment_id, at)
            case "expire":
                self.consents.expire(self._consent(timer.payment_id), at)
            case each if each in CONSENT_INTERVENTIONS:
                self._intervene(timer.payment_id, each, timer.param, timer.rule, at)
            case _:
                self.lifecycle.step(timer, at)

    def apply(
        self, object_id: str, intervention: str, param: Mapping[str, Any], rule: int | None,
        now: datetime,
    ) -> None:  # fmt: skip
        if rule is not None:
            due = now + timedelta(seconds=float(param.get("after_seconds", 0)))
            self.timers.add(object_id, intervention, due, rule, param)
        elif intervention in CONSENT_INTERVENTIONS:
            self._intervene(object_id, intervention, param, None, now)
        else:
            self.lifecycle.happen(object_id, intervention, param, None, now)

    def _rules(self, call: Call, about: Row | None, stage: Stage) -> list[Rule]:
        """Rules can match fields of the order too, which are deep inside of the body."""
        data = call.fields.get("Data")
        order = data.get("Initiation") if isinstance(data, dict) else None
        if isinstance(order, dict):
            call = replace(call, fields={**order, **call.fields})
        return super()._rules(call, about, stage)

    def _spoilt(self, rule: Rule, reply: Reply, person: Any) -> Reply | None:
        """The kit spoils fields at the top; here they are in `Data`."""
        body = reply.body
        if isinstance(body, dict) and isinstance(body.get("Data"), dict):
            inner = super()._spoilt(rule, Reply(reply.status, body["Data"]), person)
            if inner is None or not isinstance(inner.body, dict) or inner.status != reply.status:
                return inner
            return Reply(reply.status, {**body, "Data": inner.body}, inner.content_type)
        return super()._spoilt(rule, reply, person)

    # Who may ask

    def _permitted(self, call: Call, now: datetime) -> Access:
        """Raises:
        Problem: 401 without a token that is good here, 403 if it permits something else.
        """
        access = self.tokens.access(call, now)
        if access is None:
            raise Problem(401)
        if access.expired:
            raise Problem(401, TOKEN_EXPIRED if self._version.codes_only else "")
        is_for_psu = call.endpoint.startswith(_FOR_PSU)
        if is_for_psu and access.consent_id is None:
            raise Problem(401)
        if not is_for_psu and access.consent_id is not None:
            raise Problem(403)
        scopes = access.scope.split()
        room = call.path.split("/")[3]
        wanted = {"aisp": "accounts", "pisp": "payments"}.get(room)
        if wanted is not None and wanted not in scopes:
            raise Problem(403)
        return access

    # What a TPP asks

    def _do(self, call: Call, access: Access, now: datetime) -> Json | Reply:
        client_id, version = access.client_id, self._version
        if call.endpoint in _SIGNED:
            self._check_signature(call, client_id, now)
        match call.endpoint:
            case "ask access":
                asked = self.consents.ask_access(call, client_id, version, now)
                return Reply(201, self.consents.shown(asked, version, call))
            case "show access":
                found = self.consents.of_client(call, client_id, ACCESS, version)
                return self.consents.shown(found, version, call)
            case "delete access":
                found = self.consents.of_client(call, client_id, ACCESS, version)
                self.consents.delete(found, now)
                return Reply(204, b"")
            case "ask payment":
                made = self.payments.once(
                    call, client_id, version, now,
                    lambda key: self.consents.ask_payment(call, client_id, version, key, now),
                )  # fmt: skip
                return Reply(201, self._shown_consent(call, self._consent(made), now))
            case "show payment consent":
                found = self.consents.of_client(call, client_id, PAYMENT, version)
                return self._shown_consent(call, found, now)
            case "funds":
                found = self._own_consent(call, access)
                return self.payments.funds(found, version, call, now)
            case "submit":
                made = self.payments.once(
                    call, client_id, version, now,
                    lambda key: self.payments.submit(call, access, version, key, now),
                )  # fmt: skip
                return Reply(201, self._shown_payment(call, self._payment(made), now))
            case "show payment":
                payment = self.payments.of_client(call, client_id, version)
                return self._shown_payment(call, payment, now)
            case "details" if self.dialect.has_details:
                payment = self.payments.of_client(call, client_id, version)
                return self.payments.details(payment, version, call)
            case "events" if self.dialect.has_details:
                return self.events.poll(call.fields, client_id, now)
            case "details" | "events":
                raise Problem(404)
            case _:
                return self.accounts.read(call, self._readable(access), version, now)

    def _own_consent(self, call: Call, access: Access) -> Row:
        found = self.consents.of_client(call, access.client_id, PAYMENT, self._version)
        if found["id"] != access.consent_id:
            raise Problem(403)
        return found

    def _readable(self, access: Access) -> Row:
        """The consent of a token, if it still gives access.

        Read/Write API Profile v4.0, "401 (Unauthorized)" and "403 (Forbidden)".
        """
        consent, version = self._consent(access.consent_id or ""), self._version
        if consent["version"] > version.path:
            raise Problem(403)
        if consent["status"] == AUTHORISED:
            return consent
        reasons = json.loads(consent["reasons"])
        if REAUTHENTICATE in reasons:
            raise Problem(403, REAUTHENTICATE, "the PSU has to authenticate again")
        raise Problem(401, reasons[0] if version.codes_only and reasons else "")

    def _consent(self, consent_id: str) -> Row:
        found = self.book.consent(consent_id)
        if found is None:
            raise NotPossible("there is no such consent")
        return found

    def _payment(self, payment_id: str) -> Row:
        found = self.book.payment(payment_id)
        assert found is not None, "a key names what it has made"
        return found

    def _intervene(
        self, object_id: str, what: str, param: Mapping[str, Any], rule: int | None, now: datetime
    ) -> None:
        consent = self._consent(object_id)
        match what:
            case "revoke" | "reauthenticate":
                self.consents.revoke(consent, now, again=what == "reauthenticate")
            case "shorten":
                expires = now + timedelta(seconds=float(param["seconds"]))
                self.consents.shorten(consent, expires, now)
            case _:
                self.consents.unlink(consent, str(param["account"]), now)
        self.book.fired(now.isoformat(), what, rule, consent)

    # Signatures, and what goes wrong with them

    def _check_signature(self, call: Call, client_id: str, now: datetime) -> None:
        client = self.book.client(client_id)
        assert client is not None, "its token was issued to it"
        # A client cannot know that the bank's clock was set back or frozen.
        latest = max(now, datetime.now(UTC))
        unencoded = self.dialect.unencoded
        signatures.check(call.headers, call.raw, client, latest, unencoded=unencoded)

    def _sign(self, call: Call, reply: Reply, body: bytes) -> None:
        now = self.clock.now()
        if reply.status == 404 or self.ordered(call, "drops_signature", now):
            return
        key = self._signing_key
        if self.ordered(call, "foreign_signature", now):
            key = jose.SigningKey(jose.SigningKey.new_pem())
        if self.ordered(call, "breaks_signature", now):
            body += b" "
        unencoded = self.dialect.unencoded
        reply.headers[signatures.HEADER] = signatures.signed(
            body, key, ORGANISATION, now, unencoded=unencoded
        )

    def _shown_consent(self, call: Call, consent: Row, now: datetime) -> Json:
        return self._changed(call, self.consents.shown(consent, self._version, call), now)

    def _shown_payment(self, call: Call, payment: Row, now: datetime) -> Json:
        return self._changed(call, self.payments.shown(payment, self._version, call), now)

    def _changed(self, call: Call, shown: Json, now: datetime) -> Json:
        """Faults of what a reply says of the order."""
        initiation = shown["Data"]["Initiation"]
        if self.ordered(call, "another_amount", now):
            initiation["InstructedAmount"]["Amount"] = "9999.99"
        if self.ordered(call, "another_creditor", now):
            initiation["CreditorAccount"]["Identification"] = "40400411290112"
        return shown

    def _led_astray(self, call: Call, reply: Json | Reply, now: datetime) -> Json | Reply:
        """Faults of the answer that a browser carries to the TPP."""
        if not isinstance(reply, Reply) or "location" not in reply.headers:
            return reply
        url = reply.headers["location"]
        for fault, name, value in (
            ("foreign_state", "state", "somebody-elses"),
            ("foreign_issuer", "iss", "https://another.bank.example"),
            ("drops_issuer", "iss", None),
        ):
            if f"{name}=" in url and self.ordered(call, fault, now):
                url = wire.replaced(url, name, value)
        reply.headers["location"] = url
        return reply
