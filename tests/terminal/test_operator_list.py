"""`finality operator list --json`: who may sign, and what was refused, each with its time."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from starter.signing import make_key
from tests.terminal.homes import home


def test_operators_and_refused_signatures_have_their_fields(tmp_path: Path) -> None:
    with home(tmp_path) as made:
        forged = tmp_path / "forged.key"
        make_key(forged, "alice", b"another passphrase")
        (tmp_path / "forged.passphrase").write_text("another passphrase")
        ran = made.run(
            *("halt", "--by", "alice", "--why", "mine now"),
            FINALITY_OPERATOR_KEY_FILE=str(forged),
            FINALITY_OPERATOR_PASSPHRASE_FILE=str(tmp_path / "forged.passphrase"),
        )
        assert ran.code == 2
        *operators, refused = made.run("operator", "list", "--json").rows
    assert [one["name"] for one in operators] == ["alice", "bob"]
    assert (refused["claimed"], refused["kind"], refused["times"]) == ("alice", "halt", 1)
    assert "not by the key of an operator" in refused["why"]
    for at in (refused["first_at"], refused["last_at"], operators[0]["added_at"]):
        assert datetime.fromisoformat(at).tzinfo is not None
