"""The bank's JSON about accounts and balances, in both versions. Transactions are read without
models."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from pydantic import Field

from partners.obie.wire import Bank

_ENVELOPE = frozenset({"Meta"})


class Links(Bank):
    documented = frozenset({"Self", "First", "Prev", "Last"})
    following: str = Field(alias="Next", default="")


class AccountNumber(Bank):
    documented = frozenset({"SecondaryIdentification", "LEI"})
    scheme_name: str
    identification: str
    name: str = ""


class AccountDetails(Bank):
    """`OBAccount6`: v3.1.11 has `AccountSubType`, v4.0.1 has `AccountTypeCode`."""

    what = "account"
    documented = frozenset(
        {
            "Status", "StatusUpdateDateTime", "AccountType", "AccountCategory", "OpeningDate",
            "MaturityDate", "SwitchStatus", "Servicer", "StatementFrequencyAndFormat",
        }
    )  # fmt: skip
    account_id: str = Field(min_length=1, max_length=40)
    currency: str | None = None
    account_sub_type: str = ""
    account_type_code: str = ""
    nickname: str = ""
    description: str = ""
    account: tuple[AccountNumber, ...] = ()


class AccountsData(Bank):
    """A missing list is none: read as an empty one, it would have all accounts erased."""

    account: tuple[AccountDetails, ...]


class Accounts(Bank):
    """`OBReadAccount6`."""

    documented = _ENVELOPE
    data: AccountsData
    links: Links = Links()


class CreditLine(Bank):
    documented = frozenset({"Type", "Amount"})
    included: bool


class BalanceAmount(Bank):
    documented = frozenset({"SubType"})
    amount: str
    currency: str


class Balance(Bank):
    documented = frozenset({"LocalAmount"})
    readings: ClassVar[dict[str, str]] = {"DateTime": "at"}
    account_id: str
    amount: BalanceAmount
    credit_debit_indicator: str
    type: str
    date_time: str
    credit_line: tuple[CreditLine, ...] = ()

    @property
    def at(self) -> datetime:
        return datetime.fromisoformat(self.date_time)


class BalancesData(Bank):
    documented = frozenset({"TotalValue"})
    balance: tuple[Balance, ...]


class Balances(Bank):
    """`OBReadBalance1`."""

    documented = _ENVELOPE
    data: BalancesData
    links: Links = Links()
