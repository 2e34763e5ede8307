"""The product's settings with the test bank among the partners."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from partners.registry import Partners
from settings import Settings
from tests.proof.bank_partner import REGISTRATION, BankAccount


class ProofPartners(Partners):
    """The product's partners, and the test bank."""

    bank: Annotated[dict[str, BankAccount], REGISTRATION] = Field(default_factory=dict)


class ProofSettings(Settings):
    """The product's settings, and our accounts with the test bank."""

    partners: ProofPartners = Field(default_factory=ProofPartners)
