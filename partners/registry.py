"""The list of partners: one line each."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from partners.berlin_group.account import BerlinGroupAccount
from partners.berlin_group.registration import BERLIN_GROUP
from partners.currencycloud.account import Account as CurrencycloudAccount
from partners.currencycloud.registration import CURRENCYCLOUD
from partners.kit.registration import Registry
from partners.obie.account import ObieAccount
from partners.obie.registration import OBIE
from partners.stripe.account import StripeAccount
from partners.stripe.registration import STRIPE


class Partners(Registry):
    """Our accounts with each partner, by a name of ours."""

    currencycloud: Annotated[dict[str, CurrencycloudAccount], CURRENCYCLOUD] = Field(
        default_factory=dict
    )
    """our Currencycloud accounts, by a name of ours"""
    stripe: Annotated[dict[str, StripeAccount], STRIPE] = Field(default_factory=dict)
    """our Stripe accounts, by a name of ours"""
    berlin_group: Annotated[dict[str, BerlinGroupAccount], BERLIN_GROUP] = Field(
        default_factory=dict
    )
    """our accesses to banks that speak NextGenPSD2, by a name of ours"""
    obie: Annotated[dict[str, ObieAccount], OBIE] = Field(default_factory=dict)
    """our accesses to banks of UK Open Banking, by a name of ours"""
