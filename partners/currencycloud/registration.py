"""Currencycloud, as the registry knows it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from partners.currencycloud.account import Account
from partners.kit.registration import Registration

if TYPE_CHECKING:
    from partners.interface import PaymentPartner, WebhookReader
    from partners.kit.workplace import Workplace

#: The login that the simulator has by default. It protects nothing.
LOGIN_ID: Final = "demo@finality.test"
API_KEY: Final = "51" * 32


def _make(account: Account, workplace: Workplace) -> PaymentPartner:
    from partners.currencycloud.client import CurrencycloudPartner

    return CurrencycloudPartner(
        account,
        logins=workplace.logins,
        clock=workplace.clock,
        prepared=workplace.prepared,
        transport=workplace.transport(account.base_url),
    )


def _webhooks(account: Account) -> WebhookReader:
    from partners.currencycloud.webhooks import CurrencycloudWebhooks

    assert account.webhooks is not None, "only an account with secrets has a reader"
    return CurrencycloudWebhooks(account.webhooks)


def _simulated(webhook_secret: str) -> Mapping[str, Any]:
    return {"login_id": LOGIN_ID, "api_key": API_KEY, "webhooks": {"secrets": [webhook_secret]}}


CURRENCYCLOUD: Final = Registration(
    title="Currencycloud", account=Account, make=_make, webhooks=_webhooks, simulated=_simulated
)
