"""What is asked of a user: access to accounts at a bank. It never changes.

What the user granted may be less. It is folded from the bank's answers (`Consent.grant`).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from domain.accounts import Account
from domain.consents.terms import ConsentTerms


class Permission(StrEnum):
    """Which data may be read."""

    ACCOUNTS = "accounts"
    """Which accounts there are, and their details."""
    BALANCES = "balances"
    TRANSACTIONS = "transactions"


class User(BaseModel):
    """The user (PSU) who is asked, as the app and the bank know them."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    user_id: str
    """The app's own id of the user."""
    psu_id: str | None = Field(default=None, repr=False)
    """The user's login name at the bank, if the bank wants to know it beforehand."""
    corporate_id: str | None = Field(default=None, repr=False)
    """The company's id at the bank, if the user acts for one."""
    ip_address: str | None = Field(default=None, repr=False)
    """Whence the user asks. Its presence tells the bank that the user is there."""


class ConsentRequest(BaseModel):
    """One request for access to accounts.

    `valid_until`, `submit_before` and `authorise_by` are moments. If the app leaves them open, they
    are set when the request is accepted. `accounts` empty means that the user chooses at the bank.
    """

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    tenant: str
    partner: str
    partner_account: str
    user: User
    permissions: tuple[Permission, ...]
    accounts: tuple[Account, ...] = ()
    recurring: bool = True
    """False: for one read, after which the consent is consumed."""
    per_day: int | None = None
    """Unattended reads a day for each account; None: as many as the regime allows."""
    valid_until: AwareDatetime | None = None
    """None: as long as the bank grants."""
    return_url: str
    """Where the user goes on after the bank's page. It is registered with the bank."""
    submit_before: AwareDatetime | None = None
    """After this moment the bank is not asked any more."""
    authorise_by: AwareDatetime | None = None
    """If the user has not authorised it by then, it is withdrawn."""
    renews: str | None = None
    """The consent that this one supersedes once it is active."""
    regime: str
    terms: ConsentTerms | None = None
    """The regime's rules on the day of acceptance; None before that."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        before, by = self.submit_before, self.authorise_by
        if before and by and by < before:
            raise ValueError("authorise_by lies before submit_before; make it the same or later")
        return self
