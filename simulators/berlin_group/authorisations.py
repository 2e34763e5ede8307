"""Authorisations of a payment, its cancellation or a consent: each has a `scaStatus`.

The payment or consent is the parameter `about`, and its id is in the column `payment_id`.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from simulators.berlin_group.book import Book
from simulators.berlin_group.dialects import Dialect
from simulators.berlin_group.wire import link, refusal
from simulators.kit.book import new_id
from simulators.kit.clock import stamp
from simulators.kit.partner import Call
from simulators.kit.replies import Json, Row

#: Sub-resources of a payment or a consent itself, and those of a payment's cancellation.
PAYMENT, CANCELLATION = "authorisations", "cancellation-authorisations"
APPROACHES = ("redirect", "decoupled", "embedded", "exempted")
#: The approach that the bank chooses whatever the TPP prefers; a setting of the book.
CHOSEN = "approach"
#: The final words of `scaStatus`.
FINAL = ("finalised", "failed", "exempted")
WRONG_CODES_MAX = 3
#: What opens a PSU's account in the embedded approach.
PASSWORD = "correct horse"
METHODS = {
    "901": {"authenticationType": "SMS_OTP", "authenticationMethodId": "901", "name": "SMS"},
    "902": {"authenticationType": "CHIP_OTP", "authenticationMethodId": "902", "name": "chipTAN"},
}


class Authorisations:
    def __init__(self, book: Book, dialect: Dialect) -> None:
        self._book = book
        self._dialect = dialect

    def approach(self, call: Call) -> str:
        """The bank's own choice, or else what the TPP prefers."""
        if chosen := self._book.setting(CHOSEN):
            return chosen
        if call.headers.get("tpp-redirect-preferred") == "false":
            is_decoupled = call.headers.get("tpp-decoupled-preferred") == "true"
            return "decoupled" if is_decoupled else "embedded"
        return "redirect"

    def start(self, about: Row, kind: str, approach: str, call: Call, now: datetime) -> Row:
        """Begin one. In the embedded approach the PSU's password decides how far it gets.

        Raises:
            Refusal: the password is wrong.
        """
        status = {"redirect": "received", "decoupled": "started", "exempted": "exempted"}
        password = (call.fields.get("psuData") or {}).get("password")
        if password is not None and password != PASSWORD:
            raise refusal(401, "PSU_CREDENTIALS_INVALID", "the password is wrong")
        made = {
            "id": new_id(),
            "payment_id": about["id"],
            "kind": kind,
            "status": status.get(approach) or ("psuAuthenticated" if password else "received"),
            "approach": approach,
            "page": secrets.token_urlsafe(24),
            "redirect_uri": call.headers.get("tpp-redirect-uri") or about["redirect_uri"],
            "nok_uri": call.headers.get("tpp-nok-redirect-uri") or about["nok_uri"],
            "created_at": stamp(now),
        }
        self._book.insert("authorisations", **made)
        return self.get(str(made["id"]))

    def get(self, authorisation_id: str) -> Row:
        """Raises:
        Refusal: there is none.
        """
        sql = "SELECT * FROM authorisations WHERE id = ?"
        found = self._book.row(sql, authorisation_id)
        if found is None:
            raise refusal(404, "RESOURCE_UNKNOWN", "there is no such authorisation")
        return found

    def of_page(self, page: str) -> Row | None:
        return self._book.row("SELECT * FROM authorisations WHERE page = ?", page)

    def of(self, about: Row, kind: str) -> list[dict[str, Any]]:
        sql = "SELECT * FROM authorisations WHERE payment_id = ? AND kind = ? ORDER BY seq"
        return self._book.rows(sql, about["id"], kind)

    def open_of(self, about: Row) -> Row | None:
        """The one that waits for the PSU; that of a cancellation first."""
        waiting = [
            each
            for kind in (CANCELLATION, PAYMENT)
            for each in self.of(about, kind)
            if each["status"] not in FINAL
        ]
        return waiting[0] if waiting else None

    def become(self, authorisation: Row, status: str) -> None:
        self._book.change("authorisations", authorisation["id"], status=status)

    def update(self, authorisation: Row, fields: Mapping[str, Any]) -> Row:
        """A PUT of the embedded approach: password, method, or code.

        Raises:
            Refusal: it does not fit the step in hand, or is wrong.
        """
        step = authorisation["status"]
        if authorisation["approach"] != "embedded":
            raise refusal(400, "SERVICE_INVALID", "the PSU acts at the bank, not here")
        if step in FINAL:
            raise refusal(409, "STATUS_INVALID", f"the authorisation is {step}")
        if step == "received":
            if (fields.get("psuData") or {}).get("password") != PASSWORD:
                raise refusal(401, "PSU_CREDENTIALS_INVALID", "the password is wrong")
            self.become(authorisation, "psuAuthenticated")
        elif step == "psuAuthenticated":
            method = str(fields.get("authenticationMethodId"))
            if method not in METHODS:
                raise refusal(400, "SCA_METHOD_UNKNOWN", "choose one of scaMethods")
            code = f"{secrets.randbelow(1_000_000):06}"
            self._book.change("authorisations", authorisation["id"], status="scaMethodSelected",
                              method=method, code=code)  # fmt: skip
        else:
            self._check(authorisation, str(fields.get("scaAuthenticationData")))
        return self.get(authorisation["id"])

    def _check(self, authorisation: Row, code: str) -> None:
        if secrets.compare_digest(code.encode(), str(authorisation["code"]).encode()):
            self.become(authorisation, "finalised")
            return
        wrong = authorisation["wrong"] + 1
        failed = {"status": "failed"} if wrong >= WRONG_CODES_MAX else {}
        self._book.change("authorisations", authorisation["id"], wrong=wrong, **failed)
        raise refusal(400, "SCA_INVALID", "the code is wrong")

    # What a TPP sees

    def links(self, authorisation: Row, base: str, address: str) -> Json:
        """Where the next step of this authorisation is."""
        own = f"{base}/{authorisation['kind']}/{authorisation['id']}"
        found: Json = {}
        match authorisation["approach"], authorisation["status"]:
            case "redirect", "received":
                # A browser opens it, so it is never relative.
                found["scaRedirect"] = link(f"{address}/psu/{authorisation['page']}")
            case "embedded", "received":
                found["updatePsuAuthentication"] = link(own)
            case "embedded", "psuAuthenticated":
                found["selectAuthenticationMethod"] = link(own)
            case "embedded", "scaMethodSelected":
                found["authoriseTransaction"] = link(own)
        if self._dialect.shows_sca_status:
            found["scaStatus"] = link(own)
        return found

    def shown(self, authorisation: Row, base: str, address: str) -> Json:
        """The reply to a start or an update."""
        shown: Json = {
            "scaStatus": authorisation["status"],
            "authorisationId": authorisation["id"],
            "_links": self.links(authorisation, base, address),
        }
        if authorisation["approach"] == "decoupled":
            shown["psuMessage"] = "Please confirm in the app of your bank."
        match authorisation["approach"], authorisation["status"]:
            case "embedded", "psuAuthenticated":
                shown["scaMethods"] = list(METHODS.values())
            case "embedded", "scaMethodSelected":
                shown["chosenScaMethod"] = METHODS[authorisation["method"]]
                shown["challengeData"] = {"otpMaxLength": 6, "otpFormat": "integer"}
        return shown
