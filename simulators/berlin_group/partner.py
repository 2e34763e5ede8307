"""The bank's endpoints, and what each of them does."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

from simulators.berlin_group import psu, wire
from simulators.berlin_group.access import ENDPOINTS, Access
from simulators.berlin_group.accounts import Accounts
from simulators.berlin_group.authorisations import CANCELLATION, PAYMENT, Authorisations
from simulators.berlin_group.book import Book
from simulators.berlin_group.consents import Consents
from simulators.berlin_group.dialects import DIALECTS
from simulators.berlin_group.lifecycle import BEFORE_SCA, CANCELLABLE, Lifecycle
from simulators.berlin_group.menu import INTERVENTIONS, OWN_FAULTS
from simulators.berlin_group.notices import Notices
from simulators.berlin_group.wire import PRODUCTS, link, refusal
from simulators.kit import partner as kit
from simulators.kit.book import new_id
from simulators.kit.clock import stamp
from simulators.kit.partner import Call
from simulators.kit.replies import Json, Refusal, Reply, Row
from simulators.kit.targets import Target
from simulators.kit.timers import NotPossible, Timer

_DIALECT = "dialect"
#: Whether the server asks for client certificates, so that a request without one is refused.
CERTIFICATES = "certificates"
_PAYMENTS = "/v1/payments/{product}"
_ONE = _PAYMENTS + "/{id}"


class Partner(kit.Partner):
    endpoints = (
        ("POST", _PAYMENTS, "initiate"),
        ("GET", _ONE, "read"),
        ("GET", f"{_ONE}/status", "status"),
        ("DELETE", _ONE, "cancel"),
        *(
            (method, f"{_ONE}/{kind}{part}", f"{verb} {kind}")
            for kind in (PAYMENT, CANCELLATION)
            for method, part, verb in (
                ("POST", "", "start"),
                ("GET", "", "list"),
                ("GET", "/{authorisation}", "show"),
                ("PUT", "/{authorisation}", "update"),
            )
        ),
        *ENDPOINTS,
        ("GET", psu.PATH, "psu_looks"),
        ("POST", psu.PATH, "psu_chooses"),
    )
    interventions = INTERVENTIONS
    own_faults = OWN_FAULTS
    usual_delays: ClassVar[Mapping[str, float]] = {
        # How long a PSU may take; then the payment or consent is rejected. One bank documents five
        # minutes.
        "psu_acts_within": 300.0,
        # A PSU who approves unasked, for tests without a browser; 0: nobody does.
        "psu_acts_after": 0.0,
        "check_after": 0.2,
        # At many banks the end of the day.
        "settle_after": 0.5,
        # Until the creditor's side is reported; 0: never, as with most banks.
        "credit_after": 0.0,
        # How long a consent for one access can be used.
        "one_off_for": 900.0,
    }
    key = "x-request-id"
    names: ClassVar[Mapping[str, str]] = {"id": "paymentId", "status": "transactionStatus"}
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
        self.authorisations = Authorisations(self.book, self.dialect)
        self.lifecycle = Lifecycle(self.book, self.authorisations, self.timers, self.delays)
        self.accounts = Accounts(self.book)
        self.consents = Consents(
            self.book, self.dialect, self.authorisations, self.accounts, self.timers, self.delays
        )
        self.access = Access(
            self.book, self.dialect, self.authorisations, self.consents, self.accounts
        )

    # What the kit asks

    def authenticate(self, call: Call, now: datetime) -> str:
        """The TPP, by the subject of its certificate."""
        if call.endpoint.startswith("psu_"):
            return ""
        if not call.certificate and self.book.setting(CERTIFICATES):
            raise refusal(401, "CERTIFICATE_MISSING", "a client certificate is needed")
        if self.dialect.registers_certificates:
            known = self.book.row("SELECT * FROM certificates WHERE subject = ?", call.certificate)
            if known is None:
                self.book.insert("certificates", subject=call.certificate)
                raise refusal(401, "CERTIFICATE_INVALID", "the certificate is registered now")
        return call.certificate

    def do(self, call: Call, person: str, now: datetime) -> Json | Reply:
        if call.endpoint.startswith("psu_"):
            return self._psu(call, now)
        begins = call.endpoint in ("initiate", "consents make")
        reads_data = call.endpoint.startswith("accounts ")
        psu_needed = begins or (self.dialect.wants_address_of_psu and not reads_data)
        wire.required_headers(call, date=self.dialect.wants_date, psu=psu_needed)
        if reads_data:
            return self.access.read(call, person, now)
        if call.endpoint.startswith("consents "):
            says = "says_sca" if call.endpoint == "consents show" else "says_consent"
            said = self.ordered(call, says, now)
            return self.access.ask(call, person, now, str(said.param["word"]) if said else None)
        if call.parts.get("product") not in PRODUCTS:
            raise refusal(404, "PRODUCT_UNKNOWN", f"there are {', '.join(PRODUCTS)}")
        if call.endpoint == "initiate":
            return self._initiate(call, person, now)
        payment = self._payment(call, person)
        verb, _, kind = call.endpoint.partition(" ")
        match verb:
            case "read":
                return self._shown(call, payment, now)
            case "status":
                return self._status(payment)
            case "cancel":
                return self._cancel(call, payment, now)
            case "start":
                return self._start(call, payment, kind, now)
            case "list":
                found = self.authorisations.of(payment, kind)
                return {"authorisationIds": [each["id"] for each in found]}
            case "show":
                return self._sca_status(call, payment, kind, now)
            case _:
                return self._update(call, payment, kind, now)

    def subject(self, call: Call) -> Row | None:
        if call.endpoint.startswith("psu_"):
            found = self.authorisations.of_page(call.object_id)
            payment_id = found["payment_id"] if found else ""
        else:
            payment_id = call.object_id
        if payment_id:
            found = self.book.row("SELECT * FROM payments WHERE id = ?", payment_id)
            return found or self.consents.find(payment_id)
        key = call.headers.get(self.key, "")
        if call.endpoint == "consents make":
            return self.book.row("SELECT * FROM consents WHERE unique_request_id = ?", key)
        sql = "SELECT * FROM payments WHERE unique_request_id = ? ORDER BY seq DESC LIMIT 1"
        found = self.book.row(sql, key)
        if found is None:
            return None
        # So that fault rules can match fields of the body.
        return {**json.loads(found["body"]), **found}

    def words(self, fault: str, param: Mapping[str, Any]) -> Reply:
        return wire.words(fault, param)

    def step(self, timer: Timer, at: datetime) -> None:
        is_consent = self.consents.find(timer.payment_id) is not None
        (self.consents if is_consent else self.lifecycle).step(timer, at)

    def apply(
        self, object_id: str, intervention: str, param: Mapping[str, Any], rule: int | None,
        now: datetime,
    ) -> None:  # fmt: skip
        if rule is None:
            is_consent = self.consents.find(object_id) is not None
            life = self.consents if is_consent else self.lifecycle
            life.happen(object_id, intervention, param, None, now)
            return
        due = now + timedelta(seconds=float(param.get("after_seconds", 0)))
        self.timers.add(object_id, intervention, due, rule, param)

    # What a TPP asks

    def _initiate(self, call: Call, tpp: str, now: datetime) -> Reply:
        """There is no idempotency: the same request makes another payment."""
        body = wire.payment_of(call.fields, creditor_address=self.dialect.wants_creditor_address)
        if self.dialect.refuses_psu_id and call.headers.get("psu-id"):
            raise refusal(400, "FORMAT_ERROR", "PSU-ID is not expected here", "PSU-ID")
        approach = self.authorisations.approach(call)
        if approach == "redirect" and not call.headers.get("tpp-redirect-uri"):
            raise refusal(400, "FORMAT_ERROR", "TPP-Redirect-URI is missing", "TPP-Redirect-URI")
        payment_id = new_id()
        self.book.insert(
            "payments",
            id=payment_id,
            unique_request_id=call.headers[self.key],
            tpp=tpp,
            product=call.parts["product"],
            status="RCVD",
            approach=approach,
            debtor_iban=body["debtorAccount"]["iban"],
            creditor_iban=body["creditorAccount"]["iban"],
            creditor_name=body["creditorName"],
            amount_minor=wire.minor_of(body["instructedAmount"]["amount"]),
            currency=body["instructedAmount"]["currency"],
            body=json.dumps(body),
            psu_id=call.headers.get("psu-id"),
            address=call.address,
            redirect_uri=call.headers.get("tpp-redirect-uri"),
            nok_uri=call.headers.get("tpp-nok-redirect-uri"),
            created_at=stamp(now),
        )
        payment = self._known(payment_id)
        self.lifecycle.open(payment, now)
        base = self._base(payment, call)
        links: Json = {"self": link(base), "status": link(f"{base}/status")}
        shown: Json = {"paymentId": payment_id, "_links": links}
        is_explicit = self.dialect.explicit_start or self.lifecycle.authorisers > 1
        if approach == "embedded":
            links["startAuthorisationWithPsuAuthentication"] = link(f"{base}/{PAYMENT}")
        elif is_explicit and approach != "exempted":
            links["startAuthorisation"] = link(f"{base}/{PAYMENT}")
        else:
            begun = self.authorisations.start(payment, PAYMENT, approach, call, now)
            self.lifecycle.started(payment, begun, now)
            links |= self.authorisations.links(begun, base, call.address)
            if approach == "decoupled":
                shown["psuMessage"] = "Please confirm in the app of your bank."
        shown["transactionStatus"] = self._known(payment_id)["status"]
        reply = Reply(201, shown)
        reply.headers["Location"] = base
        if approach != "exempted":
            reply.headers["ASPSP-SCA-Approach"] = approach.upper()
        return reply

    def _shown(self, call: Call, payment: Row, now: datetime) -> Json:
        body = json.loads(payment["body"])
        amount = body["instructedAmount"]
        if self.dialect.amounts_are_numbers:
            amount["amount"] = float(amount["amount"])
        if self.ordered(call, "another_amount", now):
            amount["amount"] = "9999.99"
        if self.ordered(call, "another_creditor", now):
            body["creditorAccount"]["iban"] = "FR1420041010050500013M02606"
        return {**body, "transactionStatus": payment["status"]}

    def _status(self, payment: Row) -> Json:
        shown: Json = {"transactionStatus": payment["status"]}
        if payment["status"] == "RJCT":
            if payment["reason"] == "FUNDS_NOT_AVAILABLE":
                shown["fundsAvailable"] = False
                shown["tppMessages"] = [wire.message(payment["reason"], category="WARNING")]
            else:
                shown["psuMessage"] = payment["reason"]
        return shown

    def _cancel(self, call: Call, payment: Row, now: datetime) -> Reply:
        if not self.dialect.cancels:
            raise refusal(405, "SERVICE_INVALID", "payments cannot be cancelled here")
        if payment["status"] == "CANC":
            raise refusal(409, "STATUS_INVALID", "the payment is cancelled already")
        if payment["status"] not in CANCELLABLE:
            raise refusal(405, "CANCELLATION_INVALID", f"the payment is {payment['status']}")
        if self.dialect.cancels_by_sca and payment["status"] not in BEFORE_SCA:
            base = self._base(payment, call)
            links = {"startAuthorisation": link(f"{base}/{CANCELLATION}")}
            return Reply(202, {"transactionStatus": payment["status"], "_links": links})
        self.lifecycle.cancel(payment, now)
        return Reply(204, b"")

    def _start(self, call: Call, payment: Row, kind: str, now: datetime) -> Reply:
        wanted = CANCELLABLE if kind == CANCELLATION else BEFORE_SCA
        if payment["status"] not in wanted:
            raise refusal(409, "STATUS_INVALID", f"the payment is {payment['status']}")
        approach = (
            self.authorisations.approach(call) if kind == CANCELLATION else payment["approach"]
        )
        begun = self.authorisations.start(payment, kind, approach, call, now)
        self.lifecycle.started(payment, begun, now)
        shown = self.authorisations.shown(begun, self._base(payment, call), call.address)
        return Reply(201, shown, headers={"ASPSP-SCA-Approach": approach.upper()})

    def _sca_status(self, call: Call, payment: Row, kind: str, now: datetime) -> Json:
        if not self.dialect.shows_sca_status:
            raise refusal(405, "SERVICE_INVALID", "there is no scaStatus here")
        status = self._authorisation(call, payment, kind)["status"]
        said = self.ordered(call, "says_sca", now)
        return {"scaStatus": str(said.param["word"]) if said else status}

    def _update(self, call: Call, payment: Row, kind: str, now: datetime) -> Json:
        updated = self.authorisations.update(self._authorisation(call, payment, kind), call.fields)
        if updated["status"] == "finalised":
            self.lifecycle.finalised(updated, now)
        return self.authorisations.shown(updated, self._base(payment, call), call.address)

    def _authorisation(self, call: Call, payment: Row, kind: str) -> Row:
        found = self.authorisations.get(call.parts["authorisation"])
        if (found["payment_id"], found["kind"]) != (payment["id"], kind):
            raise refusal(404, "RESOURCE_UNKNOWN", "there is no such authorisation")
        return found

    def _payment(self, call: Call, tpp: str) -> Row:
        found = self.book.row("SELECT * FROM payments WHERE id = ?", call.object_id)
        if found is None or (found["tpp"], found["product"]) != (tpp, call.parts["product"]):
            raise refusal(404, "RESOURCE_UNKNOWN", "there is no such payment")
        return found

    def _known(self, payment_id: str) -> Row:
        found = self.book.row("SELECT * FROM payments WHERE id = ?", payment_id)
        assert found is not None
        return found

    def _base(self, payment: Row, call: Call) -> str:
        path = f"/v1/payments/{payment['product']}/{payment['id']}"
        return f"{call.address}{path}" if self.dialect.absolute_links else path

    # What a PSU does

    def _psu(self, call: Call, now: datetime) -> Reply:
        authorisation = self.authorisations.of_page(call.object_id)
        if authorisation is None:
            return psu.over()
        consent = self.consents.find(authorisation["payment_id"])
        if call.method == "GET":
            if consent is not None:
                return psu.consent_page(consent, authorisation, self.consents.offered(consent))
            return psu.page(self._known(authorisation["payment_id"]), authorisation)
        is_approved = call.fields.get("choice") == "approve"
        try:
            if consent is not None:
                account = str(call.fields.get("account", ""))
                self.consents.decided(authorisation, now, is_approved=is_approved, account=account)
            else:
                self.lifecycle.decided(authorisation, now, is_approved=is_approved)
        except (NotPossible, Refusal):
            return psu.over()
        return psu.back(authorisation, is_approved=is_approved)
