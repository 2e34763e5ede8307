"""What a partner can do: one small Protocol per capability.

A partner implements those it has; there is no base class and there are no capability flags.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any, Protocol, runtime_checkable

from domain.account_data.answers import (
    Access,
    AccountsShown,
    BalancesShown,
    NoAccess,
    TransactionsPage,
)
from domain.lifecycle.answers import (
    Deadline,
    FeedPage,
    Listed,
    LookedFor,
    NotReady,
    Preparation,
    PreparedKey,
    PreparedObject,
    Read,
    Submitted,
    Unanswered,
    Unprepared,
    Webhook,
    WireRequest,
)
from domain.lifecycle.profile import Profile
from domain.money import Money
from domain.payments.order import Order


class Partner(Protocol):
    """Takes instructions of one kind of lifecycle, whose subjects it is given.

    What the partner did is returned as a value; only our own bugs raise.
    """

    @property
    def profile(self) -> Profile:
        """The behaviour declared today; a resource keeps the profile it was created with."""

    @property
    def login(self) -> str:
        """The login whose quota our requests use; accounts that share a login share the quota."""

    async def ready(self) -> NotReady | None:
        """Make sure that we can call the partner now (login, token). None: we can."""

    async def prepare(self, subject: Any) -> Preparation:
        """Find or make the objects that the instruction needs, and build its exact request."""

    async def submit(self, subject: Any, request: WireRequest, deadline: Deadline) -> Submitted:
        """Send these bytes once. The partner's code never resends, whatever happens."""

    async def find(self, subject: Any) -> LookedFor:
        """Look up by our own keys, with every parameter that makes the answer complete."""

    async def read(self, subject: Any) -> Read:
        """Read the current state of the object under `subject.partner_reference`."""


class PaymentPartner(Partner, Protocol):
    """Makes payments."""

    async def examine(self, order: Order) -> Unprepared | None:
        """Whether an order could be prepared now. None: it could.

        Asks what `prepare` asks, with the same code, but makes nothing. If `refused` is set in the
        answer, the order can never be prepared. People use this before they pay; no send waits for
        it. A partner that asks nothing while it prepares always answers None.
        """

    async def available(self, currency: str, on_behalf_of: str | None) -> Money | Unanswered:
        """The balance that our account there, or a sub-account, could pay from now.

        It is negative if the account owes. `Unanswered`: the partner does not show balances
        (`never`), or cannot answer now. People use this before they pay; no send waits for it.
        """

    async def close(self) -> None:
        """Close the connections."""


class ConsentPartner(Partner, Protocol):
    """Makes, renews and ends consents, and reads how they stand. It is given `ConsentSubject`s.

    The user's page is the `action` of a report, and what they granted is its `grant`. A reply to an
    ANSWER has the state ACTIVE once the bank has taken the user's word.
    """

    @property
    def issuer(self) -> str | None:
        """The bank's `iss` in callbacks (RFC 9207); None if it sends none."""

    async def close(self) -> None:
        """Close the connections."""


class DataPartner(Protocol):
    """Reads the accounts of a consent: which there are, their balances and their transactions.

    `Unanswered`: this reading brought nothing, and the last good data stays. `NoAccess`: the bank
    does not take the consent any more, or not for this.
    """

    @property
    def login(self) -> str:
        """The login whose connection our requests use."""

    async def accounts(self, access: Access) -> AccountsShown | NoAccess | Unanswered:
        """All accounts that the consent covers now."""

    async def balances(self, access: Access, account: str) -> BalancesShown | NoAccess | Unanswered:
        """All balances of one account.

        Args:
            account: the bank's own id of it, as `accounts` showed it.
        """

    async def transactions(
        self, access: Access, account: str, since: date | None, cursor: str | None
    ) -> TransactionsPage | NoAccess | Unanswered:
        """One page of an account's transactions, booked and pending, in the bank's own order.

        It makes one request. A line gets a `reference` only if the bank shows the same one for it
        in every listing; otherwise it would be stored twice.

        Args:
            since: the day to begin with; None: as far back as the bank shows.
            cursor: that of the page before; None: the first page.
        """

    async def close(self) -> None:
        """Close the connections."""


@runtime_checkable
class PaymentLister(Protocol):
    """Lists the payments under our account, so that we find those our database has lost."""

    async def created_since(self, since: datetime) -> Listed | Unanswered:
        """The payments created since then, of every sub-account, deleted ones included.

        Reads a few pages at most. If there are more, the caller asks again from the last payment.
        """


@runtime_checkable
class EventFeed(Protocol):
    """Lists the events of our account, so that webhooks that were lost are made up for."""

    @property
    def events_kept(self) -> timedelta:
        """How long the partner lists an event."""

    async def events_since(self, since: datetime, cursor: str | None) -> FeedPage | Unanswered:
        """The events after the cursor, the oldest first, under the keys that webhooks have.

        An event may come again in a later page, and one that the partner shows late must not be
        skipped. Reads a few pages of the partner at most; the caller asks again from the cursor.

        Args:
            since: where to begin if there is no cursor, or if the partner no longer knows it.
        """


class WebhookReader(Protocol):
    """Reads a partner's webhooks. A webhook only names an object; a read gets its state."""

    def read_webhook(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Webhook:
        """Verify the raw bytes, then say which object they are about.

        Raises:
            WebhookRefused: forged, stale or not understood; it must have no effect.
        """


class PreparedBook(Protocol):
    """Objects made at a partner before a payment, each of them once; shared by all processes.

    `by` names the caller that makes an object now; no other caller uses the same name.
    """

    async def claim(self, key: PreparedKey, by: str) -> PreparedObject | NotReady | None:
        """The object, if it was made. None: `by` may make it now, and other callers wait.

        `NotReady`: another caller is making it.
        """

    async def extend(self, key: PreparedKey, by: str) -> bool:
        """Extend the claim just before the object is made.

        False: `by` took too long, and another caller may be making it.
        """

    async def made(self, key: PreparedKey, reference: str, shown: str) -> PreparedObject:
        """Record that the object exists and how the partner shows it (`shown`).

        Returns the object that was recorded first.
        """

    async def forget(self, key: PreparedKey, reference: str, by: str) -> None:
        """Forget an object that was deleted or changed there; `by` may make another one."""

    async def release(self, key: PreparedKey, by: str) -> None:
        """Give the claim back, because `by` has certainly made nothing."""


class LoginBook(Protocol):
    """A partner login, shared by all processes: one login at a time, and none after a failure.

    The book seals a token as text. For a token that ends, the text is a whole `Grant` of
    `partners.kit.logins`.
    """

    async def token(self, login: str, credentials_hash: str) -> str | None:
        """The token in use. None: the login is not usable or has no token."""

    async def claim(self, login: str, credentials_hash: str) -> NotReady | None:
        """Take the lease to log in, or say why it cannot be taken.

        After a failed login no process may log in with the same credentials again until a person
        permits it or the credentials change.
        """

    async def succeeded(self, login: str, credentials_hash: str, token: str) -> None:
        """Record a new token for all processes, give the lease back and forget failures."""

    async def failed(self, login: str, credentials_hash: str, why: str) -> None:
        """Record that the partner refused the credentials; give the lease back, stop all logins."""

    async def unclear(self, login: str, credentials_hash: str, *, may_have_counted: bool) -> None:
        """Record that no usable answer came; gives the lease back after a pause.

        Args:
            may_have_counted: the request may have reached the partner, so the partner may have
                counted it as a failed login.
        """

    async def drop(self, login: str, token: str) -> None:
        """Forget a token that the partner refused, if it is still the one in use."""
