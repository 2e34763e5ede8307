"""Reads the model bank's accounts with a consent in a store, without Temporal."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from activities.feed_steps import FeedStep, FeedSteps
from domain.account_data.transactions import Booking
from domain.consents.report import ConsentState
from domain.lifecycle.grants import Grant
from store.account_data import AccountData, AccountRecord, WantedTransactions
from store.account_feeds import AccountFeeds
from store.account_pages import AccountPages
from tests.account_data.bank import ModelAccounts
from tests.store.test_consents import ASK, CONSENT, Desk

BANK = ("bank", "main")
GRANTED = timedelta(days=100)


class _OneClock:
    """Clocks that agree, since there is one."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def agree(self) -> Any:
        return self._desk.clock


@dataclass
class Runs:
    """Notes which runs are notified."""

    notified: list[str] = field(default_factory=list)

    async def ensure_running(self, tenant: str, resource_id: str, kind: str = "") -> None:
        self.notified.append(f"{kind}/{tenant}/{resource_id}")


@dataclass
class Reader:
    """The steps of a feed."""

    desk: Desk
    bank: ModelAccounts = field(default_factory=ModelAccounts)
    runs: Runs = field(default_factory=Runs)

    def __post_init__(self) -> None:
        self.bank.clock = self.desk.clock
        database, keyring = self.desk.database, self.desk.keyring
        self.feeds = AccountFeeds(database, keyring)
        self.data = AccountData(database, keyring)
        self.pages = AccountPages(database, keyring)
        self.steps = FeedSteps(
            feeds=self.feeds,
            pages=self.pages,
            partners={BANK: self.bank},
            runner=self.runs,
            clocks=_OneClock(self.desk),  # type: ignore[arg-type]
        )

    def now(self) -> datetime:
        return self.desk.clock.now()

    async def connect(self, consent_id: str = CONSENT, **fields: Any) -> None:
        """A user authorises a consent."""
        await self.desk.ask(consent_id, **fields)
        await self.hear(ConsentState.ACTIVE, consent_id)

    async def hear(self, state: ConsentState, consent_id: str = CONSENT, **grant: Any) -> None:
        given = {"valid_until": self.now() + GRANTED, "authenticated_at": self.now(), **grant}
        await self.desk.hear(state, consent_id, grant=Grant(**given))

    async def read(self, consent_id: str = CONSENT) -> FeedStep:
        """Everything that is due now."""
        return await self.steps._read(consent_id)

    async def read_days(self, days: int, consent_id: str = CONSENT) -> None:
        """Everything that becomes due within so many days."""
        end = self.now() + timedelta(days=days)
        while True:
            step = await self.read(consent_id)
            if step.until is None or step.until > end:
                break
            self.desk.clock.step(max(step.until - self.now(), timedelta(seconds=1)))

    async def account(self, place: int = 0) -> AccountRecord:
        return (await self.data.accounts(limit=9))[0][place]

    async def shown(self, *, with_gone: bool = False) -> Counter[tuple[str, Booking]]:
        """What an app sees of the account's transactions, by text."""
        wanted = WantedTransactions((await self.account()).account_id, with_gone=with_gone)
        found = await self.data.transactions(wanted, limit=1000)
        return Counter(
            (each.transaction.remittance_information, each.transaction.booking)
            for each in found.records
        )

    @property
    def listed(self) -> Counter[tuple[str, Booking]]:
        """What the bank lists now."""
        return Counter(
            (each.transaction.remittance_information, each.transaction.booking)
            for each in self.bank.lines
        )

    @property
    def listings(self) -> int:
        """How often a listing was begun at the bank."""
        return sum(call.endswith(" None") for call in self.bank.calls)


__all__ = ["ASK", "CONSENT", "Reader"]
