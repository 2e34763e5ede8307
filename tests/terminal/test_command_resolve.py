"""`finality resolve`: decisions, signed on a terminal or by a variable."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import delete, update

from domain.consents.report import ConsentState
from domain.lifecycle.command import CommandKind, Outcome
from domain.lifecycle.profile import IdempotencyKind, LookupKind
from domain.payments.report import PaymentState
from starter.evidence import EVIDENCE_BYTES_MAX
from store.tables.people import OperatorRow, SignatureRow
from terminal.operator import enrol_operators, make_operator_key
from terminal.resolve import resolve_payment
from tests.fakes import profile
from tests.store.books import PAYMENT, in_doubt
from tests.store.test_consents import CONSENT, Desk
from tests.terminal.homes import (
    ALICE,
    BOB,
    Home,
    as_operator,
    home,
    sign_as,
    typed,
    written,
)

LETTER = b"%PDF-1.7 canary-letter: no such payment with us.\x00\xff"


@pytest.fixture
async def parked(tmp_path: Path) -> AsyncIterator[Home]:
    """With a payment that nobody but a person can tell about."""
    with home(tmp_path) as made:
        # The command reads the machine's clock, and the attempt has to be over by that.
        made.store.clock.step(timedelta(hours=-1))
        await made.store.accept(as_of=profile(IdempotencyKind.NONE, LookupKind.NONE))
        await made.store.begin()
        await made.store.sent(in_doubt())
        made.store.clock.step(timedelta(hours=1))
        yield made


@pytest.fixture
def letter(tmp_path: Path) -> Path:
    file = tmp_path / "letter.pdf"
    file.write_bytes(LETTER)
    return file


def _resolve(decision: str, *more: str, by: str = "alice") -> list[str]:
    return ["resolve", PAYMENT, decision, "--by", by, "--why", "asked by telephone", *more]


async def test_found_executed_under_the_partners_reference(parked: Home) -> None:
    ran = parked.signed(*_resolve("executed", "--reference", "ref-7"))
    assert ran.code == 0, ran.err
    assert ": done" in ran.out
    assert f"{PAYMENT} is settled" in ran.out
    shown = parked.run("show", PAYMENT)
    assert "found executed, says alice (settled): asked by telephone" in shown.out
    assert "ref-7" in shown.out


async def test_not_executed_takes_two_operators_with_evidence(parked: Home, letter: Path) -> None:
    first = parked.signed(*_resolve("not-executed", "--evidence", str(letter), "--command-id", "1"))
    assert first.code == 0, first.err
    assert "another operator has to sign too" in first.out
    assert "(in doubt)" in first.out
    assert "signed not-executed: alice; another operator has to" in parked.run("tasks").out
    [row] = parked.run("tasks", "--json").rows
    assert row["not_executed_signed_by"] == ["alice"]
    again = parked.signed(*_resolve("not-executed", "--evidence", str(letter), "--command-id", "2"))
    assert "another operator has to sign too" in again.out
    second = parked.signed(
        *_resolve("not-executed", "--evidence", str(letter), by="Bob"), key_of="bob"
    )
    assert second.code == 0, second.err
    assert f"{PAYMENT} is rejected" in second.out
    shown = parked.run("show", PAYMENT, "--exchanges")
    assert "found not executed, says alice and bob (rejected): asked by telephone" in shown.out
    assert "not-executed 1, signed by alice, with evidence" in shown.out
    for secret in (ALICE, BOB, "canary-letter"):
        assert secret not in "".join((first.out, second.out, shown.out, first.err, second.err))


async def test_two_made_up_people_in_the_environment_are_nobody(
    parked: Home,
    letter: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Who may set every variable and file of the command makes keys, and signs as both."""
    passphrase = Path(
        as_operator(parked.terminal.home, "alice")["FINALITY_OPERATOR_PASSPHRASE_FILE"]
    )
    monkeypatch.setenv("FINALITY_OPERATOR_PASSPHRASE_FILE", str(passphrase))
    public = []
    for name in ("alice", "bob"):
        file = tmp_path / "forged" / f"{name}.key"
        assert await make_operator_key(name, file, passphrase) == 0
        monkeypatch.setenv("FINALITY_OPERATOR_KEY_FILE", str(file))
        await _refused(parked, CommandKind.NOT_EXECUTED, by=name, evidence=letter)
        assert f"not by the key of an operator '{name}'" in capsys.readouterr().err
        public.append(file.with_name(f"{file.name}.pub"))
    assert await enrol_operators(parked.settings, public) == 2
    assert "enrolled already" in capsys.readouterr().err
    shown = parked.run("show", PAYMENT)
    assert "the signature of somebody who claims to be 'bob' was refused" in shown.out
    assert "refused within a day" in parked.run("doctor").out


