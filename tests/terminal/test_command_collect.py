"""`finality collect`, as a person or a script runs it."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from assembly import assembled
from domain.money import Money
from domain.payments.order import Captured, Rail
from partners.stripe.registration import STRIPE
from regimes.refusal import Refusal
from settings import Settings
from starter.asking import InvalidCommand
from store.keyring import Keyring
from terminal.collect import collect
from terminal.collect_options import CollectOptions, said_of_options

CARD = "4242424242424242"
GIVEN = CollectOptions(
    amount=Money(minor=12_50, currency="EUR"),
    key="order-1",
    payment_method="pm_1",
    wait_seconds=0,
)


def _stripe(name: str = "main") -> dict[str, Any]:
    account = {"base_url": "http://127.0.0.1:1", "simulated": True, **STRIPE.simulated("w" * 32)}
    return {name: account}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """With an account that collects, and no server."""
    Keyring.make(tmp_path / "keyring")
    given: Any = {"stripe": _stripe()}
    return Settings(home=tmp_path, temporal_address="127.0.0.1:1", partners=given)


async def recorded(settings: Settings) -> list[Any]:
    async with assembled(settings) as assembly:
        return list((await assembly.orchestrator.find()).records)


async def test_it_is_recorded_once_though_no_server_answers(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await collect(settings, replace(GIVEN, debtor="Paula Payer")) == 0
    said = " ".join(capsys.readouterr().out.split())
    [record] = await recorded(settings)
    assert f"{record.payment_id} of 12.50 EUR is created" in said
    assert "No Temporal server answers. The collection is recorded" in said
    assert (record.partner, record.partner_account, record.rail) == ("stripe", "main", "card")
    assert (record.debtor, record.creditor) == ("Paula Payer", "stripe/main")
    assert await collect(settings, replace(GIVEN, debtor="Paula Payer", as_json=True)) == 0
    row = json.loads(capsys.readouterr().out)
    assert (row["payment_id"], row["is_replay"]) == (record.payment_id, True)
    assert (row["state"], row["action"], row["key"]) == ("created", None, "order-1")
    assert len(await recorded(settings)) == 1


async def test_every_option_is_in_the_order(settings: Settings) -> None:
    given = replace(
        GIVEN, rail=Rail.SEPA_DIRECT_DEBIT, mandate="mandate_1", customer="cus_1", off_session=True,
        return_url="https://acme.test/back", descriptor="ACME", end_to_end_id="INV-1",
        remittance="two shirts", captured=Captured.LATER, tenant="shop",
    )  # fmt: skip
    order = given.order("stripe", "main")
    assert order.collection is not None
    assert order.collection.model_dump() == {
        "payment_method": "pm_1", "mandate": "mandate_1", "customer": "cus_1",
        "captured": Captured.LATER, "off_session": True, "return_url": "https://acme.test/back",
        "statement_descriptor": "ACME",
    }  # fmt: skip
    assert (order.tenant, order.end_to_end_id) == ("shop", "INV-1")
    assert (order.remittance_information, order.debtor_account.number) == ("two shirts", "cus_1")


async def test_a_preview_shows_it_and_records_nothing(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    preview = replace(GIVEN, preview=True)
    assert await collect(settings, replace(preview, captured=Captured.LATER)) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "amount 12.50 EUR through stripe/main rail card payment method pm_1" in said
    assert "the money is held, and taken by `finality capture`" in said
    assert "would be sent" in said
    assert await collect(settings, replace(preview, as_json=True)) == 0
    row = json.loads(capsys.readouterr().out)
    assert (row["state"], row["payment_id"], row["amount_minor"]) == (
        "would be collected", None, 1250,
    )  # fmt: skip
    assert await recorded(settings) == []
    assert await collect(settings, replace(preview, descriptor="ACME*")) == 2
    assert "finality: --descriptor: is not 5 to 22" in capsys.readouterr().err, "asks the adapter"
    assert await collect(settings, GIVEN) == 0
    capsys.readouterr()
    assert await collect(settings, preview) == 0
    assert "The key stands for pay_" in capsys.readouterr().out


async def test_what_may_repeat_another_is_not_collected_until_that_is_acknowledged(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    await collect(settings, GIVEN)
    [first] = await recorded(settings)
    capsys.readouterr()
    second = replace(GIVEN, key="order-2", as_json=True)
    for options in (replace(second, preview=True), second):
        assert await collect(settings, options) == 2
        printed = capsys.readouterr()
        row = json.loads(printed.out)
        assert (row["state"], row["possible_duplicate_of"]) == ("refused", [first.payment_id])
        assert f"finality: the collection may repeat {first.payment_id} of " in printed.err
    command = printed.err.strip().splitlines()[-1]
    assert shlex.split(command)[:2] == ["finality", "collect"]
    assert f"--acknowledge {first.payment_id}" in command
    acknowledged = replace(second, acknowledge=frozenset({first.payment_id}))
    assert await collect(settings, acknowledged) == 0
    assert len(await recorded(settings)) == 2


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"amount": Money(minor=0, currency="EUR")}, "--amount: is not above zero"),
        ({"payment_method": None}, "--payment-method: is missing"),
        ({"payment_method": CARD}, "--payment-method: may be a card number"),
        ({"customer": CARD}, "--customer: may be a card number"),
        ({"remittance": f"card {CARD}"}, "--remittance: may be a card number"),
        ({"key": CARD}, "--key: may be a card number"),
        ({"rail": Rail.ACH_DEBIT}, "--amount: is in EUR; ach_debit collects USD only"),
        ({"partner": "currencycloud"}, "--partner: no such account takes"),
    ],
    ids=lambda each: str(each)[:24].replace(CARD, "card"),
)
async def test_a_refusal_names_the_option_in_one_sentence_and_shows_no_card_number(
    settings: Settings, capsys: pytest.CaptureFixture[str], change: dict[str, Any], said: str
) -> None:
    assert await collect(settings, replace(GIVEN, **change, as_json=True)) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith(f"finality: {said}")
    assert printed.err.count("\n") == 1
    assert CARD not in printed.out + printed.err
    assert await recorded(settings) == []


async def test_a_key_stands_for_one_collection(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    await collect(settings, GIVEN)
    capsys.readouterr()
    assert await collect(settings, replace(GIVEN, payment_method="pm_2")) == 2
    assert "key 'order-1' was used for another order" in capsys.readouterr().err


def test_the_account_may_be_left_out_if_only_one_fits() -> None:
    two = [("stripe", "de"), ("stripe", "nl")]
    assert GIVEN.account_of(two[:1]) == ("stripe", "de")
    assert replace(GIVEN, account="nl").account_of(two) == ("stripe", "nl")
    with pytest.raises(InvalidCommand, match="stripe/de, stripe/nl"):
        GIVEN.account_of(two)
    with pytest.raises(InvalidCommand, match="no account in the settings takes collections"):
        GIVEN.account_of([])
    with pytest.raises(InvalidCommand, match="--account: no such account"):
        replace(GIVEN, partner="stripe", account="fr").account_of(two)


def test_each_refusal_is_said_once_of_the_option_that_it_is_about() -> None:
    text = "may be a card number; give the partner's token instead"
    refusals = [
        Refusal("CH16", field, text)
        for field in ("debtor_account.other", "collection.customer", "collection.customer")
    ]
    assert said_of_options(refusals) == [f"--customer: {text}"]
