"""What the bank tells a TPP when asked: security event tokens (RFC 8417) by aggregated polling."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from simulators.kit.book import new_id
from simulators.kit.replies import Json, Row
from simulators.obie import jose, signatures
from simulators.obie.book import ACCESS, PAYMENT, Book
from simulators.obie.dialects import VERSIONS
from simulators.obie.wire import Problem

_EVENT = "urn:uk:org:openbanking:events:"
UPDATED = f"{_EVENT}resource-update"
REVOKED = f"{_EVENT}consent-authorization-revoked"
LINKED_ACCOUNTS = f"{_EVENT}account-access-consent-linked-account-update"
_OB = "http://openbanking.org.uk/"
_EVENTS_MAX = 100


class Events:
    def __init__(self, book: Book, key: jose.SigningKey, organisation: str) -> None:
        self._book = book
        self._key = key
        self._organisation = organisation

    def record(
        self, kind: str, about: Row, now: datetime, *, account_id: str | None = None
    ) -> None:
        """Keep an event for the TPP of that consent or payment, until it acknowledges it."""
        jti, issued = new_id(), int(now.timestamp())
        resource = about.get("kind") or "domestic-payments"
        told: Json = {"subject": _subject(about, resource)}
        if account_id is not None:
            # The account has changed; `sub` names the consent.
            told = {"reason": "UK.OBIE.AccountClosure",
                    "subject": _subject({**about, "id": account_id}, "accounts")}  # fmt: skip
        claims = {
            "iss": about["address"],
            "iat": issued,
            "jti": jti,
            "sub": _link(about, resource, about["version"]),
            "aud": about["client_id"],
            "txn": new_id(),
            "toe": issued,
            "events": {kind: told},
        }
        self._book.insert(
            "events", jti=jti, client_id=about["client_id"], claims=json.dumps(claims)
        )

    def poll(self, asked: Mapping[str, Any], client_id: str, now: datetime) -> Json:
        """Acknowledge, and hand out what waits. Events that were reported as errors wait on.

        Raises:
            Problem: a field has another form.
        """
        most, acknowledged = asked.get("maxEvents", _EVENTS_MAX), asked.get("ack", [])
        errors = asked.get("setErrs", {})
        if not isinstance(most, int) or isinstance(most, bool) or most < 0:
            raise Problem(400, "U002", "maxEvents is no count", "maxEvents")
        if not isinstance(acknowledged, list):
            raise Problem(400, "U002", "ack is no list", "ack")
        if not isinstance(errors, dict):
            raise Problem(400, "U002", "setErrs is no object", "setErrs")
        done = "UPDATE events SET state = 'acknowledged' WHERE client_id = ? AND jti = ?"
        for jti in acknowledged:
            self._book.run(done, client_id, str(jti))
        failed = "UPDATE events SET problem = ? WHERE client_id = ? AND jti = ?"
        for jti, error in errors.items():
            self._book.run(failed, json.dumps(error), client_id, str(jti))
        sql = "SELECT * FROM events WHERE client_id = ? AND state = 'waiting' ORDER BY seq"
        waiting = self._book.rows(sql, client_id)
        sets = {row["jti"]: self._token(row, now) for row in waiting[:most]}
        return {"sets": sets, "moreAvailable": len(waiting) > len(sets)}

    def _token(self, event: Row, now: datetime) -> str:
        members = signatures.header(self._organisation, now, unencoded=False)
        return self._key.jwt(json.loads(event["claims"]), **members)


def _subject(about: Row, resource: str) -> Json:
    return {
        "subject_type": f"{_OB}rid_{_OB}rty",
        f"{_OB}rid": about["id"],
        f"{_OB}rty": resource.removesuffix("s"),
        f"{_OB}rlk": [
            {"version": version, "link": _link(about, resource, version)}
            for version in VERSIONS
            if version >= about["version"]
        ],
    }


def _link(about: Row, resource: str, version: str) -> str:
    room = "aisp" if resource in (ACCESS, "accounts") else "pisp"
    assert resource in (ACCESS, PAYMENT, "accounts", "domestic-payments")
    return f"{about['address']}/open-banking/{version}/{room}/{resource}/{about['id']}"
