"""The test bank among the product's partners, for processes of these tests alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pydantic import Field

from domain.clock import Clock
from partners.interface import LoginBook, PreparedBook
from partners.registry import PARTNERS
from settings import Settings
from tests.proof.bank_partner import BANK, BankAccount, BankPartner


class ProofSettings(Settings):
    """The product's settings, and our accounts with the test bank."""

    bank: dict[str, BankAccount] = Field(default_factory=dict)


def register() -> None:
    """Make the bank a partner of this process."""
    PARTNERS[BANK] = _bank


@contextmanager
def registered() -> Iterator[None]:
    """The bank is a partner meanwhile, and not for the tests that come after."""
    before = dict(PARTNERS)
    register()
    try:
        yield
    finally:
        PARTNERS.clear()
        PARTNERS.update(before)


def _bank(
    account_name: str, account: Any, logins: LoginBook, clock: Clock, prepared: PreparedBook
) -> BankPartner:
    return BankPartner(account, clock)
