"""An operator who acknowledges a repeat signs for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from local.demo_file import DEBTOR_IBAN, demo_file
from settings import Debtor, Settings
from store.keyring import Keyring
from terminal.pay import NOTHING_PAID, pay_file
from terminal.wishes import Wishes


@pytest.mark.parametrize(
    ("name", "secret"), [("alice", "another secret"), ("mallory", "alice's long secret")]
)
async def test_a_name_without_its_secret_acknowledges_nothing(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    secret: str,
) -> None:
    monkeypatch.setenv("FINALITY_OPERATOR_SECRET", secret)
    monkeypatch.setenv("FINALITY_OPERATORS__ALICE", "alice's long secret")
    (tmp_path / "home").mkdir()
    Keyring.make(tmp_path / "home" / "keyring")
    file = tmp_path / "file.xml"
    file.write_bytes(demo_file(24))
    settings = Settings(
        home=tmp_path / "home", debtors={DEBTOR_IBAN: Debtor(partner_account="main")}
    )
    acknowledged = frozenset({"pay_x"})
    wishes = Wishes(
        file, skip_invalid=True, wait_seconds=0, acknowledge=acknowledged, operator=name
    )
    code = await pay_file(settings, wishes)
    assert code == NOTHING_PAID
    assert "secret" in capsys.readouterr().out
