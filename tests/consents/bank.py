"""A model bank that gives access to accounts: no keys, no lookups, and a book that outlives us."""

from __future__ import annotations

import json
import os
import signal
from base64 import urlsafe_b64encode
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from domain.clock import Clock
from domain.consents.answers import ConsentSubject
from domain.consents.instructions import ConsentInstruction as Kind
from domain.consents.report import Action, ActionKind, ConsentState, Report, Source
from domain.lifecycle.answers import (
    Accepted,
    Answered,
    CannotTell,
    Deadline,
    Exchange,
    InDoubt,
    LookedFor,
    NotReady,
    Preparation,
    Prepared,
    Read,
    Refused,
    Submitted,
    Unanswered,
    WireRequest,
)
from domain.lifecycle.grants import Grant, GrantedAccount
from domain.lifecycle.profile import (
    Idempotency,
    IdempotencyKind,
    Lookup,
    LookupKind,
    Operation,
    Profile,
)

#: The bank's words, and ours.
WORDS: Final[Mapping[str, ConsentState]] = {
    "received": ConsentState.AWAITING_USER,
    "partiallyAuthorised": ConsentState.PARTIALLY_AUTHORISED,
    "valid": ConsentState.ACTIVE,
    "loginRequired": ConsentState.NEEDS_REAUTH,
    "blocked": ConsentState.SUSPENDED_BY_PARTNER,
    "rejected": ConsentState.REJECTED,
    "expired": ConsentState.EXPIRED,
    "revokedByPsu": ConsentState.REVOKED_BY_USER,
    "terminatedByTpp": ConsentState.REVOKED_BY_US,
}
#: How long the bank's page can be used.
PAGE_FOR: Final = timedelta(minutes=10)
ISSUER: Final = "https://bank.example"


class OnSend(StrEnum):
    """What befalls one send."""

    NOTHING = "nothing"
    LOST_BEFORE = "lost_before"
    LOST_AFTER = "lost_after"
    REFUSED = "refused"


def profile(
    *kinds: Kind,
    read_pause: timedelta = timedelta(milliseconds=100),
    read_pause_max: timedelta = timedelta(seconds=1),
) -> Profile:
    """A bank quick enough for tests that can do these things, besides asking and ending."""
    operation = Operation(
        idempotency=Idempotency(kind=IdempotencyKind.NONE),
        lookup=Lookup(kind=LookupKind.NONE),
        write_within=timedelta(seconds=10),
        answer_within=timedelta(seconds=1),
        pause=timedelta(milliseconds=100),
    )
    return Profile(
        partner="bank",
        spec_version="test",
        operations=dict.fromkeys((Kind.ASK, Kind.REVOKE, *kinds), operation),
        watch={},
        read_pause=read_pause,
        read_pause_max=read_pause_max,
    )


