"""The test bank among the product's partners, for processes of these tests alone."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from partners.registry import PARTNERS
from settings import Settings
from tests.proof.bank_partner import BANK, BankAccount, BankPartner


class ProofSettings(Settings):
    """The product's settings, and our accounts with the test bank."""

    bank: dict[str, BankAccount] = Field(default_factory=dict)


def register() -> None:
    """Make the bank a partner of this process."""

    def make(_account_name: str, account: Any, _logins: object, clock: Any) -> BankPartner:
        return BankPartner(account, clock)

    PARTNERS[BANK] = make
