"""The partners there are: one line each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

from domain.clock import Clock
from partners.currencycloud.account import Account
from partners.currencycloud.client import CurrencycloudPartner
from partners.currencycloud.webhooks import CurrencycloudWebhooks, Signing
from partners.interface import LoginBook, PaymentPartner, WebhookReader


class PartnerFactory(Protocol):
    """Makes a partner for one of our accounts with it."""

    def __call__(
        self, account_name: str, account: Account, logins: LoginBook, clock: Clock
    ) -> PaymentPartner: ...


PARTNERS: Final[dict[str, PartnerFactory]] = {
    "currencycloud": lambda account_name, account, logins, clock: CurrencycloudPartner(
        account, logins=logins, clock=clock
    ),
}

#: Those that deliver unasked.
WEBHOOKS: Final[dict[str, Callable[[Signing], WebhookReader]]] = {
    "currencycloud": CurrencycloudWebhooks,
}
