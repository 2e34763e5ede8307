"""Consents of both kinds: to read accounts, and to pay once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from simulators.kit.book import new_id
from simulators.kit.clock import moment, stamp
from simulators.kit.partner import Call
from simulators.kit.replies import Json, Row
from simulators.kit.timers import NotPossible, Timers
from simulators.obie import wire
from simulators.obie.book import ACCESS, PAYMENT, Book
from simulators.obie.dialects import Version
from simulators.obie.events import LINKED_ACCOUNTS, REVOKED, Events
from simulators.obie.tokens import Tokens
from simulators.obie.wire import Problem

AWAITING, AUTHORISED, REJECTED, CONSUMED, CANCELLED, EXPIRED = (
    "AWAU", "AUTH", "RJCT", "COND", "CANC", "EXPD",
)  # fmt: skip
#: Reasons of the code list OBExternalStatusReason1Code, with what they say to people.
TOKEN_EXPIRED, TOKEN_SUSPENDED, REAUTHENTICATE = "TKXP", "TKSP", "U028"
NOT_COMPLETED, FAILED, USED_UP = "U036", "U037", "U038"
REASONS = {
    TOKEN_EXPIRED: "Token expired",
    TOKEN_SUSPENDED: "Token found with suspended status",
    REAUTHENTICATE: "Reauthentication is required by PSU",
    NOT_COMPLETED: "Authorisation not completed",
    FAILED: "Authorisation failed",
    USED_UP: "Consent consumed successfully",
}
_TRANSACTIONS = ("ReadTransactionsBasic", "ReadTransactionsDetail")
_DIRECTIONS = ("ReadTransactionsCredits", "ReadTransactionsDebits")
PERMISSIONS = (
    "ReadAccountsBasic", "ReadAccountsDetail", "ReadBalances", "ReadBeneficiariesBasic",
    "ReadBeneficiariesDetail", "ReadDirectDebits", "ReadOffers", "ReadPAN", "ReadParty",
    "ReadPartyPSU", "ReadProducts", "ReadScheduledPaymentsBasic", "ReadScheduledPaymentsDetail",
    "ReadStandingOrdersBasic", "ReadStandingOrdersDetail", "ReadStatementsBasic",
    "ReadStatementsDetail", *_TRANSACTIONS, *_DIRECTIONS,
)  # fmt: skip


class Consents:
    def __init__(self, book: Book, tokens: Tokens, events: Events, timers: Timers) -> None:
        self._book = book
        self._tokens = tokens
        self._events = events
        self._timers = timers

    def ask_access(self, call: Call, client_id: str, version: Version, now: datetime) -> Row:
        """Raises:
        Problem: the request is not in order.
        """
        data = wire.section(call.fields, "Data", "Data")
        wire.section(call.fields, "Risk", "Risk")
        _check_permissions(data.get("Permissions"))
        for name in ("ExpirationDateTime", "TransactionFromDateTime", "TransactionToDateTime"):
            if name in data:
                wire.read_at(data[name], f"Data.{name}")
        expires = None
        if "ExpirationDateTime" in data:
            expires = wire.read_at(data["ExpirationDateTime"], "Data.ExpirationDateTime")
            if expires <= now:
                text = "ExpirationDateTime is in the past"
                raise Problem(400, "U003", text, "Data.ExpirationDateTime")
        made = self._insert(ACCESS, call, client_id, version, now, expires=expires)
        if expires is not None:
            self._timers.add(made["id"], "expire", expires)
        return made

    def ask_payment(
        self, call: Call, client_id: str, version: Version, key: str, now: datetime
    ) -> Row:
        """Raises:
        Problem: the request is not in order.
        """
        data = wire.section(call.fields, "Data", "Data")
        wire.section(call.fields, "Risk", "Risk")
        initiation = wire.initiation_of(data)
        path = "Data.Initiation.InstructedAmount.Amount"
        minor = wire.minor_of(initiation["InstructedAmount"]["Amount"], path)
        debtor = initiation.get("DebtorAccount")
        if debtor is not None and not self._own_account(debtor):
            path = "Data.Initiation.DebtorAccount.Identification"
            raise Problem(400, "U021", "no such account at this bank", path)
        return self._insert(PAYMENT, call, client_id, version, now, key=key, amount_minor=minor)

    def of_client(self, call: Call, client_id: str, kind: str, version: Version) -> Row:
        """The consent that a request is about.

        A consent made in a later version is not shown by an earlier one.

        Raises:
            Problem: 400 if there is none, 403 if it is another TPP's or of a later version.
        """
        found = self._book.consent(call.object_id)
        if found is None or found["kind"] != kind or found["deleted"]:
            raise Problem(400, "U011", "there is no such consent")
        if found["client_id"] != client_id:
            raise Problem(403)
        if found["version"] > version.path:
            raise Problem(400, "U011", f"the consent was made in {found['version']}")
        return found

    def shown(self, consent: Row, version: Version, call: Call) -> Json:
        body = json.loads(consent["body"])
        data: Json = {
            **body["Data"],
            "ConsentId": consent["id"],
            "Status": version.word(consent["status"]),
            "CreationDateTime": wire.shown_at(consent["created_at"]),
            "StatusUpdateDateTime": wire.shown_at(consent["updated_at"]),
        }
        if consent["expires_at"]:
            data["ExpirationDateTime"] = wire.shown_at(consent["expires_at"])
        if version.codes_only and (reasons := json.loads(consent["reasons"])):
            data["StatusReason"] = [reason(code) for code in reasons]
        own = f"{call.address}{_path(version, consent)}"
        return {"Data": data, "Risk": body["Risk"], "Links": {"Self": own}, "Meta": {}}

    # What a PSU or the bank does

    def can_be_authorised(self, consent: Row) -> bool:
        """A consent that waits, and one for access that may be authenticated again."""
        again = consent["kind"] == ACCESS and (
            consent["status"] == AUTHORISED or REAUTHENTICATE in json.loads(consent["reasons"])
        )
        return not consent["deleted"] and (consent["status"] == AWAITING or again)

    def authorise(self, consent: Row, accounts: Sequence[str], now: datetime) -> None:
        """Raises:
        NotPossible: not in this status, or these accounts cannot be chosen.
        """
        wanted = debtor_of(consent)
        known = {
            row["id"] for row in self._book.accounts() if wanted in (None, row["identification"])
        }
        if not self.can_be_authorised(consent):
            raise NotPossible(f"the consent is {consent['status']}")
        if not accounts or not set(accounts) <= known:
            raise NotPossible("choose one of your accounts")
        if consent["kind"] == PAYMENT and len(accounts) != 1:
            raise NotPossible("a payment has one account")
        if consent["status"] != AWAITING:
            # Authenticated again: what was issued before is over.
            self._tokens.revoke_of_consent(consent["id"])
        self._book.change("consents", consent["id"], accounts=json.dumps(list(accounts)))
        self.become(consent["id"], AUTHORISED, (), now, "authorised")

    def reject(self, consent: Row, why: str, now: datetime) -> None:
        """A PSU refused or left. An authentication that was only repeated changes nothing."""
        if consent["status"] == AWAITING:
            self.become(consent["id"], REJECTED, (why,), now, REASONS[why])

    def consume(self, consent: Row, now: datetime) -> None:
        self.become(consent["id"], CONSUMED, (USED_UP,), now, "consumed")

    def delete(self, consent: Row, now: datetime) -> None:
        """A TPP gives access back. The consent is kept, but not shown any more."""
        self._book.change("consents", consent["id"], deleted=1)
        self._timers.stop(consent["id"])
        self._tokens.revoke_of_consent(consent["id"])
        self._book.note(consent["id"], stamp(now), consent["status"], "deleted by the TPP")

    def expire(self, consent: Row, now: datetime) -> None:
        if consent["status"] not in (AWAITING, AUTHORISED) or consent["deleted"]:
            raise NotPossible(f"the consent is {consent['status']}")
        self.become(consent["id"], EXPIRED, (TOKEN_EXPIRED,), now, "expired")

    def revoke(self, consent: Row, now: datetime, *, again: bool = False) -> None:
        """The PSU takes access back at the bank. With `again` the bank asks for new SCA instead.

        Raises:
            NotPossible: it is not authorised, or is for a payment, which cannot be revoked.
        """
        if consent["kind"] != ACCESS or consent["status"] != AUTHORISED:
            raise NotPossible(f"the consent is {consent['status']}")
        reasons = (TOKEN_SUSPENDED, REAUTHENTICATE) if again else (TOKEN_SUSPENDED,)
        what = "new authentication asked for" if again else "revoked at the bank"
        self.become(consent["id"], CANCELLED, reasons, now, what)
        self._events.record(REVOKED, self._known(consent["id"]), now)

    def shorten(self, consent: Row, expires: datetime, now: datetime) -> None:
        """The bank lets the consent end earlier than asked."""
        if consent["kind"] != ACCESS or consent["status"] not in (AWAITING, AUTHORISED):
            raise NotPossible(f"the consent is {consent['status']}")
        if consent["expires_at"] and expires >= moment(consent["expires_at"]):
            raise NotPossible("the consent ends before that already")
        self._timers.stop(consent["id"], "expire")
        self._book.change("consents", consent["id"], expires_at=stamp(expires))
        self._timers.add(consent["id"], "expire", expires)
        self._book.note(consent["id"], stamp(now), consent["status"], "shortened by the bank")

    def unlink(self, consent: Row, account_id: str, now: datetime) -> None:
        """Take an account out of a consent, as when the PSU closes it."""
        left = [each for each in json.loads(consent["accounts"]) if each != account_id]
        if left == json.loads(consent["accounts"]):
            raise NotPossible(f"account {account_id!r} is not part of the consent")
        self._book.change("consents", consent["id"], accounts=json.dumps(left))
        self._book.note(consent["id"], stamp(now), consent["status"], f"without {account_id}")
        self._events.record(LINKED_ACCOUNTS, consent, now, account_id=account_id)

    def become(
        self, consent_id: str, status: str, reasons: Sequence[str], now: datetime, what: str
    ) -> None:
        changed = {"status": status, "reasons": json.dumps(list(reasons))}
        self._book.change("consents", consent_id, updated_at=stamp(now), **changed)
        self._book.note(consent_id, stamp(now), status, what)

    def _insert(
        self, kind: str, call: Call, client_id: str, version: Version, now: datetime,
        *, key: str | None = None, expires: datetime | None = None, amount_minor: int | None = None,
    ) -> Row:  # fmt: skip
        consent_id, at = new_id(), stamp(now)
        body = {"Data": call.fields["Data"], "Risk": call.fields["Risk"]}
        self._book.insert(
            "consents",
            id=consent_id,
            unique_request_id=key,
            kind=kind,
            client_id=client_id,
            version=version.path,
            status=AWAITING,
            body=json.dumps(body),
            amount_minor=amount_minor,
            expires_at=None if expires is None else stamp(expires),
            address=call.address,
            created_at=at,
            updated_at=at,
        )
        self._book.note(consent_id, at, AWAITING, "asked for")
        return self._known(consent_id)

    def _own_account(self, debtor: Json) -> bool:
        numbers = [row["identification"] for row in self._book.accounts()]
        return debtor["Identification"] in numbers

    def _known(self, consent_id: str) -> Row:
        found = self._book.consent(consent_id)
        assert found is not None
        return found


def reason(code: str) -> Json:
    return {"StatusReasonCode": code, "StatusReasonDescription": REASONS.get(code, code)}


def debtor_of(consent: Row) -> str | None:
    """The number of the account that a payment has to come from, if the TPP said it."""
    initiation = json.loads(consent["body"])["Data"].get("Initiation", {})
    return (initiation.get("DebtorAccount") or {}).get("Identification")


def _path(version: Version, consent: Row) -> str:
    room = "aisp" if consent["kind"] == ACCESS else "pisp"
    return f"/open-banking/{version.path}/{room}/{consent['kind']}/{consent['id']}"


def _check_permissions(given: Any) -> None:
    """Account and Transaction API Profile, "Permissions"."""
    path = "Data.Permissions"
    if given is None:
        raise Problem(400, "U004", f"{path} is missing", path)
    if not isinstance(given, list) or not given or not set(map(str, given)) <= set(PERMISSIONS):
        raise Problem(400, "U002", f"{path} has an unknown permission, or none", path)
    if not {"ReadAccountsBasic", "ReadAccountsDetail"} & set(given):
        text = "the permissions need ReadAccountsBasic or ReadAccountsDetail"
        raise Problem(400, "U001", text, path)
    reads, directs = set(_TRANSACTIONS) & set(given), set(_DIRECTIONS) & set(given)
    if bool(reads) != bool(directs):
        text = "transactions need Basic or Detail, and Credits or Debits"
        raise Problem(400, "U001", text, path)