@dataclass
class ModelBank:
    """Its book is a file: one entry for each consent that it made, the oldest first."""

    book: Path
    clock: Clock
    profile: Profile = field(default_factory=profile)
    grants_for: timedelta = timedelta(days=200)
    issuer: str | None = ISSUER
    on_send: deque[OnSend] = field(default_factory=deque)
    is_away: bool = False
    dies_after_effect: bool = False
    """Kills the process that sent, once the consent is made and before the answer."""
    calls: list[str] = field(default_factory=list)
    login: str = "us"

    @property
    def consents(self) -> list[dict[str, Any]]:
        """Every consent that it made, the oldest first."""
        return json.loads(self.book.read_text()) if self.book.exists() else []

    def _write(self, consents: list[dict[str, Any]]) -> None:
        self.book.write_text(json.dumps(consents))

    def change(self, number: int = -1, **fields: Any) -> dict[str, Any]:
        """Change one consent; by default the newest."""
        consents = self.consents
        consents[number] |= fields
        self._write(consents)
        return consents[number]

    def authorise(self, number: int = -1, *accounts: str) -> dict[str, str]:
        """The user confirms at the bank's page. Returns the callback's parameters.

        Every other consent of the user ends at that moment, as with many banks.
        """
        now = self.clock.now()
        consents = self.consents
        for other in consents:
            if other["status"] == "valid":
                other["status"] = "expired"
        chosen = consents[number]
        chosen |= {
            "status": "valid",
            "authenticated_at": now.isoformat(),
            "valid_until": chosen["valid_until"] or (now + self.grants_for).isoformat(),
            "accounts": list(accounts) or ["acc-1"],
        }
        self._write(consents)
        return self.callback(number)

    def callback(self, number: int = -1, **fields: str) -> dict[str, str]:
        """The parameters with which the user comes back."""
        chosen = self.consents[number]
        came = {"state": chosen["state"], **({"iss": self.issuer} if self.issuer else {})}
        return came | (fields or {"code": f"code-{chosen['id']}"})

    async def ready(self) -> NotReady | None:
        return None

    async def close(self) -> None:
        return None

    async def prepare(self, subject: ConsentSubject) -> Preparation:
        body: dict[str, Any] = {"permissions": subject.request.permissions}
        if subject.kind is Kind.ANSWER:
            assert subject.callback is not None
            body = {**subject.answer, "verifier": subject.callback.verifier}
        elif subject.callback is not None:
            body |= {"state": subject.callback.state, "challenge": subject.callback.challenge}
        sent = json.dumps(body).encode()
        return Prepared(
            WireRequest("POST", f"/{subject.kind}", sent, "application/json", subject.keys[-1])
        )

    async def submit(
        self, subject: ConsentSubject, request: WireRequest, deadline: Deadline
    ) -> Submitted:
        self.calls.append(f"submit {subject.kind}")
        befalls = self.on_send.popleft() if self.on_send else OnSend.NOTHING
        if befalls is OnSend.LOST_BEFORE:
            return InDoubt("the connection broke")
        if befalls is OnSend.REFUSED:
            return Refused(self._report(subject, "rejected", None), self._exchange())
        answer = self._execute(subject, json.loads(request.body))
        if self.dies_after_effect:
            os.kill(os.getpid(), signal.SIGKILL)
        return InDoubt("no answer in time") if befalls is OnSend.LOST_AFTER else answer

    def _execute(self, subject: ConsentSubject, body: Mapping[str, Any]) -> Submitted:
        match subject.kind:
            case Kind.ASK:
                consents = self.consents
                consents.append(
                    {
                        "id": f"c-{len(consents) + 1}",
                        "status": "received",
                        "valid_until": None,
                        "authenticated_at": None,
                        "accounts": None,
                        "state": body["state"],
                        "challenge": body["challenge"],
                    }
                )
                self._write(consents)
                return self._page(subject, consents[-1]["id"])
            case Kind.RENEW:
                self.change(self._place(subject), state=body["state"], challenge=body["challenge"])
                return self._page(subject, None)
            case Kind.ANSWER:
                chosen = self._own(subject)
                hashed = sha256(str(body["verifier"]).encode()).digest()
                challenge = urlsafe_b64encode(hashed).rstrip(b"=").decode()
                if (body["code"], challenge) != (f"code-{chosen['id']}", chosen["challenge"]):
                    word = self._report(subject, "invalid_grant", None, state=None)
                    return Refused(word, self._exchange())
                return self._accepted(subject, chosen["status"])
            case Kind.REVOKE:
                self.change(self._place(subject), status="terminatedByTpp")
                return self._accepted(subject, "terminatedByTpp")

    def _page(self, subject: ConsentSubject, reference: str | None) -> Submitted:
        page = Action(
            kind=ActionKind.REDIRECT,
            url=f"https://bank.example/authorise/{subject.instruction_id}",
            expires_at=self.clock.now() + PAGE_FOR,
        )
        report = self._report(subject, "received", reference)
        return Accepted(report.model_copy(update={"action": page}), self._exchange())

    def _accepted(self, subject: ConsentSubject, word: str) -> Submitted:
        return Accepted(self._report(subject, word, None), self._exchange())

    async def find(self, subject: ConsentSubject) -> LookedFor:
        return CannotTell(self.clock.now(), "the bank offers no lookup")

    async def read(self, subject: ConsentSubject) -> Read:
        self.calls.append("read")
        if self.is_away:
            return Unanswered("the bank is away")
        chosen = self._own(subject)
        grant = None
        if chosen["valid_until"] is not None:
            grant = Grant(
                accounts=tuple(GrantedAccount(reference=each) for each in chosen["accounts"]),
                valid_until=datetime.fromisoformat(chosen["valid_until"]),
                authenticated_at=datetime.fromisoformat(chosen["authenticated_at"]),
            )
        report = self._report(subject, chosen["status"], chosen["id"], source=Source.READ)
        return Answered(report.model_copy(update={"grant": grant}), self._exchange())

    def _place(self, subject: ConsentSubject) -> int:
        ids = [each["id"] for each in self.consents]
        return ids.index(subject.partner_reference)

    def _own(self, subject: ConsentSubject) -> dict[str, Any]:
        return self.consents[self._place(subject)]

    def _report(
        self,
        subject: ConsentSubject,
        word: str,
        reference: str | None,
        *,
        source: Source = Source.REPLY,
        **fields: Any,
    ) -> Report:
        return Report(
            **{
                "instruction_id": subject.instruction_id,
                "source": source,
                "as_of": self.clock.now(),
                "state": WORDS.get(word),
                "partner_status": word,
                "partner_reference": reference,
                **fields,
            }
        )

    def _exchange(self) -> Exchange:
        return Exchange("POST", "/consents", 200, "{}", "{}", self.clock.now())
