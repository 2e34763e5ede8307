"""The client for apps that read the accounts of their users: what is known, and how old it is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from ipaddress import ip_address
from typing import TYPE_CHECKING

from domain.clock import Clock
from starter.away import LEFT_TO_RELAY
from store.account_data import (
    AccountData,
    AccountRecord,
    TransactionsFound,
    WantedTransactions,
)
from store.account_feeds import AccountFeeds

if TYPE_CHECKING:
    from starter.running import Running


class InvalidAddress(ValueError):
    """The user's address is no IP address. Nothing was done."""


class Accounts:
    """Typed, async access to account data. Make one per process, with `assembly`.

    A tenant's app passes its own name as `tenant`. None is for operators of all tenants. Nothing
    here waits for a bank: the workflow of the consent reads, and this shows what it has read.
    """

    def __init__(
        self,
        *,
        data: AccountData,
        feeds: AccountFeeds,
        running: Callable[[], Awaitable[Running]],
        clock: Clock,
    ) -> None:
        self._data = data
        self._feeds = feeds
        self._running = running
        self._clock = clock

    async def accounts(
        self,
        *,
        tenant: str | None,
        consent_id: str | None = None,
        after: str | None = None,
        limit: int = 100,
    ) -> tuple[list[AccountRecord], bool]:
        """Accounts with their balances, by id, and whether there are more.

        Args:
            after: the id of the last account of the page before.
        """
        return await self._data.accounts(
            tenant=tenant, consent_id=consent_id, after=after, limit=limit
        )

    async def account(self, account_id: str, *, tenant: str | None) -> AccountRecord:
        """One account.

        Raises:
            UnknownResource: the tenant has no such account.
        """
        return await self._data.account(account_id, tenant)

    async def transactions(
        self, wanted: WantedTransactions, *, limit: int = 100
    ) -> TransactionsFound:
        """The transactions of an account that match, the newest first.

        Raises:
            UnknownResource: the tenant has no such account.
        """
        return await self._data.transactions(wanted, limit=limit)

    async def refresh(
        self, consent_id: str, *, tenant: str | None, psu_ip_address: str | None = None
    ) -> bool:
        """Have the accounts of a consent read as soon as the bank allows.

        Args:
            psu_ip_address: the address from which the user asks for it now. With it the readings of
                the next minutes do not count against the quota. Give it only while the user is
                there: the bank is told so.

        Returns:
            False if the run could not be notified. Upkeep does it later.

        Raises:
            InvalidAddress: the address is no IP address.
            UnknownResource: the tenant has no such consent, or no data is read for it.
        """
        if psu_ip_address is not None:
            try:
                psu_ip_address = str(ip_address(psu_ip_address))
            except ValueError:
                raise InvalidAddress(
                    "psu_ip_address: it is no IP address; give the one that the user's request "
                    "came from, or leave it out"
                ) from None
        feed = await self._feeds.attend(consent_id, tenant, psu_ip_address, self._clock.now())
        try:
            await (await self._running()).ensure_reading(feed)
        except LEFT_TO_RELAY:
            return False
        return True
