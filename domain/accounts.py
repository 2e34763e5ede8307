"""Accounts and agents of a payment: IBAN, BIC, and which part of a number may be shown."""

from __future__ import annotations

import re
from typing import Self

from pydantic import BaseModel, ConfigDict, model_validator

_IBAN = re.compile(r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}", re.ASCII)
#: ISO 9362: four letters or digits of the party, country, location, optional branch.
_BIC = re.compile(r"[A-Z0-9]{4}[A-Z]{2}[A-Z0-9]{2}(?:[A-Z0-9]{3})?", re.ASCII)


#: Shorter numbers are hidden whole, because a part would give them away.
_MASKED_FROM = 12


class AccountError(ValueError):
    """The account number or bank code is invalid; the text says what to do."""


def check_iban(text: str) -> str:
    """The IBAN without spaces, in capitals.

    Checks shape and the two check digits (ISO 13616, ISO 7064 MOD 97-10). Length and
    structure per country need a registry and are checked where an order is accepted.

    Raises:
        AccountError: wrong shape or check digits. The text shows the last four characters only.
    """
    iban = text.replace(" ", "").upper()
    if not _IBAN.fullmatch(iban):
        raise AccountError(
            f"IBAN ending {iban[-4:]!r} does not have the shape of an IBAN "
            "(country, two check digits, up to 30 letters and digits)"
        )
    number = "".join(str(int(character, 36)) for character in iban[4:] + iban[:4])
    if int(number) % 97 != 1:
        raise AccountError(
            f"IBAN ending {iban[-4:]!r} has wrong check digits; ask its owner to repeat it"
        )
    return iban


def check_bic(text: str) -> str:
    """The BIC in capitals (ISO 9362: 8 or 11 characters).

    Raises:
        AccountError: wrong shape. Whether the bank exists is not checked, as registries lag.
    """
    bic = text.strip().upper()
    if not _BIC.fullmatch(bic):
        raise AccountError(f"BIC {bic[:11]!r} is not 8 or 11 characters as in ISO 9362")
    return bic


class Account(BaseModel):
    """An account, identified by its IBAN or, if it has none, by another number."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    iban: str | None = None
    other: str | None = None
    currency: str | None = None

    @model_validator(mode="after")
    def _one_identification(self) -> Self:
        if (self.iban is None) == (self.other is None):
            raise ValueError("an account has either an IBAN or another identification, not both")
        return self

    @property
    def number(self) -> str:
        """The whole number: for partners and encrypted columns only."""
        return self.iban or self.other or ""

    @property
    def ends(self) -> str:
        """The last four characters; empty if the number is so short that they give it away."""
        return self.number[-4:] if len(self.number) >= _MASKED_FROM else ""

    @property
    def masked(self) -> str:
        """The part to show and log: the last four characters, and the first four of an IBAN."""
        begins = self.number[:4] if self.iban and self.ends else ""
        return f"{begins}…{self.ends}"

    def __repr__(self) -> str:
        return f"Account({self.masked})"

    __str__ = __repr__


class ClearingMember(BaseModel):
    """A bank, identified by its number in a clearing system, such as a sort code."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    system: str
    """ISO 20022 ExternalClearingSystemIdentification1Code: GBDSC, USABA, …"""
    number: str
