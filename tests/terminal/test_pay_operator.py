"""An operator who acknowledges a repeat signs for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from local.demo_file import DEBTOR_IBAN, demo_file
from settings import Debtor
from starter.signing import make_key
from terminal.pay import NOTHING_PAID, pay_file
from terminal.pay_options import PayOptions
from tests.terminal.homes import ALICE, home, sign_as


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("alice", "not by the key of an operator 'alice'"),
        ("mallory", "is the key of 'alice', not of 'mallory'"),
    ],
)
async def test_a_key_that_was_never_enrolled_acknowledges_nothing(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    says: str,
) -> None:
    file = tmp_path / "file.xml"
    file.write_bytes(demo_file(24))
    with home(tmp_path / "home") as made:
        sign_as(monkeypatch, made.terminal.home, "alice")
        forged = tmp_path / "forged.key"
        make_key(forged, "alice", ALICE.encode())
        monkeypatch.setenv("FINALITY_OPERATOR_KEY_FILE", str(forged))
        debtors = {DEBTOR_IBAN: Debtor(partner_account="main")}
        options = PayOptions(
            file, skip_invalid=True, wait_seconds=0, acknowledge=frozenset({"pay_x"}), operator=name
        )
        code = await pay_file(made.settings.model_copy(update={"debtors": debtors}), options)
    assert code == NOTHING_PAID
    assert says in " ".join(capsys.readouterr().out.split())
