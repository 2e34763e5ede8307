"""What a TPP asks about consents, and what it reads from accounts with one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

from simulators.berlin_group.accounts import Accounts
from simulators.berlin_group.authorisations import PAYMENT, Authorisations
from simulators.berlin_group.book import Book
from simulators.berlin_group.consents import BEFORE_SCA, ENDED, SERVICES, Consents
from simulators.berlin_group.dialects import Dialect
from simulators.berlin_group.wire import consent_of, link, refusal
from simulators.kit.clock import stamp
from simulators.kit.partner import Call
from simulators.kit.replies import Json, Reply, Row

CONSENTS, ACCOUNTS = "/v1/consents", "/v1/accounts"
_ONE = CONSENTS + "/{id}"
_ACCOUNT = ACCOUNTS + "/{account}"
#: How many transactions a page has; a setting of the book.
PAGE_SIZE = "page_size"
_PAGE_SIZE = 50
_DAY = timedelta(days=1)

#: Method, path and name of each endpoint. The names tell them from those of payments.
ENDPOINTS = (
    ("POST", CONSENTS, "consents make"),
    ("GET", _ONE, "consents read"),
    ("GET", f"{_ONE}/status", "consents status"),
    ("DELETE", _ONE, "consents end"),
    ("POST", f"{_ONE}/{PAYMENT}", "consents start"),
    ("GET", f"{_ONE}/{PAYMENT}", "consents list"),
    ("GET", f"{_ONE}/{PAYMENT}/{{authorisation}}", "consents show"),
    ("PUT", f"{_ONE}/{PAYMENT}/{{authorisation}}", "consents update"),
    ("GET", ACCOUNTS, "accounts list"),
    ("GET", _ACCOUNT, "accounts details"),
    ("GET", f"{_ACCOUNT}/balances", "accounts balances"),
    ("GET", f"{_ACCOUNT}/transactions", "accounts transactions"),
    ("GET", f"{_ACCOUNT}/transactions/{{transaction}}", "accounts transaction"),
)


class Access:
    def __init__(
        self,
        book: Book,
        dialect: Dialect,
        authorisations: Authorisations,
        consents: Consents,
        accounts: Accounts,
    ) -> None:
        self._book = book
        self._dialect = dialect
        self._authorisations = authorisations
        self._consents = consents
        self._accounts = accounts

    # Consents

    def ask(self, call: Call, tpp: str, now: datetime, said: str | None) -> Json | Reply:
        """A request about consents.

        Args:
            said: the word that a fault puts in the place of `consentStatus` or `scaStatus`.
        """
        verb = call.endpoint.partition(" ")[2]
        if verb == "make":
            return self._make(call, tpp, now)
        consent = self._own(call.object_id, tpp, 403)
        match verb:
            case "read":
                return self._shown(consent, said)
            case "status":
                return {"consentStatus": self._word(consent, said)}
            case "end":
                if consent["status"] in ENDED:
                    raise refusal(409, "STATUS_INVALID", f"the consent is {consent['status']}")
                self._consents.terminate(consent, now)
                return Reply(204, b"")
            case "start":
                return self._start(call, consent, now)
            case "list":
                found = self._authorisations.of(consent, PAYMENT)
                return {"authorisationIds": [each["id"] for each in found]}
            case "show":
                if not self._dialect.shows_sca_status:
                    raise refusal(405, "SERVICE_INVALID", "there is no scaStatus here")
                status = self._authorisation(call, consent)["status"]
                return {"scaStatus": status if said is None else said}
            case _:
                return self._update(call, consent, now)

    def _make(self, call: Call, tpp: str, now: datetime) -> Reply:
        """There is no idempotency: the same request makes another consent."""
        asked = consent_of(call.fields, now.date())
        if self._dialect.refuses_psu_id and call.headers.get("psu-id"):
            raise refusal(400, "FORMAT_ERROR", "PSU-ID is not expected here", "PSU-ID")
        approach = self._authorisations.approach(call)
        if approach == "redirect" and not call.headers.get("tpp-redirect-uri"):
            raise refusal(400, "FORMAT_ERROR", "TPP-Redirect-URI is missing", "TPP-Redirect-URI")
        consent = self._consents.make(call, tpp, approach, asked, now)
        base = self._base(consent, call)
        links: Json = {"self": link(base), "status": link(f"{base}/status")}
        shown: Json = {"consentId": consent["id"], "_links": links}
        is_explicit = self._dialect.explicit_start or self._consents.authorisers > 1
        if approach == "embedded":
            links["startAuthorisationWithPsuAuthentication"] = link(f"{base}/{PAYMENT}")
        elif is_explicit and approach != "exempted":
            links["startAuthorisation"] = link(f"{base}/{PAYMENT}")
        else:
            begun = self._authorisations.start(consent, PAYMENT, approach, call, now)
            self._consents.started(consent, begun, now)
            links |= self._authorisations.links(begun, base, call.address)
            if approach == "decoupled":
                shown["psuMessage"] = "Please confirm in the app of your bank."
        shown["consentStatus"] = self._word(self._consents.get(consent["id"]))
        reply = Reply(201, shown, headers={"Location": base})
        if approach != "exempted":
            reply.headers["ASPSP-SCA-Approach"] = approach.upper()
        return reply

    def _shown(self, consent: Row, said: str | None) -> Json:
        """Once it is authorised, the access names the accounts that the PSU chose."""
        access = json.loads(consent["access"])
        if consent["granted"] is not None:
            ibans = json.loads(consent["granted"])
            chosen = [each for each in self._accounts.of(consent["psu"]) if each["iban"] in ibans]
            granted = [self._accounts.reference(each) for each in chosen]
            access = dict.fromkeys(_services(access), granted)
        return {
            "access": access,
            "recurringIndicator": bool(consent["recurring"]),
            "validUntil": consent["valid_until"],
            "frequencyPerDay": consent["per_day"],
            "lastActionDate": consent["last_action"],
            "consentStatus": self._word(consent, said),
        }

    def _word(self, consent: Row, said: str | None = None) -> str:
        if said is not None:
            return said
        word = str(consent["status"])
        return word.upper() if self._dialect.shouts else word

    def _start(self, call: Call, consent: Row, now: datetime) -> Reply:
        if consent["status"] not in BEFORE_SCA:
            raise refusal(409, "STATUS_INVALID", f"the consent is {consent['status']}")
        begun = self._authorisations.start(consent, PAYMENT, consent["approach"], call, now)
        self._consents.started(consent, begun, now)
        shown = self._authorisations.shown(begun, self._base(consent, call), call.address)
        return Reply(201, shown, headers={"ASPSP-SCA-Approach": consent["approach"].upper()})

    def _update(self, call: Call, consent: Row, now: datetime) -> Json:
        found = self._authorisation(call, consent)
        updated = self._authorisations.update(found, call.fields)
        if updated["status"] == "finalised":
            self._consents.finalised(updated, now)
        return self._authorisations.shown(updated, self._base(consent, call), call.address)

    def _authorisation(self, call: Call, consent: Row) -> Row:
        found = self._authorisations.get(call.parts["authorisation"])
        if found["payment_id"] != consent["id"]:
            raise refusal(404, "RESOURCE_UNKNOWN", "there is no such authorisation")
        return found

    def _own(self, consent_id: str, tpp: str, status: int) -> Row:
        found = self._consents.find(consent_id)
        if found is None or found["tpp"] != tpp:
            raise refusal(status, "CONSENT_UNKNOWN", "there is no such consent")
        return found

    def _base(self, consent: Row, call: Call) -> str:
        path = f"{CONSENTS}/{consent['id']}"
        return f"{call.address}{path}" if self._dialect.absolute_links else path

    # Accounts

    def read(self, call: Call, tpp: str, now: datetime) -> Json:
        """A request for what a consent gives access to."""
        consent = self._own(call.headers.get("consent-id", ""), tpp, 400)
        if consent["status"] == "expired":
            raise refusal(401, "CONSENT_EXPIRED", "the consent has expired")
        if consent["status"] != "valid":
            raise refusal(401, "CONSENT_INVALID", f"the consent is {consent['status']}")
        services = _services(json.loads(consent["access"]))
        what = call.endpoint.partition(" ")[2]
        if what == "list":
            self._count(call, consent, "accounts", "", now)
            balance = call.fields.get("withBalance") == "true"
            return {
                "accounts": [
                    self._accounts.details(each, services, with_balance=balance)
                    for each in self._granted(consent)
                ]
            }
        granted = self._granted(consent)
        account = next((each for each in granted if each["id"] == call.parts["account"]), None)
        if account is None:
            raise refusal(404, "RESOURCE_UNKNOWN", "the consent covers no such account")
        service = "transactions" if what.startswith("transaction") else what
        if service not in ("details", *services):
            raise refusal(401, "CONSENT_INVALID", f"the consent does not cover {service}")
        if "before" not in call.fields:  # The pages of one list are one access.
            self._count(call, consent, service, account["id"], now)
        match what:
            case "details":
                balance = call.fields.get("withBalance") == "true"
                shown = self._accounts.details(account, services, with_balance=balance)
                return {"account": shown}
            case "balances":
                return {
                    "account": self._accounts.reference(account),
                    "balances": self._accounts.balances(account),
                }
            case "transactions":
                return self._transactions(call, account, now)
            case _:
                number = call.parts["transaction"]
                entry = self._accounts.entry(account, int(number)) if number.isdigit() else None
                if entry is None:
                    raise refusal(404, "RESOURCE_UNKNOWN", "there is no such transaction")
                return {"transactionsDetails": self._accounts.transaction(entry)}

    def _granted(self, consent: Row) -> list[dict[str, Any]]:
        ibans = json.loads(consent["granted"] or "[]")
        return [each for each in self._accounts.of(consent["psu"]) if each["iban"] in ibans]

    def _count(self, call: Call, consent: Row, service: str, account: str, now: datetime) -> None:
        """Count an access without the PSU: so many in any 24 hours, for each account and service.

        Delegated Regulation (EU) 2018/389, Article 36(5)(b).

        Raises:
            Refusal: they are used up.
        """
        if call.headers.get("psu-ip-address"):
            return
        sql = (
            "SELECT count(*) AS made FROM accesses WHERE consent_id = ? AND service = ?"
            " AND account_id = ? AND at > ?"
        )
        found = self._book.row(sql, consent["id"], service, account, stamp(now - _DAY))
        if found is not None and found["made"] >= consent["per_day"]:
            raise refusal(429, "ACCESS_EXCEEDED", f"{service} was read often enough today")
        self._book.insert(
            "accesses", consent_id=consent["id"], service=service, account_id=account,
            at=stamp(now),
        )  # fmt: skip

    def _transactions(self, call: Call, account: Row, now: datetime) -> Json:
        """A page of the list, the newest first; `_links.next` leads to the older ones."""
        wanted = str(call.fields.get("bookingStatus", ""))
        if wanted not in ("booked", "pending", "both"):
            text = "bookingStatus is booked, pending or both"
            raise refusal(400, "FORMAT_ERROR", text, "bookingStatus")
        known = str(call.fields.get("entryReferenceFrom", ""))
        since = str(call.fields.get("dateFrom", ""))
        if not since and not known and wanted != "pending":
            raise refusal(400, "FORMAT_ERROR", "dateFrom is missing", "dateFrom")
        until = str(call.fields.get("dateTo", now.date().isoformat()))
        try:
            bounds = [date.fromisoformat(each) for each in (since or until, until)]
            after, below = int(known or 0), int(call.fields.get("before", 0)) or None
        except ValueError:
            raise refusal(400, "FORMAT_ERROR", "a date or a number cannot be read") from None
        if bounds[0] > bounds[1]:
            raise refusal(400, "PERIOD_INVALID", "dateFrom lies after dateTo")
        own = f"{ACCOUNTS}/{account['id']}"
        report: Json = {"_links": {"account": link(own)}}
        if wanted != "booked":
            waiting = self._accounts.pending(account)
            report["pending"] = [self._accounts.pending_transaction(each) for each in waiting]
        if wanted != "pending":
            size = int(self._book.setting(PAGE_SIZE) or _PAGE_SIZE)
            found = self._accounts.booked(
                account, since=since, until=until, after=after, below=below, limit=size + 1
            )
            report["booked"] = [self._accounts.transaction(each) for each in found[:size]]
            if len(found) > size:
                again = {"bookingStatus": wanted, "dateFrom": since, "dateTo": until,
                         "entryReferenceFrom": known}  # fmt: skip
                query = "&".join(f"{name}={value}" for name, value in again.items() if value)
                before = found[size - 1]["seq"]
                base = f"{call.address}{own}" if self._dialect.absolute_links else own
                report["_links"]["next"] = link(f"{base}/transactions?{query}&before={before}")
        return {"account": self._accounts.reference(account), "transactions": report}


def _services(access: Json) -> Sequence[str]:
    """What the access is to. Whoever may read balances or transactions may list the accounts."""
    if "allPsd2" in access:
        return SERVICES
    return [each for each in SERVICES if each == "accounts" or each in access]
