"""Domestic payments: submission of an authorised consent, reading, details, funds confirmation."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import datetime, timedelta

from simulators.kit.book import new_id
from simulators.kit.clock import stamp
from simulators.kit.partner import Call
from simulators.kit.replies import Json, Row
from simulators.obie import wire
from simulators.obie.book import Book
from simulators.obie.consents import AUTHORISED, Consents
from simulators.obie.dialects import Version
from simulators.obie.lifecycle import Lifecycle
from simulators.obie.tokens import Access
from simulators.obie.wire import Problem

#: How long a bank has to know an idempotency key: Read/Write API Profile, "Idempotency".
_KEY_LIFETIME = timedelta(hours=24)


class Payments:
    def __init__(self, book: Book, consents: Consents, lifecycle: Lifecycle) -> None:
        self._book = book
        self._consents = consents
        self._lifecycle = lifecycle

    def once(
        self, call: Call, client_id: str, version: Version, now: datetime,
        make: Callable[[str], Row],
    ) -> str:  # fmt: skip
        """The id of what a key has made in the last 24 hours, or of what `make` makes now.

        Raises:
            Problem: the key is missing or too long, or came before with another body.
        """
        key, fingerprint = wire.idempotency_key(call), _fingerprint(call)
        endpoint = f"{call.method} {call.path}"
        found = self._book.row(
            "SELECT * FROM keys WHERE client_id = ? AND key = ? AND endpoint = ? AND at > ?"
            " ORDER BY at DESC LIMIT 1",
            client_id, key, endpoint, stamp(now - _KEY_LIFETIME),
        )  # fmt: skip
        if found is not None:
            if found["fingerprint"] != fingerprint:
                text = "the idempotency key came before with another body"
                raise Problem(*version.changed_body, text, "x-idempotency-key")
            return str(found["resource_id"])
        made = make(key)
        self._book.insert(
            "keys",
            client_id=client_id,
            key=key,
            endpoint=endpoint,
            fingerprint=fingerprint,
            resource_id=made["id"],
            at=stamp(now),
        )
        return str(made["id"])

    def submit(self, call: Call, access: Access, version: Version, key: str, now: datetime) -> Row:
        """Raises:
        Problem: the consent is unknown, not authorised, of another version, or for another order.
        """
        data = wire.section(call.fields, "Data", "Data")
        risk = wire.section(call.fields, "Risk", "Risk")
        wire.initiation_of(data)
        consent_id = data.get("ConsentId")
        if not consent_id:
            raise Problem(400, "U004", "Data.ConsentId is missing", "Data.ConsentId")
        consent = self._book.consent(consent_id)
        if consent is None or consent["client_id"] != access.client_id:
            raise Problem(400, "U011", "there is no such consent", "Data.ConsentId")
        if consent_id != access.consent_id:
            raise Problem(403, "U008", "the token is for another consent", "Data.ConsentId")
        if consent["version"] != version.path:
            text = f"the consent was made in {consent['version']}"
            raise Problem(400, "U009", text, "Data.ConsentId")
        if consent["status"] != AUTHORISED:
            status = version.word(consent["status"])
            raise Problem(400, "U009", f"the consent is {status}", "Data.ConsentId")
        staged = json.loads(consent["body"])
        for path, given, wanted in (
            ("Data.Initiation", data["Initiation"], staged["Data"]["Initiation"]),
            ("Risk", risk, staged["Risk"]),
        ):
            if given != wanted:
                raise Problem(400, "U008", f"{path} is not that of the consent", path)
        return self._insert(call, consent, key, now)

    def of_client(self, call: Call, client_id: str, version: Version) -> Row:
        """Raises:
        Problem: 400 if there is none, 403 if it is another TPP's.
        """
        found = self._book.payment(call.object_id)
        if found is None or found["version"] > version.path:
            raise Problem(400, "U011", "there is no such payment")
        if found["client_id"] != client_id:
            raise Problem(403)
        return found

    def shown(self, payment: Row, version: Version, call: Call) -> Json:
        consent = self._book.consent(payment["consent_id"])
        assert consent is not None
        data: Json = {
            "DomesticPaymentId": payment["id"],
            "ConsentId": payment["consent_id"],
            "Status": version.word(payment["status"]),
            "CreationDateTime": wire.shown_at(payment["created_at"]),
            "StatusUpdateDateTime": wire.shown_at(payment["updated_at"]),
            "Initiation": json.loads(consent["body"])["Data"]["Initiation"],
        }
        if version.codes_only and (reasons := json.loads(payment["reasons"])):
            data["StatusReason"] = [{"StatusReasonCode": each} for each in reasons]
        room = f"{call.address}/open-banking/{version.path}/pisp/domestic-payments"
        return {"Data": data, "Links": {"Self": f"{room}/{payment['id']}"}, "Meta": {}}

    def details(self, payment: Row, version: Version, call: Call) -> Json:
        status = payment["status"]
        shown: Json = {
            "PaymentTransactionId": payment["id"].replace("-", ""),
            "Status": version.detail_words.get(status, status),
            "StatusUpdateDateTime": wire.shown_at(payment["updated_at"]),
        }
        if status == "RCVD" and version.codes_only:
            # The code list of v4.0's details has no RCVD: nothing is known of the transaction yet.
            return {"Data": {"PaymentStatus": []}, "Links": wire.links(call), "Meta": {}}
        return {"Data": {"PaymentStatus": [shown]}, "Links": wire.links(call), "Meta": {}}

    def funds(self, consent: Row, version: Version, call: Call, now: datetime) -> Json:
        """Whether the chosen account has the consent's amount.

        Raises:
            Problem: the consent is not authorised.
        """
        if consent["status"] != AUTHORISED:
            raise Problem(400, "U009", f"the consent is {version.word(consent['status'])}")
        account = json.loads(consent["accounts"])[0]
        balance = self._book.balance(account, "GBP", stamp(now))
        result = {
            "FundsAvailableDateTime": wire.shown_at(stamp(now)),
            "FundsAvailable": balance["amount_minor"] >= consent["amount_minor"],
        }
        return {"Data": {"FundsAvailableResult": result}, "Links": wire.links(call), "Meta": {}}

    def _insert(self, call: Call, consent: Row, key: str, now: datetime) -> Row:
        initiation = json.loads(consent["body"])["Data"]["Initiation"]
        payment_id, at = new_id(), stamp(now)
        self._book.insert(
            "payments",
            id=payment_id,
            unique_request_id=key,
            consent_id=consent["id"],
            client_id=consent["client_id"],
            version=consent["version"],
            status="RCVD",
            end_to_end_id=initiation["EndToEndIdentification"],
            amount_minor=consent["amount_minor"],
            currency=initiation["InstructedAmount"]["Currency"],
            debtor_account=json.loads(consent["accounts"])[0],
            creditor=json.dumps(initiation["CreditorAccount"]),
            address=call.address,
            created_at=at,
            updated_at=at,
        )
        self._consents.consume(consent, now)
        made = self._book.payment(payment_id)
        assert made is not None
        self._lifecycle.received(made, now)
        return made


def _fingerprint(call: Call) -> str:
    """Of a body's meaning: another order of its fields is the same body."""
    return hashlib.sha256(json.dumps(dict(call.fields), sort_keys=True).encode()).hexdigest()
