"""`finality accounts` and `finality transactions`: masked, with their age, cut or whole."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from assembly import assembled
from domain.lifecycle.answers import Unanswered
from settings import Settings
from store.account_data import WantedTransactions
from store.keyring import Keyring
from terminal.accounts import list_accounts, list_transactions
from tests.account_data.bank import IBAN, NEIGHBOUR, line, pending
from tests.account_data.reader import CONSENT, Reader
from tests.clock import SteppedClock
from tests.store.test_consents import Desk


@pytest.fixture
async def settings(tmp_path: Path) -> Settings:
    Keyring.make(tmp_path / "keyring")
    return Settings(home=tmp_path)


@pytest.fixture
async def reader(settings: Settings) -> AsyncIterator[Reader]:
    clock = SteppedClock()
    async with assembled(settings, clock=clock) as assembly:
        made = Reader(Desk(assembly.database, clock, assembly.keyring))
        made.bank.lines = [pending("hold"), line("rent", reference="r1"), line("food")]
        await made.connect()
        await made.read()
        yield made


async def test_accounts_are_masked_and_say_how_old_they_are(
    settings: Settings, reader: Reader, capsys: pytest.CaptureFixture[str]
) -> None:
    code = await list_accounts(settings, None, None, refresh=False, limit=9, as_json=False)
    shown = capsys.readouterr()
    assert code == 0
    assert f"…{IBAN[-4:]}" in shown.out
    assert "old" in shown.out
    await list_accounts(settings, "shop", CONSENT, refresh=False, limit=9, as_json=True)
    printed = capsys.readouterr().out
    assert json.loads(printed)["balances"][0]["amount_minor"] == 100_00
    assert IBAN not in shown.out + printed
    await list_accounts(settings, "another", None, refresh=False, limit=9, as_json=False)
    assert "No accounts" in capsys.readouterr().out


async def test_transactions_say_when_they_are_cut_and_when_the_bank_is_away(
    settings: Settings, reader: Reader, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = WantedTransactions((await reader.account()).account_id)
    await list_transactions(settings, wanted, limit=9, as_json=True)
    shown = capsys.readouterr()
    texts = {json.loads(each)["remittance_information"] for each in shown.out.splitlines()}
    assert texts == {"hold", "rent", "food"}
    assert NEIGHBOUR not in shown.out
    assert shown.err == ""
    reader.desk.clock.step(timedelta(hours=7))
    reader.bank.answers.append(Unanswered("the bank is away"))
    await reader.read()
    await list_transactions(settings, wanted, limit=2, as_json=False)
    shown = capsys.readouterr()
    assert "there are more; --limit shows more" in shown.err
    assert "brought nothing new" in shown.err
    assert "The list is" in shown.out


async def test_what_is_not_there_is_named_with_the_remedy(
    settings: Settings, reader: Reader, capsys: pytest.CaptureFixture[str]
) -> None:
    code = await list_transactions(settings, WantedTransactions("acc_9"), limit=1, as_json=False)
    assert code == 2
    assert "finality accounts" in capsys.readouterr().err
    code = await list_accounts(settings, None, "con_9", refresh=True, limit=1, as_json=False)
    assert code == 2
    assert "finality consents" in capsys.readouterr().err
