"""The list of partners, one line each. A partner's code is imported when it is first made."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from domain.clock import Clock
    from partners.currencycloud.account import Account
    from partners.currencycloud.webhooks import Signing
    from partners.interface import LoginBook, PaymentPartner, PreparedBook, WebhookReader


class PartnerFactory(Protocol):
    """Makes a partner for one of our accounts there."""

    def __call__(
        self,
        account_name: str,
        account: Account,
        logins: LoginBook,
        clock: Clock,
        prepared: PreparedBook,
    ) -> PaymentPartner: ...


def _currencycloud(
    account_name: str, account: Account, logins: LoginBook, clock: Clock, prepared: PreparedBook
) -> PaymentPartner:
    from partners.currencycloud.client import CurrencycloudPartner

    return CurrencycloudPartner(account, logins=logins, clock=clock, prepared=prepared)


def _currencycloud_webhooks(signing: Signing) -> WebhookReader:
    from partners.currencycloud.webhooks import CurrencycloudWebhooks

    return CurrencycloudWebhooks(signing)


PARTNERS: Final[dict[str, PartnerFactory]] = {
    "currencycloud": _currencycloud,
}

#: The partners that send webhooks.
WEBHOOKS: Final[dict[str, Callable[[Signing], WebhookReader]]] = {
    "currencycloud": _currencycloud_webhooks,
}
