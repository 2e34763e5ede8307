"""Settings, profile, amounts, and what of their JSON is known."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from domain.currencies import DIGITS
from domain.lifecycle.profile import IdempotencyKind, InstructionKind, Profile
from domain.money import Money
from domain.payments.order import Direction, Rail
from partners.kit.wire import Unusable, Wire, read
from partners.registry import Partners
from partners.stripe import wire
from partners.stripe.account import StripeAccount
from partners.stripe.amounts import DIGITS_AT_STRIPE, NoSuchAmount, from_stripe, to_stripe
from partners.stripe.profile import API_VERSION, PROFILE, profile_of
from regimes.watches import WATCHES
from tests.partners.stripe.openapi import properties
from tests.partners.stripe.scripted import ACCOUNT

#: The objects whose undocumented fields are reported.
SHOWN: dict[str, type[Wire]] = {
    "payment_intent": wire.PaymentIntent,
    "refund": wire.Refund,
    "dispute": wire.Dispute,
    "payout": wire.Payout,
}


def test_every_field_that_is_published_is_known(specs: Path) -> None:
    fixtures = json.loads((specs / "stripe" / "fixtures3.json").read_text())["resources"]
    for name, model in SHOWN.items():
        known = {*model.model_fields, *model.documented}
        assert set(properties(specs, name)) <= known, name
        assert set(fixtures[name]) <= known, name


@pytest.mark.parametrize(
    ("name", "model"),
    [
        *SHOWN.items(),
        ("charge", wire.Charge),
        ("balance_transaction", wire.BalanceTransaction),
        ("radar.early_fraud_warning", wire.EarlyFraudWarning),
        ("event", wire.Event),
    ],
)
def test_their_own_examples_can_be_read(specs: Path, name: str, model: type[Wire]) -> None:
    fixtures = json.loads((specs / "stripe" / "fixtures3.json").read_text())["resources"]
    found = read(model, json.dumps(fixtures[name]))
    assert isinstance(found, model), found


@pytest.mark.parametrize(
    "changes",
    [
        {"amount": "1250"}, {"amount": 12.5}, {"amount": None}, {"currency": "xxx"},
        {"created": "now"}, {"created": 10**18}, {"id": None}, {"status": None},
        {"metadata": {"a": 1}}, {"latest_charge": 7}, {"latest_charge": {"id": "ch_1"}},
        {"last_payment_error": "no"}, {"status": "x" * 501},
    ],
    ids=str,
)  # fmt: skip
def test_an_intent_of_another_shape_is_not_read_at_all(changes: dict[str, Any]) -> None:
    whole = {"id": "pi_1", "amount": 1250, "currency": "eur", "created": 1, "status": "succeeded"}
    assert isinstance(read(wire.PaymentIntent, json.dumps(whole)), wire.PaymentIntent)
    assert isinstance(read(wire.PaymentIntent, json.dumps({**whole, **changes})), Unusable)


# Amounts


@pytest.mark.parametrize(
    ("minor", "currency", "at_stripe"),
    [
        (12_50, "EUR", 12_50), (500, "JPY", 500), (12_340, "KWD", 12_340),
        (500, "ISK", 500_00), (500, "UGX", 500_00), (5_00, "MGA", 5), (0, "USD", 0),
    ],
)  # fmt: skip
def test_an_amount_is_written_in_their_units(minor: int, currency: str, at_stripe: int) -> None:
    amount = Money(minor=minor, currency=currency)
    assert to_stripe(amount) == at_stripe
    assert from_stripe(at_stripe, currency.lower()) == amount


@given(st.integers(0, 10**12), st.sampled_from(sorted(DIGITS)))
def test_an_amount_comes_back_as_it_was_or_is_refused(minor: int, currency: str) -> None:
    amount = Money(minor=minor, currency=currency)
    try:
        at_stripe = to_stripe(amount)
    except NoSuchAmount:
        assert currency in DIGITS_AT_STRIPE or DIGITS[currency] == 3
    else:
        assert from_stripe(at_stripe, currency) == amount


@pytest.mark.parametrize(("amount", "currency"), [(1, "isk"), (1, "xxx"), (1, "")])
def test_an_amount_that_is_none_of_ours_is_not_read(amount: int, currency: str) -> None:
    with pytest.raises(ValueError, match=r"finer|not a payable"):
        from_stripe(amount, currency)


def test_what_is_taken_from_us_is_below_zero() -> None:
    assert from_stripe(-500_00, "isk") == Money(minor=-500, currency="ISK")


# Settings


def test_secrets_are_shown_nowhere() -> None:
    assert "sk_test_1" not in repr(ACCOUNT) + ACCOUNT.model_dump_json()
    assert "whsec" not in repr(ACCOUNT) + ACCOUNT.model_dump_json()


@pytest.mark.parametrize(
    ("key", "is_live"),
    [("sk_live_1", True), ("rk_live_1", True), ("sk_test_1", False), ("rk_test_1", False)],
)
def test_a_key_says_whether_its_money_is_real(key: str, is_live: bool) -> None:
    given = {**ACCOUNT.model_dump(), "api_key": key, "webhooks": None}
    assert StripeAccount.model_validate(given).is_live is is_live


@pytest.mark.parametrize(
    "given",
    [
        {"payout_accounts": {"FR7630006000011234567890189": "ba_1"}},
        {"payout_accounts": {"ba_1": "0189"}},
        {"instant_payouts": ["ba_1"]},
        {"webhooks": {"secrets": []}},
        {"webhooks": {"secrets": ["short"]}},
        {"publishable_key": "pk_1"},
        {"base_url": "http://stripe.test"},
    ],
)
def test_settings_that_cannot_be_meant_are_refused(given: dict[str, Any]) -> None:
    good = {"base_url": "https://stripe.test", "account_id": "acct_1", "api_key": "sk_test_1"}
    StripeAccount.model_validate(good)
    with pytest.raises(ValidationError):
        StripeAccount.model_validate({**good, **given})


def test_its_settings_come_from_the_registry() -> None:
    account = ACCOUNT.model_dump() | {"api_key": "sk_test_1", "webhooks": None}
    assert "main" in Partners.model_validate({"stripe": {"main": account}}).accounts("stripe")


# Profile


def test_every_instruction_repeats_its_answer_for_a_day_even_an_error() -> None:
    assert set(PROFILE.operations) == set(InstructionKind)
    for operation in PROFILE.operations.values():
        assert operation.idempotency.kind is IdempotencyKind.REPLAY_RESPONSE
        assert operation.idempotency.window == timedelta(days=1)
        assert operation.idempotency.caches_errors
        assert operation.lookup.is_complete
        assert not operation.lookup.lags


def test_the_key_changes_no_place_and_account_and_mode_do() -> None:
    rolled = ACCOUNT.model_copy(update={"api_key": SecretStr("sk_test_2")})
    other = ACCOUNT.model_copy(update={"account_id": "acct_2"})
    assert profile_of(rolled).environment == profile_of(ACCOUNT).environment
    live = ACCOUNT.model_copy(update={"api_key": SecretStr("sk_live_1")})
    for elsewhere in (other, live):
        assert profile_of(elsewhere).environment != profile_of(ACCOUNT).environment
        assert elsewhere.login != ACCOUNT.login


def quota(base_url: str, key: str) -> int | None:
    given = {"base_url": base_url, "account_id": "acct_1", "api_key": key}
    found: Profile = profile_of(StripeAccount.model_validate(given))
    return found.quota.requests if found.quota else None


def test_test_keys_may_ask_less_often_and_a_simulator_is_not_counted() -> None:
    assert quota("https://stripe.test", "sk_live_1") == 100
    assert quota("https://stripe.test", "rk_test_1") == 25
    assert quota("http://127.0.0.1:1", "sk_test_1") is None


def test_payouts_are_watched_for_as_long_as_one_may_fail_after_it_was_paid() -> None:
    rails = {Rail.SEPA_CREDIT_TRANSFER, Rail.DOMESTIC}
    assert set(PROFILE.watch) == rails
    for rail in rails:
        assert PROFILE.watch[rail] >= WATCHES[rail, Direction.OUTGOING].at_most
    assert PROFILE.spec_version == API_VERSION
