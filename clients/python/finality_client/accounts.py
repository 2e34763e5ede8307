"""Accounts of users, their balances and transactions, as their banks last showed them."""

from collections.abc import AsyncIterator, Iterator
from datetime import date, datetime
from typing import TypedDict, Unpack

from pydantic import Field

from finality_client.answers import Answer, Money, Page
from finality_client.calls import Call, ask, get, parameters, reading, segment
from finality_client.parts import AsyncPart, Part
from finality_client.requests import PAGE


class TransactionFilters(TypedDict, total=False):
    """Which transactions. The days are included, the last one too."""

    booking: str
    first: date
    last: date
    with_gone: bool


class Balance(Answer):
    """One balance; negative if the account is overdrawn."""

    kind: str
    """ISO 20022 ExternalBalanceType1Code."""
    amount: Money
    day: date | None = None
    changed_at: datetime | None = None
    includes_credit: bool = False


class Account(Answer):
    """An account, with the age of what is known of it."""

    id: str
    consent_id: str
    partner: str
    partner_account: str
    number: str | None = Field(default=None, repr=False)
    """None once its data is erased."""
    currency: str | None = None
    name: str = ""
    owner: str = ""
    product: str = ""
    kind: str = ""
    balances: list[Balance] = Field(default_factory=list)
    balances_read_at: datetime | None = None
    transactions_read_at: datetime | None = None
    failing_since: datetime | None = None
    """Since when the bank brings nothing new; None if all is well."""
    failing_why: str | None = None
    is_linked: bool = False
    """Whether the consent still covers it."""
    erase_at: datetime | None = None
    erased_at: datetime | None = None


class Transaction(Answer):
    """A transaction of an account."""

    id: str
    account_id: str
    booking: str
    amount: Money
    """Negative if the account paid."""
    day: date
    booked_on: date | None = None
    valued_on: date | None = None
    counterparty: str = ""
    counterparty_account: str | None = Field(default=None, repr=False)
    counterparty_agent: str = ""
    remittance_information: str = ""
    end_to_end_id: str = ""
    mandate_id: str = ""
    creditor_id: str = ""
    code: str = ""
    own_code: str = ""
    purpose: str = ""
    bank_reference: str | None = None
    became: str | None = None
    """Of a pending one: the id of the booked one that it has become."""
    gone_at: datetime | None = None


class TransactionPage(Page[Transaction]):
    """A page of transactions, the newest first."""

    read_at: datetime | None = None
    """They are as of then."""


class Refresh(Answer):
    """A reading that is due. Its outcome shows in the account's moments."""

    consent_id: str
    is_begun: bool = False
    """False if no worker could be notified; it is read as soon as one can."""


def _page(consent_id: str | None, after: str | None, limit: int) -> Call[Page[Account]]:
    return get("/v1/accounts", Page[Account], consent_id=consent_id, after=after, limit=limit)


def _get(id: str) -> Call[Account]:
    return get(f"/v1/accounts/{segment(id)}", Account)


def _refresh(consent_id: str, psu_ip_address: str | None) -> Call[Refresh]:
    body = {"consent_id": consent_id}
    if psu_ip_address is not None:
        body["psu_ip_address"] = psu_ip_address
    return ask("POST", "/v1/accounts/refresh", reading(Refresh), body)


def _transactions(
    id: str, after: str | None, limit: int, filters: TransactionFilters
) -> Call[TransactionPage]:
    query = {
        "after": after, "limit": limit, "from": filters.get("first"), "to": filters.get("last"),
        "booking": filters.get("booking"), "with_gone": filters.get("with_gone"),
    }  # fmt: skip
    path = f"/v1/accounts/{segment(id)}/transactions"
    return Call("GET", path, reading(TransactionPage), query=parameters(query))


class Accounts(Part):
    """Accounts of users. The API key needs the scope `accounts`."""

    def page(
        self, *, consent_id: str | None = None, after: str | None = None, limit: int = PAGE
    ) -> Page[Account]:
        """A page of them, with their balances."""
        return self._do(_page(consent_id, after, limit))

    def all(self, *, consent_id: str | None = None) -> Iterator[Account]:
        """All of them, read page by page."""
        after = None
        while True:
            found = self.page(consent_id=consent_id, after=after)
            yield from found.data
            if (after := found.next_cursor) is None:
                return

    def get(self, id: str) -> Account:
        """One, with its balances."""
        return self._do(_get(id))

    def refresh(self, consent_id: str, *, psu_ip_address: str | None = None) -> Refresh:
        """Have the accounts of a consent read as soon as the bank allows.

        Args:
            psu_ip_address: the user's address, only while the user is there and asks for it.
        """
        return self._do(_refresh(consent_id, psu_ip_address))

    def transaction_page(
        self,
        id: str,
        *,
        after: str | None = None,
        limit: int = PAGE,
        **filters: Unpack[TransactionFilters],
    ) -> TransactionPage:
        """A page of an account's transactions, the newest first, and as of when they are."""
        return self._do(_transactions(id, after, limit, filters))

    def transactions(self, id: str, **filters: Unpack[TransactionFilters]) -> Iterator[Transaction]:
        """All that match, the newest first, read page by page."""
        after = None
        while True:
            found = self.transaction_page(id, after=after, **filters)
            yield from found.data
            if (after := found.next_cursor) is None:
                return


class AsyncAccounts(AsyncPart):
    """Accounts of users. The API key needs the scope `accounts`."""

    async def page(
        self, *, consent_id: str | None = None, after: str | None = None, limit: int = PAGE
    ) -> Page[Account]:
        """A page of them, with their balances."""
        return await self._do(_page(consent_id, after, limit))

    async def all(self, *, consent_id: str | None = None) -> AsyncIterator[Account]:
        """All of them, read page by page."""
        after = None
        while True:
            found = await self.page(consent_id=consent_id, after=after)
            for each in found.data:
                yield each
            if (after := found.next_cursor) is None:
                return

    async def get(self, id: str) -> Account:
        """One, with its balances."""
        return await self._do(_get(id))

    async def refresh(self, consent_id: str, *, psu_ip_address: str | None = None) -> Refresh:
        """Have the accounts of a consent read as soon as the bank allows.

        Args:
            psu_ip_address: the user's address, only while the user is there and asks for it.
        """
        return await self._do(_refresh(consent_id, psu_ip_address))

    async def transaction_page(
        self,
        id: str,
        *,
        after: str | None = None,
        limit: int = PAGE,
        **filters: Unpack[TransactionFilters],
    ) -> TransactionPage:
        """A page of an account's transactions, the newest first, and as of when they are."""
        return await self._do(_transactions(id, after, limit, filters))

    async def transactions(
        self, id: str, **filters: Unpack[TransactionFilters]
    ) -> AsyncIterator[Transaction]:
        """All that match, the newest first, read page by page."""
        after = None
        while True:
            found = await self.transaction_page(id, after=after, **filters)
            for each in found.data:
                yield each
            if (after := found.next_cursor) is None:
                return
