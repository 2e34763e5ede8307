"""`finality operator list --json`: who may sign, and what was refused, each with its time."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from domain.lifecycle.statement import Statement, StatementKind
from starter.signing import make_key
from store.operators import SIGNING_IN, not_by, note_refusal
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
        now = datetime.now(UTC)
        sign_in = Statement(StatementKind.ACKNOWLEDGE, by="eve", at=now, subject=SIGNING_IN)
        for _ in range(2):
            made.store.database.write_now(
                lambda session: note_refusal(session, sign_in, not_by("eve"), now)
            )
        *operators, refused, sign_ins = made.run("operator", "list", "--json").rows
        shown = made.run("operator", "list").out
        examined = made.run("doctor").out
    assert (sign_ins["refused_sign_ins"], sign_ins["last_claimed"]) == (2, "eve")
    for text in (shown, examined):
        assert "2 refused within a day, the last at" in text
        assert "of somebody who claims to be 'eve'" in text
    assert [one["name"] for one in operators] == ["alice", "bob"]
    assert (refused["claimed"], refused["kind"], refused["times"]) == ("alice", "halt", 1)
    assert "not by the key of an operator" in refused["why"]
    for at in (
        refused["first_at"],
        refused["last_at"],
        sign_ins["last_at"],
        operators[0]["added_at"],
    ):
        assert datetime.fromisoformat(at).tzinfo is not None
