"""Banks that speak NextGenPSD2, as the registry knows them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from partners.berlin_group.account import BerlinGroupAccount
from partners.kit.registration import Registration

if TYPE_CHECKING:
    from partners.interface import ConsentPartner, DataPartner, PaymentPartner
    from partners.kit.workplace import Workplace


def _make(account: BerlinGroupAccount, workplace: Workplace) -> PaymentPartner:
    from partners.berlin_group.client import BerlinGroupPartner

    return BerlinGroupPartner(account, workplace)


def _consents(account: BerlinGroupAccount, workplace: Workplace) -> ConsentPartner:
    from partners.berlin_group.consents import BerlinGroupConsents

    return BerlinGroupConsents(account, workplace)


def _data(account: BerlinGroupAccount, workplace: Workplace) -> DataPartner:
    from partners.berlin_group.data import BerlinGroupData

    return BerlinGroupData(account, workplace)


def _simulated(webhook_secret: str) -> Mapping[str, Any]:
    """It signs no webhooks: the bank is polled. Its simulator redirects, and nothing else."""
    return {
        "aspsp": "Simulated Bank",
        "tpp_id": "PSDDE-BAFIN-000000",
        "our_ip_address": "192.0.2.1",
        "redirect_uri": "https://app.test/approved",
        "refused_redirect_uri": "https://app.test/refused",
    }


BERLIN_GROUP: Final = Registration(
    title="Berlin Group NextGenPSD2",
    account=BerlinGroupAccount,
    make=_make,
    consents=_consents,
    data=_data,
    simulated=_simulated,
)
