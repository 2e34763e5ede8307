"""Harbour Bank, as a registry knows it."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field, SecretStr

from partners.interface import PaymentPartner, WebhookReader
from partners.kit.account import PartnerAccount
from partners.kit.registration import Registration
from partners.kit.workplace import Workplace


class HarbourAccount(PartnerAccount):
    """One of our accounts with Harbour Bank: where it is, who we are there, and our key."""

    customer: str
    """our customer number at the bank"""
    api_key: SecretStr
    """the API key, as the bank gave it"""
    webhook_secret: Annotated[SecretStr, Field(min_length=16)] | None = None
    """the secret that signs webhooks; without it none is accepted"""

    @property
    def webhook_secrets(self) -> tuple[SecretStr, ...]:
        return (self.webhook_secret,) if self.webhook_secret else ()


def _make(account: HarbourAccount, workplace: Workplace) -> PaymentPartner:
    from examples.harbour.client import Harbour

    return Harbour(account, workplace)


def _webhooks(account: HarbourAccount) -> WebhookReader:
    from examples.harbour.webhooks import HarbourWebhooks

    return HarbourWebhooks(account.webhook_secrets)


HARBOUR: Final = Registration(
    title="Harbour Bank",
    account=HarbourAccount,
    make=_make,
    webhooks=_webhooks,
    simulated=lambda webhook_secret: {
        "customer": "1001",
        "api_key": "a key of a simulator",
        "webhook_secret": webhook_secret,
    },
)
