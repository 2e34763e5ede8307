"""The rules of regimes for access to accounts, by their days."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from domain.consents.terms import Renewal
from regimes.consents import CONSENTS, Regime, terms_on


@pytest.mark.parametrize(
    ("regime", "day", "days", "renewal"),
    [
        (Regime.PSD2, date(2019, 9, 14), 90, Renewal.NEW_CONSENT),
        (Regime.PSD2, date(2023, 7, 24), 90, Renewal.NEW_CONSENT),
        (Regime.PSD2, date(2023, 7, 25), 180, Renewal.NEW_CONSENT),
        (Regime.UK, date(2022, 3, 26), 90, Renewal.AT_TPP),
        (Regime.UK, date(2026, 11, 30), 90, Renewal.AT_TPP),
    ],
)
def test_the_rules_of_a_day(regime: Regime, day: date, days: int, renewal: Renewal) -> None:
    terms = terms_on(regime, day)
    assert terms.regime == regime
    assert terms.reauthenticate_after == timedelta(days=days)
    assert terms.renewal is renewal
    assert terms.unattended_per_day == 4


@pytest.mark.parametrize(
    ("regime", "day"), [(Regime.PSD2, date(2019, 9, 13)), (Regime.UK, date(2022, 3, 25))]
)
def test_a_day_before_the_first_rule_has_none(regime: Regime, day: date) -> None:
    with pytest.raises(LookupError):
        terms_on(regime, day)


def test_every_regime_has_rules_and_people_are_asked_before_the_time_is_over() -> None:
    assert set(CONSENTS) == set(Regime)
    for regime in Regime:
        terms = terms_on(regime, date(2026, 11, 30))
        assert list(terms.notices) == sorted(terms.notices, reverse=True)
        assert terms.reauthenticate_after is not None
        assert terms.notices[0] < terms.reauthenticate_after
