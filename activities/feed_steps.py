"""Reads account data: a few pages of one consent's accounts, and when the next ones are due.

The store decides what may be read, and keeps each page with the cursor after it. So a step may be
repeated at any time, by any process: it goes on where the last page ended.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Final, Protocol

from pydantic import AwareDatetime
from temporalio import activity

from activities.uninterrupted import Heartbeat, uninterrupted
from domain.account_data.answers import AccountsShown, BalancesShown, NoAccess, TransactionsPage
from domain.account_data.reading import Ask, FeedName, Rest, Turn
from domain.lifecycle.answers import Unanswered
from domain.lifecycle.next_step import Message
from domain.lifecycle.notifying import NotNotified

if TYPE_CHECKING:
    from activities.clocks import Clocks
    from activities.upkeep import Runner
    from domain.clock import Clock
    from partners.interface import DataPartner
    from store.account_feeds import AccountFeeds
    from store.account_pages import AccountPages

log = logging.getLogger("finality.accounts")

_BEAT_SECONDS: Final = 1.0
#: Then a step returns, although more may be read at once, so that a history shows progress.
_SECONDS_MAX: Final = 60.0
_CONSENT: Final = "consent"
#: Feeds that one round of upkeep notifies at most; the next round notifies the others.
_NOTIFIED_MAX: Final = 500

Shown = AccountsShown | BalancesShown | TransactionsPage | NoAccess | Unanswered


class FeedRef(Message):
    """What the workflow of a feed is started with."""

    tenant: str
    consent_id: str
    partner: str


class FeedStep(Message):
    """What a step read, and when the next one is due. Without a moment nothing is due any more."""

    said: str
    until: AwareDatetime | None = None
    pages: int = 0
    """Answers of the bank that were kept."""


class FeedSteps:
    """Runs on a partner's own queue."""

    def __init__(
        self,
        *,
        feeds: AccountFeeds,
        pages: AccountPages,
        partners: Mapping[tuple[str, str], DataPartner],
        runner: Runner,
        clocks: Clocks,
    ) -> None:
        """Make the steps.

        Args:
            runner: notifies the run of a consent that the bank no longer takes.
        """
        self._feeds = feeds
        self._pages = pages
        self._partners = partners
        self._runner = runner
        self._clocks = clocks

    @activity.defn
    async def read_accounts(self, ref: FeedRef) -> FeedStep:
        """Read what is due now, for a minute at most.

        Raises:
            ClocksApart: our clock differs from the others. Nothing was read.
            LookupError: the partner's account is not in the settings of this worker.
            UnknownResource: the database does not have the consent.
        """
        async with Heartbeat(activity.heartbeat, _BEAT_SECONDS):
            return await uninterrupted(self._read(ref.consent_id))

    async def _read(self, consent_id: str) -> FeedStep:
        moments = await self._clocks.agree()
        loop = asyncio.get_running_loop()
        ends_at, kept = loop.time() + _SECONDS_MAX, 0
        while True:
            found = await self._feeds.begin(consent_id, moments.now())
            if isinstance(found, Rest):
                return FeedStep(said=found.why, until=found.until, pages=kept)
            kept += await self._take(consent_id, found, moments.now)
            if loop.time() >= ends_at:
                return FeedStep(said="there is more to read", until=moments.now(), pages=kept)

    async def _take(self, consent_id: str, turn: Turn, now: Callable[[], datetime]) -> int:
        """Make one reading and keep what it brought. Returns how many answers were kept."""
        if (partner := self._partners.get(turn.bank)) is None:
            raise LookupError(
                f"account {'/'.join(turn.bank)} is not in this worker's settings, or its partner "
                "shows no account data; add it, and restart the worker"
            )
        shown = await _asked(partner, turn)
        match shown:
            case AccountsShown():
                await self._pages.accounts(consent_id, turn, shown, now())
            case BalancesShown():
                await self._pages.balances(consent_id, turn, shown, now())
            case TransactionsPage(cursor=str(cursor)) if cursor == turn.cursor:
                why = "the bank's list names the page as the one that follows itself"
                await self._feeds.failed(consent_id, turn, why, None, now())
                return 0
            case TransactionsPage():
                await self._pages.page(consent_id, turn, shown, now())
            case NoAccess(why=why):
                log.warning("%s: the bank does not take the consent: %s", consent_id, why)
                tenant, _ = await self._feeds.lost(consent_id, turn, why, now())
                try:
                    await self._runner.ensure_running(tenant, consent_id, _CONSENT)
                except NotNotified as refused:  # Upkeep notifies it later.
                    log.warning("%s: its run is notified later: %s", consent_id, refused)
                return 0
            case Unanswered(why=why, retry_at=retry_at):
                log.warning("%s: %s are read later: %s", consent_id, turn.ask, why)
                await self._feeds.failed(consent_id, turn, why, retry_at, now())
                return 0
        return 1


async def _asked(partner: DataPartner, turn: Turn) -> Shown:
    match turn.ask:
        case Ask.ACCOUNTS:
            return await partner.accounts(turn.access)
        case Ask.BALANCES:
            return await partner.balances(turn.access, turn.reference)
        case Ask.PAGE | Ask.HEAD:
            return await partner.transactions(turn.access, turn.reference, turn.since, turn.cursor)


class FeedRunner(Protocol):
    """Starts and notifies the runs of feeds; `starter.running` implements it."""

    async def ensure_reading(self, feed: FeedName) -> None:
        """Start the feed's workflow, or have the running one look again.

        Raises:
            NotNotified: this run cannot be notified, but others can.
        """


class FeedRelay:
    """Finds feeds whose run is dead or does not know of its next step, and notifies them.

    Args:
        accounts: partner and account of those that this process can read.
    """

    def __init__(
        self,
        feeds: AccountFeeds,
        accounts: Collection[tuple[str, str]],
        runner: FeedRunner,
        clock: Clock,
    ) -> None:
        self._feeds = feeds
        self._accounts = accounts
        self._runner = runner
        self._clock = clock

    async def notify(self) -> int:
        """Notify those that are late. Returns how many."""
        if not self._accounts:
            return 0
        late = await self._feeds.overdue(self._accounts, self._clock.now(), limit=_NOTIFIED_MAX)
        for feed in late:
            try:
                await self._runner.ensure_reading(feed)
            except NotNotified as refused:
                log.error("%s: its feed cannot be notified: %s", feed.consent_id, refused)
        return len(late)
