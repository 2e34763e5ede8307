"""An account that a user gave access to, and its balances, as the bank shows them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from domain.accounts import Account
from domain.money import Money


@dataclass(frozen=True)
class LinkedAccount:
    """One account of a consent.

    Attributes:
        reference: the bank's own id of the account, by which it is read. It may change with the
            consent.
        number: None if the bank does not show it.
        currency: ISO 4217; None if the account has several, or the bank does not say.
        name, product: as the bank and its user call them.
        owner: the name of its owner.
        kind: ISO 20022 ExternalCashAccountType1Code.
    """

    reference: str
    number: Account | None = field(default=None, repr=False)
    currency: str | None = None
    name: str = field(default="", repr=False)
    owner: str = field(default="", repr=False)
    product: str = ""
    kind: str = ""

    @property
    def ends(self) -> str:
        """The last four characters of its number, for people; empty if that would give it away."""
        return self.number.ends if self.number else ""


class BalanceKind(StrEnum):
    """ISO 20022 ExternalBalanceType1Code, those that account interfaces show."""

    CLBD = "CLBD"
    """closing booked"""
    OPBD = "OPBD"
    """opening booked"""
    ITBD = "ITBD"
    """interim booked: booked entries up to now"""
    ITAV = "ITAV"
    """interim available"""
    XPCD = "XPCD"
    """expected: booked and known pending entries"""
    FWAV = "FWAV"
    """forward available"""
    CLAV = "CLAV"
    """closing available"""
    OPAV = "OPAV"
    """opening available"""
    PRCD = "PRCD"
    """previously closed booked"""
    INFO = "INFO"
    """for information only; also the kinds for which ISO 20022 has no code"""


@dataclass(frozen=True)
class Balance:
    """One balance. It is negative if the account is overdrawn.

    Attributes:
        day: the day it is of, by the bank.
        changed_at: when it last changed, by the bank.
        includes_credit: whether a credit line is part of the amount.
    """

    kind: BalanceKind
    amount: Money
    day: date | None = None
    changed_at: datetime | None = None
    includes_credit: bool = False
