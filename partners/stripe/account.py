"""Settings of one of our accounts with Stripe."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Final, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from partners.kit.account import PartnerAccount, Time

_LIVE: Final = ("sk_live_", "rk_live_")
_BANK_ACCOUNT: Final = re.compile(r"ba_\w+", re.ASCII)
#: As many characters as Stripe itself shows of an account's number.
_ENDS: Final = 4


def compact(number: str) -> str:
    """An account's number without the blanks that people write in it."""
    return "".join(number.split()).upper()


class WebhookSigning(BaseModel):
    """How Stripe signs what it delivers to one of our endpoints."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    secrets: tuple[Annotated[SecretStr, Field(min_length=16)], ...] = Field(min_length=1)
    """the endpoint's secret (`whsec_…`), and while it is rolled also the other one"""
    tolerance: Time = timedelta(minutes=5)
    """how much a signed time may differ from our clock"""


class StripeAccount(PartnerAccount):
    """One of our accounts with Stripe: where it is, and our key.

    The publishable key and client secrets are never needed here, because the payer acts on pages
    of Stripe or of a bank.
    """

    account_id: str
    """our account's id at Stripe (`acct_…`)"""
    api_key: SecretStr
    """the secret or restricted key (`sk_…`, `rk_…`)"""
    webhooks: WebhookSigning | None = None
    """how webhooks are signed; without it none is accepted, and changes are found by reads alone"""
    payout_accounts: dict[str, SecretStr] = Field(default_factory=dict)
    """where payouts may go: the whole number of each of our bank accounts, by its id (`ba_…`)"""
    instant_payouts: tuple[str, ...] = ()
    """those of `payout_accounts` to which payouts go within minutes, at Stripe's extra fee"""
    payer_acts_within: Time = timedelta(days=1)
    """how long the payer may take to confirm a payment before it is cancelled"""

    @field_validator("payout_accounts")
    @classmethod
    def _whole(cls, given: dict[str, SecretStr]) -> dict[str, SecretStr]:
        if not all(_BANK_ACCOUNT.fullmatch(one) for one in given):
            raise ValueError("name each account by its id at Stripe (`ba_…`)")
        if any(len(compact(number.get_secret_value())) <= _ENDS for number in given.values()):
            raise ValueError("give the whole number of each account, such as its IBAN")
        return given

    @model_validator(mode="after")
    def _instant_is_known(self) -> Self:
        if unknown := set(self.instant_payouts) - self.payout_accounts.keys():
            raise ValueError(
                f"instant_payouts: {', '.join(sorted(unknown))} is not in payout_accounts; give "
                "its whole number there"
            )
        return self

    @property
    def is_live(self) -> bool:
        """Whether the key moves real money. Test keys see test objects only."""
        return self.api_key.get_secret_value().startswith(_LIVE)

    @property
    def own_name(self) -> str:
        """Our account, in live or in test mode: each sees objects of its own only."""
        return f"{self.account_id} {'live' if self.is_live else 'test'}"

    @property
    def login(self) -> str:
        """Our name at its host. A key may be rolled; the account stays."""
        return f"{self.own_name} at {self.base_url}"

    @property
    def webhook_secrets(self) -> tuple[SecretStr, ...]:
        return self.webhooks.secrets if self.webhooks else ()