async def test_what_two_operators_signed_verifies_later(parked: Home, letter: Path) -> None:
    for name in ("alice", "bob"):
        ran = parked.signed(
            *_resolve("not-executed", "--evidence", str(letter), by=name), key_of=name
        )
        assert ran.code == 0, ran.err
    verified = parked.run("operator", "verify", PAYMENT)
    assert verified.code == 0
    assert verified.out.count(": verified") == 2
    parked.store.database.write_now(
        lambda session: session.exec(update(SignatureRow).values(by="carol"))
    )
    assert parked.run("operator", "verify", PAYMENT).code == 1


async def test_evidence_comes_back_as_it_was_given_and_lies_sealed(
    parked: Home, letter: Path
) -> None:
    parked.signed(*_resolve("not-executed", "--evidence", str(letter), "--command-id", "n1"))
    assert written(parked, "show", PAYMENT, "--evidence", "n1") == LETTER
    nothing = parked.run("show", PAYMENT, "--evidence", "n2")
    assert nothing.code == 1
    assert "nothing is attached" in nothing.err
    database = sqlite3.connect(parked.store.path)
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
    for file in parked.terminal.home.glob("finality.db*"):
        assert b"canary-letter" not in file.read_bytes()
        assert ALICE.encode() not in file.read_bytes()


async def _refused(
    home: Home,
    decision: CommandKind,
    *,
    by: str = "alice",
    why: str = "asked by telephone",
    reference: str | None = None,
    evidence: Path | None = None,
) -> None:
    """Without a process of its own: the command's function, which records nothing."""
    code = await resolve_payment(
        home.settings, PAYMENT, decision, command_id="d1",
        by=by, why=why, reference=reference, evidence=evidence, as_json=False,
    )  # fmt: skip
    assert code == 2
    assert await home.store.commands.of(PAYMENT) == []


