"""What a bank answers when account data is read. What it did is a value, never an exception."""

from __future__ import annotations

from dataclasses import dataclass, field

from domain.account_data.accounts import Balance, LinkedAccount
from domain.account_data.transactions import Line


@dataclass(frozen=True)
class Access:
    """With which consent an account is read.

    Attributes:
        consent_id: ours; a token is kept under it.
        reference: the bank's own id of the consent.
        psu_ip_address: whence the user asks, if the user is there now; None for an unattended read.
    """

    consent_id: str
    reference: str
    psu_ip_address: str | None = field(default=None, repr=False)

    @property
    def is_attended(self) -> bool:
        """Whether the user is there, so that the read does not count against the quota."""
        return self.psu_ip_address is not None


@dataclass(frozen=True)
class AccountsShown:
    """All accounts of the consent."""

    accounts: tuple[LinkedAccount, ...]
    drift: tuple[str, ...] = ()


@dataclass(frozen=True)
class BalancesShown:
    """All balances of an account."""

    balances: tuple[Balance, ...]
    drift: tuple[str, ...] = ()


@dataclass(frozen=True)
class TransactionsPage:
    """Some transactions, in the bank's order, and where the next ones follow.

    `drift` also names lines that could not be read. They are missing, and people have to know it.
    """

    lines: tuple[Line, ...]
    cursor: str | None
    """For the next page, in the bank's words; None: this is the last one."""
    drift: tuple[str, ...] = ()


@dataclass(frozen=True)
class NoAccess:
    """The bank no longer takes the consent for this. The consent has to be read."""

    why: str
