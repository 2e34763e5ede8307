"""Banks of UK Open Banking, as the registry knows them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from partners.kit.registration import Registration
from partners.obie.account import ObieAccount

if TYPE_CHECKING:
    from partners.interface import ConsentPartner, DataPartner, PaymentPartner
    from partners.kit.workplace import Workplace


def _make(account: ObieAccount, workplace: Workplace) -> PaymentPartner:
    from partners.obie.client import ObiePartner

    return ObiePartner(account, workplace)


def _consents(account: ObieAccount, workplace: Workplace) -> ConsentPartner:
    from partners.obie.consents import ObieConsents

    return ObieConsents(account, workplace)


def _data(account: ObieAccount, workplace: Workplace) -> DataPartner:
    from partners.obie.data import ObieData

    return ObieData(account, workplace)


OBIE: Final = Registration(
    title="UK Open Banking", account=ObieAccount, make=_make, consents=_consents, data=_data
)
