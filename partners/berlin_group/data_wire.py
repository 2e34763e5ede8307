"""The bank's JSON about accounts and balances. Transactions are read without models."""

from __future__ import annotations

from datetime import date, datetime
from typing import ClassVar

from pydantic import Field

from partners.berlin_group.wire import Bank


class AnyAmount(Bank):
    """An amount as banks write it: text by the specification, a number at some of them."""

    currency: str
    amount: str | int | float


class Balance(Bank):
    documented = frozenset({"lastCommittedTransaction"})
    readings: ClassVar[dict[str, str]] = {
        "lastChangeDateTime": "changed_at",
        "referenceDate": "day",
    }
    balance_amount: AnyAmount
    balance_type: str
    credit_limit_included: bool | None = None
    last_change: str | None = Field(alias="lastChangeDateTime", default=None)
    reference_date: str | None = None

    @property
    def changed_at(self) -> datetime | None:
        """When it last changed; None also if the bank names no time zone."""
        if self.last_change is None:
            return None
        at = datetime.fromisoformat(self.last_change)
        return at if at.tzinfo is not None else None

    @property
    def day(self) -> date | None:
        return date.fromisoformat(self.reference_date[:10]) if self.reference_date else None


class Balances(Bank):
    documented = frozenset({"account", "_links"})
    balances: tuple[Balance, ...]


class AccountDetails(Bank):
    documented = frozenset(
        {"balances", "_links", "bic", "usage", "details", "status", "linkedAccounts", "pan"}
    )
    resource_id: str | None = None
    iban: str | None = None
    bban: str | None = None
    masked_pan: str | None = None
    msisdn: str | None = None
    currency: str
    name: str | None = None
    display_name: str | None = None
    owner_name: str | None = None
    product: str | None = None
    cash_account_type: str | None = None


class AccountList(Bank):
    documented = frozenset({"_links"})
    accounts: tuple[AccountDetails, ...]
