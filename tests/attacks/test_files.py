"""Attacks with a file that changed under its message id: its lines are known by their places."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

from assembly import assembled
from settings import Settings
from store.keyring import Keyring
from terminal.pay import NOTHING_PAID, SOME_NOT, pay_file
from terminal.pay_options import PayOptions
from tests.messages.files import DEBTOR, Block, nested, pain001, transfer

DAY = date(2026, 11, 25)
FIRST, SECOND, THIRD = (transfer(f"{euros}.00") for euros in (11, 22, 33))
WRONG = transfer("44.00", account="<CdtrAcct><Id><IBAN>DE00</IBAN></Id></CdtrAcct>")


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A simulated account and no Temporal: what is recorded stays there."""
    Keyring.make(tmp_path / "keyring")
    account = {"base_url": "http://127.0.0.1:1", "login_id": "l", "api_key": "k", "simulated": True}
    monkeypatch.setenv("FINALITY_CURRENCYCLOUD", json.dumps({"a": account}))
    monkeypatch.setenv("FINALITY_DEBTORS", json.dumps({DEBTOR: {"partner_account": "a"}}))
    return Settings(home=tmp_path, temporal_address="127.0.0.1:1")


async def pay(settings: Settings, *lines: str, message_id: str = "MSG-1") -> int:
    """Pay a file of these lines as anybody would who wants the good ones paid."""
    file = settings.home / "file.xml"
    file.write_bytes(
        pain001(Block(list(lines), day=nested("ReqdExctnDt/Dt", str(DAY))), message_id=message_id)
    )
    options = PayOptions(file, as_of=DAY, skip_invalid=True, wait_seconds=0, as_json=True)
    return await pay_file(settings, options)


async def amounts(settings: Settings) -> list[int]:
    """Everything recorded to be paid, in euros."""
    async with assembled(settings) as assembly:
        records = (await assembly.orchestrator.find()).records
    return sorted(record.payment.amounts.instructed.minor // 100 for record in records)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ((FIRST, WRONG, SECOND), (FIRST, SECOND)),
        ((WRONG, FIRST), (FIRST,)),
        ((FIRST, SECOND), (THIRD, FIRST, SECOND)),
        ((FIRST, SECOND), (FIRST, SECOND, FIRST)),
        ((FIRST, WRONG), (FIRST, THIRD)),
    ],
    ids=["bad line taken out", "only a bad line taken out", "put in", "appended", "corrected"],
)
async def test_a_changed_file_of_a_known_message_id_pays_nothing(
    settings: Settings,
    capsys: pytest.CaptureFixture[str],
    before: tuple[str, ...],
    after: tuple[str, ...],
) -> None:
    await pay(settings, *before)
    paid = await amounts(settings)
    assert await pay(settings, *after) == NOTHING_PAID
    assert "DU01" in capsys.readouterr().err
    assert await amounts(settings) == paid


async def test_the_same_file_is_taken_again_and_a_refused_one_was_never_taken(
    settings: Settings,
) -> None:
    assert await pay(settings, FIRST, WRONG) == SOME_NOT
    assert await pay(settings, FIRST, WRONG) == SOME_NOT
    assert await amounts(settings) == [11]
    await pay(settings, WRONG, message_id="MSG-2")
    await pay(settings, SECOND, message_id="MSG-2")
    assert await amounts(settings) == [11, 22]
