"""Harbour Bank, as a registry knows it."""

from __future__ import annotations

from typing import Final

from examples.harbour.account import HarbourAccount
from partners.interface import PaymentPartner, WebhookReader
from partners.kit.registration import Registration
from partners.kit.workplace import Workplace


def _make(account: HarbourAccount, workplace: Workplace) -> PaymentPartner:
    from examples.harbour.client import HarbourPartner

    return HarbourPartner(account, workplace)


def _webhooks(account: HarbourAccount) -> WebhookReader:
    from examples.harbour.webhooks import HarbourWebhooks

    return HarbourWebhooks(account.webhook_secrets)


HARBOUR: Final = Registration(
    title="Harbour Bank",
    account=HarbourAccount,
    make=_make,
    webhooks=_webhooks,
    simulated=lambda webhook_secret: {
        "client_id": "simulated",
        "client_secret": "a secret of a simulator",
        "webhook_secret": webhook_secret,
    },
)
