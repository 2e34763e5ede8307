"""What `finality doctor` says of the database."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.demo_file import DEBTOR_IBAN
from store.keyring import Keyring
from store.schema import HEAD
from tests.postgresql import PostgreSQL
from tests.terminal.conftest import Alone, Terminal
from tests.terminal.test_pay import a_file

NO_TEMPORAL = "127.0.0.1:1"


def _lines(home: Path, **environment: str) -> list[str]:
    """What it says of the database, and the remedy if there is one."""
    Keyring.make(home / "keyring")
    ran = Terminal(home, width=400).run(
        "doctor", FINALITY_TEMPORAL_ADDRESS=NO_TEMPORAL, **environment
    )
    assert ran.code == 1, "Temporal at least is missing"
    assert "Traceback" not in ran.err
    lines = ran.out.splitlines()
    at = next(n for n, line in enumerate(lines) if line[2:].startswith("database: "))
    remedy = [line for line in lines[at + 1 : at + 2] if "→" in line]
    return [lines[at], *remedy]


@pytest.fixture
def url(postgresql: PostgreSQL) -> Iterator[str]:
    made = postgresql.empty_database()
    yield made
    postgresql.drop(made)


def test_sqlite_is_named_with_what_makes_it_durable(tmp_path: Path) -> None:
    (line,) = _lines(tmp_path)
    assert line.startswith("✓ database: SQLite 3.")
    assert line.endswith(
        f"{tmp_path / 'finality.db'}, schema {HEAD}, journal_mode wal, synchronous full"
    )


def test_postgresql_is_named_and_what_would_lose_payments_is_to_be_mended(
    tmp_path: Path, postgresql: PostgreSQL, url: str
) -> None:
    line, remedy = _lines(tmp_path, FINALITY_DATABASE_URL=url)
    assert line.startswith("✗ database: PostgreSQL 18.")
    assert f"schema {HEAD}, fsync off, full_page_writes on, synchronous_commit on" in line
    assert "ALTER SYSTEM SET fsync = on; SELECT pg_reload_conf()" in remedy
    postgresql.set("fsync", "on")
    try:
        (line,) = _lines(tmp_path, FINALITY_DATABASE_URL=url)
        assert line.startswith("✓ database: PostgreSQL 18.")
        assert "fsync on" in line
    finally:
        postgresql.set("fsync", "off")


def test_a_database_that_does_not_answer_is_said_with_a_remedy(tmp_path: Path) -> None:
    line, remedy = _lines(
        tmp_path, FINALITY_DATABASE_URL="postgresql://me:canary@127.0.0.1:1/finality"
    )
    assert line.startswith("✗ database: the database is away: ")
    assert '"127.0.0.1", port 1 failed: Connection refused' in line
    assert "FINALITY_DATABASE_URL" in remedy
    assert "canary" not in line + remedy


def test_a_database_with_another_encoding_is_to_be_replaced(
    tmp_path: Path, postgresql: PostgreSQL
) -> None:
    postgresql.run("CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'")
    url = postgresql.url("latin")
    _, remedy = _lines(tmp_path, FINALITY_DATABASE_URL=url)
    assert "its encoding is not UTF8" in remedy
    postgresql.drop(url)


@pytest.mark.parametrize("command", ["list", "worker", "inbound"])
def test_a_command_without_its_database_says_so_in_one_line(tmp_path: Path, command: str) -> None:
    Keyring.make(tmp_path / "keyring")
    ran = Terminal(tmp_path).run(
        command, FINALITY_DATABASE_URL="postgresql://me:canary@127.0.0.1:1/finality"
    )
    assert ran.code == 2
    assert ran.err.startswith("finality: the database is away: ")
    assert "canary" not in ran.out + ran.err
    ran = Terminal(tmp_path).run(command, FINALITY_DATABASE_URL="mysql://me:canary@db/finality")
    assert ran.code == 2
    assert ran.err.startswith("finality: FINALITY_DATABASE_URL: 'mysql' is not known")
    assert "canary" not in ran.out + ran.err


def test_a_check_that_fails_hides_no_other(tmp_path: Path) -> None:
    """Without keys no payment can be opened; whether Temporal answers can be told all the same."""
    ran = Terminal(tmp_path / "new", width=400).run("doctor", FINALITY_TEMPORAL_ADDRESS=NO_TEMPORAL)
    assert ran.code == 1
    assert "✗ keyring: there is no keyring at" in ran.out
    assert "✗ Temporal: cannot be used" in ran.out
    assert ran.out.count("✗") == ran.out.count("→") == 2
    assert "Traceback" not in ran.err


@pytest.fixture
def mismapped(alone: Alone) -> Alone:
    """A debtor account that leads to an account which the settings do not have."""
    debtors = json.dumps({DEBTOR_IBAN: {"partner_account": "main"}})
    return Alone(alone.terminal, {**alone.environment, "FINALITY_DEBTORS": debtors})


def test_a_debtor_without_an_account_is_named_with_those_there_are(mismapped: Alone) -> None:
    ran = mismapped.run("doctor")
    assert ran.code == 1
    said = " ".join(ran.out.split())
    assert f"✗ debtor …{DEBTOR_IBAN[-4:]}: pays from currencycloud/main" in said
    assert "(there: a)" in said
    assert DEBTOR_IBAN not in ran.out + ran.err


@pytest.mark.parametrize("preview", [(), ("--preview",)], ids=["pay", "preview"])
def test_a_file_of_such_a_debtor_is_refused_by_the_field(
    mismapped: Alone, tmp_path: Path, preview: tuple[str, ...]
) -> None:
    file = a_file(tmp_path, "NOACCOUNT", 2)
    ran = mismapped.run("pay", str(file), "--as-of", "2026-03-17", *preview)
    assert ran.code == 2
    assert "Traceback" not in ran.err
    said = " ".join(ran.out.split())
    assert "AC02" in said
    assert "PmtInf/DbtrAcct/Id/IBAN" in said
    assert "is not in the settings" in " ".join(re.sub(r"[│┃]", " ", ran.out).split())


def test_a_partner_that_does_not_answer_is_asked_and_named(alone: Alone) -> None:
    ran = alone.run("doctor")
    said = " ".join(ran.out.split())
    assert "✗ partner currencycloud/a: http://127.0.0.1:1, simulated, no login: no answer" in said


def test_settings_files_in_use_are_named(alone: Alone, tmp_path: Path) -> None:
    named = tmp_path / "named.toml"
    named.write_text("inbound_port = 1\n")
    ran = alone.run("doctor", FINALITY_SETTINGS_FILE=str(named))
    assert f"settings file {named}" in " ".join(ran.out.split())


def test_a_home_that_others_can_look_into_is_named_with_the_command(alone: Alone) -> None:
    alone.terminal.home.chmod(0o755)
    ran = alone.run("doctor")
    assert f"chmod -R go-rwx {alone.terminal.home}" in " ".join(ran.out.split())
