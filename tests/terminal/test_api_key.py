"""`finality api-key`: a key is shown once, listed without its secret, replaced and revoked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from domain.scopes import Scope
from settings import Settings
from store.keyring import Keyring
from terminal.api_key import list_keys, make_key, replace_key, revoke_key

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    Keyring.make(tmp_path / "keyring")
    account = {"base_url": "http://127.0.0.1:1", "login_id": "l", "api_key": "k", "simulated": True}
    monkeypatch.setenv("FINALITY_CURRENCYCLOUD", json.dumps({"a": account}))
    return Settings(home=tmp_path)


def rows(capsys: Capture) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


async def test_the_life_of_a_key(settings: Settings, capsys: Capture) -> None:
    account = [("currencycloud", "a")]
    assert await make_key(settings, "t", "shop", [Scope.PAY], account, as_json=True) == 0
    (made,) = rows(capsys)
    assert made["key"].startswith(f"fin_{made['key_id']}_")
    assert made["accounts"] == ["currencycloud/a"]
    assert await replace_key(settings, made["key_id"], overlap_hours=0, as_json=True) == 0
    (second,) = rows(capsys)
    assert (second["scopes"], second["tenant"]) == (["pay"], "t")
    assert await revoke_key(settings, second["key_id"]) == 0
    capsys.readouterr()
    assert await list_keys(settings, "t", as_json=True) == 0
    listed = rows(capsys)
    assert [each["is_accepted"] for each in listed] == [False, False]
    assert all("key" not in each for each in listed)
    assert await list_keys(settings, None, as_json=False) == 0
    assert made["key"] not in capsys.readouterr().out


async def test_what_cannot_be_done_is_said_and_leaves_nothing(
    settings: Settings, capsys: Capture
) -> None:
    assert await make_key(settings, "t", "n", [Scope.PAY], [("no", "b")], as_json=False) == 2
    assert "no/b is not in the settings; there: currencycloud/a" in capsys.readouterr().err
    assert await make_key(settings, "t", "a\nb", [Scope.PAY], [], as_json=False) == 2
    assert await replace_key(settings, "none", overlap_hours=1, as_json=False) == 2
    assert await revoke_key(settings, "none") == 2
    assert "there is no key 'none'" in capsys.readouterr().err
    assert await list_keys(settings, None, as_json=True) == 0
    assert rows(capsys) == []