async def test_not_executed_is_not_offered_before_operators_are_enrolled(
    parked: Home, letter: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Said before any passphrase is asked for: there is neither a file nor a terminal here."""
    parked.store.database.write_now(lambda session: session.exec(delete(OperatorRow)))
    await _refused(parked, CommandKind.NOT_EXECUTED, evidence=letter)
    assert "`not-executed` needs 2 operators" in capsys.readouterr().err


async def test_the_passphrase_is_typed_without_being_shown(parked: Home) -> None:
    code, screen = typed(parked, *_resolve("executed"), secret=ALICE)
    assert code == 0, screen
    assert "Passphrase of alice:" in screen
    assert ALICE not in screen
    [command] = await parked.store.commands.of(PAYMENT)
    assert (command.by, command.outcome) == ("alice", Outcome.DONE)


async def test_a_passphrase_mistyped_decides_nothing(parked: Home) -> None:
    code, screen = typed(parked, *_resolve("executed"), secret=BOB)
    assert code == 2
    assert "the passphrase does not open" in screen
    assert BOB not in screen
    assert await parked.store.commands.of(PAYMENT) == []


async def test_without_a_terminal_or_a_file_it_says_what_to_set(parked: Home) -> None:
    key = as_operator(parked.terminal.home, "alice")["FINALITY_OPERATOR_KEY_FILE"]
    ran = parked.run(*_resolve("executed"), FINALITY_OPERATOR_KEY_FILE=key)
    assert ran.code == 2
    assert "FINALITY_OPERATOR_PASSPHRASE_FILE" in ran.err


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"decision": CommandKind.NOT_EXECUTED}, "--evidence: is missing"),
        ({"evidence": Path("x")}, "--evidence: goes only with `not-executed`"),
        (
            {"decision": CommandKind.ABANDON, "reference": "x"},
            "--reference: goes only with `executed`",
        ),
        (
            {"decision": CommandKind.NOT_EXECUTED, "evidence": Path("/nothing/here")},
            "cannot be read: No such file",
        ),
        (
            {"decision": CommandKind.NOT_EXECUTED, "evidence": Path("/")},
            "cannot be read: Is a directory",
        ),
        ({"by": "eve"}, "is the key of 'alice', not of 'eve'"),
        ({"by": "bob"}, "is the key of 'alice', not of 'bob'"),
        ({"why": " "}, "why: is missing"),
    ],
)
async def test_what_cannot_be_a_decision_is_refused_and_not_recorded(
    parked: Home,
    wrong: dict[str, Any],
    says: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    sign_as(monkeypatch, parked.terminal.home, "alice")
    await _refused(parked, **{"decision": CommandKind.EXECUTED, **wrong})
    said = capsys.readouterr()
    assert says in said.err
    assert ALICE not in said.err + said.out


@pytest.mark.parametrize(("size", "says"), [(0, "is empty"), (EVIDENCE_BYTES_MAX + 1, "5 MiB")])
async def test_evidence_of_no_or_too_much_size_is_refused(
    parked: Home,
    letter: Path,
    size: int,
    says: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    sign_as(monkeypatch, parked.terminal.home, "alice")
    letter.write_bytes(b"x" * size)
    await _refused(parked, CommandKind.NOT_EXECUTED, evidence=letter)
    assert says in capsys.readouterr().err


def test_a_decision_there_is_not_is_refused_with_those_there_are(parked: Home) -> None:
    ran = parked.signed(*_resolve("perhaps"))
    assert ran.code == 2
    assert "'executed', 'abandon', 'not-executed'" in ran.err


async def test_what_is_not_in_question_is_not_decided(tmp_path: Path) -> None:
    with home(tmp_path) as made:
        await made.store.accept()
        ran = made.signed(*_resolve("executed"))
        assert ran.code == 2
        assert "created and not in question" in ran.err
        given_up = made.signed(*_resolve("abandon"), "--json")
        assert given_up.code == 0
        [row] = given_up.rows
        assert (row["kind"], row["outcome"], row["by"], row["state"]) == (
            CommandKind.ABANDON, Outcome.DONE, "alice", PaymentState.CANCELLED,
        )  # fmt: skip


async def test_a_decision_about_a_consent_shows_how_the_consent_stands(tmp_path: Path) -> None:
    with home(tmp_path) as made:
        desk = Desk(made.store.database, made.store.clock, made.store.keyring)
        await desk.ask()
        await desk.hear(ConsentState.ACTIVE)
        given = ("resolve", CONSENT, "abandon", "--by", "alice", "--why", "asked by telephone")
        shown = made.signed(*given, "--command-id", "a")
        again = made.signed(*given, "--command-id", "a", "--json")
    assert shown.code == 0, shown.err
    assert f"{CONSENT} is active: We have been asked to end the access" in " ".join(
        shown.out.split()
    )
    (row,) = again.rows
    assert (row["payment_id"], row["tenant"], row["key"]) == (CONSENT, "shop", "k")
    assert (row["state"], row["outcome"], row["certainty"]) == ("active", "asked", "sent")
