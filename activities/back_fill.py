"""Back-fill: reads the partners' own lists of events, because webhooks are lost.

While a payment is open, reads bring what a lost webhook was about, and a loss only means later. A
payment that is watched for returns is read once more at the end, weeks later, and one that has
ended is not read at all. A dispute, or a payout that failed after it was paid, then has no other
messenger than its webhook. To read such payments again and again was refused: that costs more the
more there are, and the list costs one request while nothing happens.

Every event is read, and not only those that the partner says it could not deliver: an endpoint that
the partner has disabled has nothing undelivered.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from domain.lifecycle.answers import Fed, Unanswered
from domain.lifecycle.places import AccountPlace
from domain.lifecycle.profile import Profile
from domain.lifecycle.silence import has_answered

if TYPE_CHECKING:
    from activities.silence import Silences
    from domain.clock import Clock
    from partners.interface import EventFeed
    from store.feeds import Feeds
    from store.inbox import Inbox

log = logging.getLogger("finality.events")

#: Pages and seconds of one account in one round, so that a slow partner does not hold up the rest
#: of the round. The next round goes on.
_PAGES_MAX: Final = 20
_SECONDS_MAX: Final = 60.0
#: Open payments that one transaction has read again.
_AT_ONCE: Final = 200


class Feed(NamedTuple):
    """The feed of one account: the adapter, its login, and today's profile."""

    events: EventFeed
    login: str
    profile: Profile


class BackFill:
    """Puts the events that partners list into the inbox, where webhooks have not brought them.

    Args:
        feeds: by partner and account, those that list their events.
        every: the pause between two readings of one feed.
        silences: shared with the steps of this process.
    """

    def __init__(
        self,
        *,
        feeds: Mapping[tuple[str, str], Feed],
        store: Feeds,
        inbox: Inbox,
        silences: Silences,
        every: timedelta,
        clock: Clock,
    ) -> None:
        self._feeds = feeds
        self._store = store
        self._inbox = inbox
        self._silences = silences
        self._every = every
        self._clock = clock

    async def catch_up(self) -> list[tuple[str, str]]:
        """Read every feed that is due. A partner that does not answer is asked again later.

        Returns:
            (tenant, resource id) of the resources that have news now.
        """
        news: dict[tuple[str, str], None] = {}

        async def read_one(place: AccountPlace, feed: Feed) -> None:
            try:
                async with asyncio.timeout(_SECONDS_MAX):
                    for _ in range(_PAGES_MAX):
                        if (found := await self._next(place, feed)) is None:
                            return
                        news.update(dict.fromkeys(found))
            except TimeoutError:
                log.warning("%s/%s: the next round reads more events", *place[:2])

        places = {
            AccountPlace(*name, feed.profile.environment, feed.profile.formerly): feed
            for name, feed in self._feeds.items()
        }
        done = await asyncio.gather(
            *(read_one(place, feed) for place, feed in places.items()), return_exceptions=True
        )
        for error in filter(None, done):
            raise error
        return list(news)

    async def _next(self, place: AccountPlace, feed: Feed) -> list[tuple[str, str]] | None:
        """Read the feed's next page. None: nothing more is due now."""
        asked_at = self._clock.now()
        reading = await self._store.begin(
            place,
            kept=feed.events.events_kept,
            again_after=self._every,
            login=feed.login,
            quota=feed.profile.quota,
            now=asked_at,
        )
        if reading is None:
            return None
        if reading.missed_since is not None:
            await self._missed(place, reading.missed_since)
        page = await feed.events.events_since(reading.since, reading.cursor)
        now = self._clock.now()
        if isinstance(page, Unanswered):
            self._silences.note("/".join(place[:2]), has_answered(page), page.why, now)
            log.warning("%s/%s: events are read later: %s", *place[:2], page.why)
            if page.retry_at is not None:
                await self._store.postpone(place, page.retry_at)
            return None
        self._silences.note("/".join(place[:2]), True, "", now)
        news = await self._take(place, page.entries, now)
        await self._store.passed(
            place,
            newest=max((each.at for each in page.entries), default=None),
            cursor=page.cursor,
            is_last=page.is_last,
            now=asked_at,
        )
        return news

    async def _take(
        self, place: AccountPlace, entries: tuple[Fed, ...], now: datetime
    ) -> list[tuple[str, str]]:
        ours = {each.webhook.event_key: each for each in entries if each.webhook.is_for_us}
        known = await self._inbox.known(*place[:2], ours)
        news = []
        for key in [key for key in ours if key not in known]:
            webhook = ours[key].webhook
            if webhook.partner_reference is None:
                continue
            arrival = await self._inbox.put(
                partner=place.partner,
                partner_account=place.account,
                event_key=key,
                partner_reference=webhook.partner_reference,
                body=ours[key].body,
                now=now,
            )
            log.info(
                "%s/%s: %.80r was in the list of events, for %s",
                *place[:2], webhook.kind, arrival.payment_id or "no payment yet",
            )  # fmt: skip
            if arrival.is_new and arrival.tenant and arrival.payment_id:
                news.append((arrival.tenant, arrival.payment_id))
        return news

    async def _missed(self, place: AccountPlace, since: datetime) -> None:
        """The partner no longer lists all events since then: ask a person, read what is open."""
        if await self._store.ask_about(place, since, self._clock.now()):
            log.error(
                "%s/%s: its events were read until %s, and the partner no longer lists all "
                "that came after; all open payments of the account are read once more",
                *place[:2], f"{since:%Y-%m-%d %H:%M} UTC",
            )  # fmt: skip
        after: str | None = ""
        while after is not None:
            after = await self._inbox.have_read(
                *place[:2],
                why=f"events missed since {since.isoformat()}",
                after=after,
                now=self._clock.now(),
                limit=_AT_ONCE,
            )
