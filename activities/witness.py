"""Partners as witnesses: a payment under one of our keys that we do not know halts everything.

If database and Temporal are restored from one backup, or if the database is new, nothing of ours
remembers what was sent. So each process compares the partner's list with the database before it
sends anything new, and each round of upkeep compares what has come since.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from activities.silence import Silences
from domain.lifecycle.answers import NotReady, Shown, Unanswered
from domain.lifecycle.silence import has_answered
from domain.payments.listing import Listing

if TYPE_CHECKING:
    from domain.clock import Clock
    from domain.lifecycle.profile import Profile
    from partners.interface import PaymentLister
    from store.strangers import Strangers

log = logging.getLogger("finality.witness")

#: The pause before a partner's list is asked for again, if the partner named no moment itself.
_PAUSE: Final = timedelta(seconds=15)


@dataclass
class _Account:
    """What this process knows of one account."""

    compared: bool = False
    not_ready: NotReady | None = None
    one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)

    def is_due(self, now: datetime) -> bool:
        """Whether a comparison is due now, before anything new may be sent."""
        return not self.compared and (self.not_ready is None or now >= self.not_ready.until)


class Witness:
    """Compares the lists of the partners that have one. The others hold nothing up.

    Args:
        listers: by partner and account, each with today's profile.
        strangers: compares a list with the database.
        clock: our clock.
    """

    def __init__(
        self,
        *,
        listers: Mapping[tuple[str, str], tuple[PaymentLister, Profile]],
        strangers: Strangers,
        clock: Clock,
    ) -> None:
        self._listers = listers
        self._strangers = strangers
        self._clock = clock
        self._accounts = {name: _Account() for name in listers}
        #: Shared with the steps of this process, so that a silent partner makes one log line.
        self.silences = Silences()

    async def not_compared(self, partner: str, account: str) -> NotReady | None:
        """None: this process has compared the account, so new payments may be sent."""
        known = self._accounts.get((partner, account))
        if known is None or known.compared:
            return None
        async with known.one_at_a_time:  # Other steps of this process wait for this comparison.
            if known.is_due(self._clock.now()):
                await self._compare(partner, account)
            return known.not_ready

    async def compare_all(self) -> None:
        """Compare every account once. One that cannot be asked is tried again in the next round."""
        for (partner, account), known in self._accounts.items():
            async with known.one_at_a_time:
                await self._compare(partner, account)

    async def _compare(self, partner: str, account: str) -> None:
        known = self._accounts[partner, account]
        unanswered = await self._compare_list(partner, account)
        answered = True if unanswered is None else has_answered(unanswered)
        why = unanswered.why if unanswered else ""
        self.silences.note(f"{partner}/{account}", answered, why, self._clock.now())
        if unanswered is None:
            known.compared, known.not_ready = True, None
            return
        if known.compared:
            # One comparison is enough to send. The next round compares what came since.
            log.warning(
                "the payments that %s/%s lists are compared later, in the next round: %s",
                partner, account, why,
            )  # fmt: skip
            return
        why = (
            f"nothing new is sent to {partner}/{account} until the payments that it lists are "
            f"compared with the database: {why}"
        )
        if known.not_ready is None:
            log.warning("%s", why)
        until = unanswered.retry_at or self._clock.now() + _PAUSE
        known.not_ready = NotReady(why, until, answered=answered)

    async def _compare_list(self, partner: str, account: str) -> Unanswered | None:
        lister, profile = self._listers[partner, account]
        listing = Listing.of(partner, account, profile)
        since = await self._strangers.since(listing, self._clock.now())
        shown: dict[str, Shown] = {}
        at, is_complete = since.at, False
        while not is_complete:
            listed = await lister.created_since(at)
            if isinstance(listed, Unanswered):
                return listed
            shown |= {each.partner_reference: each for each in listed.payments}
            is_complete = listed.is_complete
            if not is_complete and listed.payments[-1].created_at <= at:
                return Unanswered(f"it made more payments at {at:%H:%M:%S} than it lists at a time")
            at = listed.payments[-1].created_at if listed.payments else at
        found = await self._strangers.compare(
            listing, tuple(shown.values()), since, self._clock.now()
        )
        if found:
            log.error("%s. Everything is halted; `finality halts` says what to do", found)
        return None
