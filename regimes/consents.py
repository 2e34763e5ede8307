"""What a regime demands of access to accounts: how long it counts, how it is renewed, how often."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from enum import StrEnum
from typing import Final

from domain.consents.terms import ConsentTerms, Renewal
from regimes.dated import Dated


class Regime(StrEnum):
    """The law under which a bank gives access."""

    PSD2 = "psd2"
    """The European Economic Area: Directive (EU) 2015/2366."""
    UK = "uk"
    """The United Kingdom: the Payment Services Regulations 2017."""


#: Our own choice: two weeks are enough to reach a user twice, and three days are the last call.
_NOTICES: Final = (timedelta(days=14), timedelta(days=3))


def _psd2(days: int) -> ConsentTerms:
    return ConsentTerms(
        regime=Regime.PSD2,
        reauthenticate_after=timedelta(days=days),
        # A new consent is what the banks' interfaces offer (NextGenPSD2, implementation guidelines
        # 1.3: a consent is not changed). Once authorised, it ends the former one.
        renewal=Renewal.NEW_CONSENT,
        # Delegated Regulation (EU) 2018/389, Article 36(5)(b): four times in 24 hours, unless the
        # user asks at that moment, or the bank agrees to more.
        unattended_per_day=4,
        notices=_NOTICES,
    )


CONSENTS: Final[Mapping[Regime, Dated[ConsentTerms]]] = {
    Regime.PSD2: Dated(
        {
            # Delegated Regulation (EU) 2018/389, Article 10(2)(b): 90 days.
            date(2019, 9, 14): _psd2(90),
            # The same, Article 10a(2)(b), inserted by Delegated Regulation (EU) 2022/2360, which
            # applies from 25 July 2023: 180 days.
            date(2023, 7, 25): _psd2(180),
        }
    ),
    Regime.UK: Dated(
        {
            # FCA, Technical Standards on Strong Customer Authentication, Articles 10A and 36(6),
            # made by PS21/19 and in force since 26 March 2022: the bank asks no more, and the
            # provider has the user confirm at least every 90 days. Firms could wait until
            # 30 September 2022, as long as the bank asked every 90 days.
            date(2022, 3, 26): ConsentTerms(
                regime=Regime.UK,
                reauthenticate_after=timedelta(days=90),
                renewal=Renewal.AT_TPP,
                # Article 36(5)(b): as in PSD2.
                unattended_per_day=4,
                notices=_NOTICES,
            ),
        }
    ),
}


def terms_on(regime: Regime, day: date) -> ConsentTerms:
    """The rules of a regime on a day.

    Raises:
        LookupError: no rules are known for that day.
    """
    return CONSENTS[regime].on(day)
