"""What a partner can do, one small Protocol a capability."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol, runtime_checkable

from domain.answers import (
    Deadline,
    Listed,
    LookedFor,
    NotReady,
    Preparation,
    PreparedKey,
    PreparedObject,
    Read,
    Subject,
    Submitted,
    Unanswered,
    Unprepared,
    Webhook,
    WireRequest,
)
from domain.money import Money
from domain.order import Order
from domain.profile import Profile


class PaymentPartner(Protocol):
    """Pays. What the partner did is a value; only our own bugs are exceptions."""

    @property
    def profile(self) -> Profile:
        """Today's declared behaviour; a payment keeps the one it was created with."""

    @property
    def login(self) -> str:
        """Whose quota our requests count against: the same for accounts that share a login."""

    async def ready(self) -> NotReady | None:
        """Make sure we may talk to the partner now (login, token); None when we may."""

    async def prepare(self, subject: Subject) -> Preparation:
        """Find or make what the instruction needs, and build its exact request."""

    async def examine(self, order: Order) -> Unprepared | None:
        """Whether an order could be prepared now: by the questions of `prepare` and the same code,
        without making anything. `refused` in the answer: it never could.

        For people, before they pay: no send waits for it. Always None where nothing is asked.
        """

    async def submit(self, subject: Subject, request: WireRequest, deadline: Deadline) -> Submitted:
        """Send those bytes once. Never again by itself, whatever happens."""

    async def find(self, subject: Subject) -> LookedFor:
        """Ask by our own keys, with every parameter that makes the answer complete."""

    async def read(self, subject: Subject) -> Read:
        """Ask what became of the object under `subject.partner_reference`."""

    async def available(self, currency: str, on_behalf_of: str | None) -> Money | Unanswered:
        """What our account there, or a sub-account of it, could pay now; below zero when it owes.

        For people, before they pay: no send waits for it. Untold: they do not say, or not now.
        """

    async def close(self) -> None:
        """Let go of connections."""


@runtime_checkable
class PaymentLister(Protocol):
    """Lists what it holds under our account: what our database has forgotten shows there."""

    async def created_since(self, since: datetime) -> Listed | Unanswered:
        """Payments created since, of every sub-account and deleted ones too. A few pages at most:
        the rest is asked for again, since the last of them."""


class WebhookReader(Protocol):
    """Reads what a partner delivers unasked. It only points at something: a read tells what."""

    def read_webhook(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Webhook:
        """Verify the raw bytes, then say what they are about.

        Raises:
            WebhookRefused: forged, stale, or not to be understood; nothing may follow from it.
        """


class PreparedBook(Protocol):
    """Objects made at a partner before a payment, each once, as all processes share them.

    `by` is whoever makes one now: a name that nobody else uses.
    """

    async def claim(self, key: PreparedKey, by: str) -> PreparedObject | NotReady | None:
        """The object; or None: `by` may make it, and others wait; or that others make it now."""

    async def extend(self, key: PreparedKey, by: str) -> bool:
        """Just before it is made: False where `by` took too long, and another may make it."""

    async def made(self, key: PreparedKey, reference: str, shown: str) -> PreparedObject:
        """It is there, and shown like that. Returns the one that was recorded first."""

    async def forget(self, key: PreparedKey, reference: str, by: str) -> None:
        """It was deleted or changed there: `by` may make another one."""

    async def release(self, key: PreparedKey, by: str) -> None:
        """`by` has made nothing, for certain."""


class LoginBook(Protocol):
    """A partner login as all processes share it: one at a time, and none after a failure."""

    async def token(self, login: str, credentials_hash: str) -> str | None:
        """The token in use, if the login is usable and has one."""

    async def claim(self, login: str, credentials_hash: str) -> NotReady | None:
        """Take the lease to log in, or say why not. After a failed login nobody may try again
        with the same credentials until a person says so or the credentials change."""

    async def succeeded(self, login: str, credentials_hash: str, token: str) -> None:
        """A new token for everybody; gives the lease back and forgets failures."""

    async def failed(self, login: str, credentials_hash: str, why: str) -> None:
        """The partner refused the credentials; gives the lease back and stops all logins."""

    async def unclear(self, login: str, credentials_hash: str, *, may_have_counted: bool) -> None:
        """No usable answer; gives the lease back after a pause. `may_have_counted`: the question
        may have reached the partner, so it may have been a failed login."""

    async def drop(self, login: str, token: str) -> None:
        """The partner refused this token; forgotten if it is still the one in use."""
