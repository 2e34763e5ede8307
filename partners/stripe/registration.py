"""Stripe, as the registry knows it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from partners.kit.registration import Registration
from partners.stripe.account import StripeAccount

if TYPE_CHECKING:
    from partners.interface import PaymentPartner, WebhookReader
    from partners.kit.workplace import Workplace

#: The account that the simulator has by default. It protects nothing.
ACCOUNT_ID: Final = "acct_simulated"
API_KEY: Final = "sk_test_simulator"
#: Its bank account for payouts, with the number that examples use for France.
PAYOUT_ACCOUNTS: Final = {"ba_simulated": "FR7630006000011234567890189"}


def _make(account: StripeAccount, workplace: Workplace) -> PaymentPartner:
    from partners.stripe.client import StripePartner

    return StripePartner(account, workplace)


def _webhooks(account: StripeAccount) -> WebhookReader:
    from partners.stripe.webhooks import StripeWebhooks

    assert account.webhooks is not None, "only an account with secrets has a reader"
    return StripeWebhooks(account, account.webhooks)


def _simulated(webhook_secret: str) -> Mapping[str, Any]:
    return {
        "account_id": ACCOUNT_ID,
        "api_key": API_KEY,
        "webhooks": {"secrets": [webhook_secret]},
        "payout_accounts": PAYOUT_ACCOUNTS,
    }


STRIPE: Final = Registration(
    title="Stripe", account=StripeAccount, make=_make, webhooks=_webhooks, simulated=_simulated
)
