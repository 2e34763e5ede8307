"""Who may sign: operators as the settings name them."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from settings import Settings


def test_operators_come_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FINALITY_OPERATORS__ALICE", "alices secret")
    monkeypatch.setenv("FINALITY_OPERATORS__BOB", "bobs secret!")
    settings = Settings(home=tmp_path)
    assert settings.operators == {
        "alice": SecretStr("alices secret"),
        "bob": SecretStr("bobs secret!"),
    }
    assert "secret" not in repr(settings.operators)


@pytest.mark.parametrize(
    ("operators", "says"),
    [
        ({"alice": "too short"}, "at least 12"),
        ({"alice": "canary-secret", "Alice": "canary-another"}, "differ only in their spelling"),
        ({"alice": "canary-secret", "bob": "canary-secret"}, "have the same secret"),
        ({"alice b": "canary-secret"}, "is no name"),
        ({"": "canary-secret"}, "is no name"),
    ],
)
def test_operators_who_could_not_be_told_apart_are_refused(
    tmp_path: Path, operators: dict[str, str], says: str
) -> None:
    with pytest.raises(ValueError, match=says) as error:
        Settings(
            home=tmp_path,
            operators={name: SecretStr(secret) for name, secret in operators.items()},
        )
    assert "canary" not in str(error.value)
