"""`finality pay` with a real stack: each line once, or refused with the reason."""

from __future__ import annotations

import json
import shlex
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest

from assembly import assembled
from local.demo_file import DEBTOR_IBAN, EXECUTION_DATE, demo_file
from local.stack import Stack
from settings import Settings
from store.keyring import Keyring
from terminal.pay import pay_file
from terminal.pay_options import PayOptions
from tests.terminal.conftest import Terminal

AS_OF = ("--as-of", EXECUTION_DATE.isoformat())
FIELDS = ["payment_id", "tenant", "key", "created_at", "updated_at", "end_to_end_id", "state",
          "certainty", "amount_minor", "currency", "partner_reference", "reason", "sealed", "file",
          "line"]  # fmt: skip
REFUSED = ["payment_id", "file", "line", "source_line", "at", "end_to_end_id", "state", "certainty",
           "amount_minor", "currency", "partner_reference", "reason",
           "possible_duplicate_of"]  # fmt: skip


def a_file(
    folder: Path, message_id: str, payments: int = 3, changes: Mapping[str, str] | None = None
) -> Path:
    """A file of our own under its own message id, with some words changed."""
    text = demo_file(payments).decode().replace("DEMO-2026-03-17", message_id)
    text = text.replace("DEMO-0", f"{message_id}-0")
    for old, new in (changes or {}).items():
        assert old in text
        text = text.replace(old, new)
    file = folder / f"{message_id}.xml"
    file.write_text(text)
    return file


async def booked(stack: Stack) -> Counter[str]:
    """How often the partner booked each reference."""
    book = await stack.partners["currencycloud"].simulator.control("GET", "book")
    return Counter(payment["reference"] for payment in book["payments"])


async def test_a_file_paid_twice_is_booked_once(
    terminal: Terminal, stack: Stack, tmp_path: Path
) -> None:
    file = a_file(tmp_path, "TWICE", 4)
    first = terminal.run("pay", str(file), *AS_OF, "--json")
    assert first.code == 0, first.err
    assert [list(row) for row in first.rows] == [FIELDS] * 4
    assert {(row["state"], row["certainty"]) for row in first.rows} == {("settled", "sent")}
    assert [(row["file"], row["line"]) for row in first.rows] == [("TWICE", n) for n in range(1, 5)]
    assert "settled: 4." in first.err
    again = terminal.run("pay", str(file), *AS_OF, "--json")
    assert [row["payment_id"] for row in again.rows] == [row["payment_id"] for row in first.rows]
    told = terminal.run("pay", str(file), *AS_OF)
    assert "4 of 4 were known from an earlier run of this file" in told.out
    references = {ref: n for ref, n in (await booked(stack)).items() if ref.startswith("TWICE")}
    # The last two are equal salaries under one reference: both are meant.
    assert references == {"TWICE-0000": 1, "TWICE-0001": 1, "TWICE-0004": 2}


async def test_published_samples_settle_and_are_booked_once(
    terminal: Terminal, stack: Stack, specs: Path
) -> None:
    samples = specs / "iso20022" / "samples"
    for name, day, references in (
        ("sepa-king/pain.001.001.03.xml", "2010-11-25", ["OriginatorID1234", "OriginatorID1235"]),
        ("nexatech-fineract/sample-pain001.xml", "2025-01-20", ["E2E-001"]),
    ):
        for _ in range(2):
            ran = terminal.run("pay", str(samples / name), "--as-of", day, "--json")
            assert ran.code == 0, ran.err
            assert [row["state"] for row in ran.rows] == ["settled"] * len(references)
        assert [(await booked(stack))[reference] for reference in references] == [1] * len(
            references
        )


TEXT = demo_file(3).decode()
CREDITOR = TEXT.split("<CdtrAcct><Id><IBAN>")[1][:22]
#: One thing wrong each; the first amount is 10.00, of 4710.00 in all.
WRONG = {
    "a creditor's check digits": (
        (CREDITOR, f"{CREDITOR[:2]}{(int(CREDITOR[2:4]) + 1) % 97:02d}{CREDITOR[4:]}"), "AC03"
    ),
    "an amount finer than a cent": ((">10.00<", ">10.005<"), "AM10"),
    "an amount of nothing": ((">10.00<", ">0.00<"), "AM10"),
    "a negative amount": ((">10.00<", ">-10.00<"), "AM10"),
    "a currency nobody knows": (('Ccy="EUR">10.00', 'Ccy="XXX">10.00'), "AM"),
    "a sum that is not the lines'": (("<CtrlSum>", "<CtrlSum>1"), "AM10"),
    "a count that is not the lines'": (("<NbOfTxs>3<", "<NbOfTxs>4<"), "AM"),
    "a debtor's bank that is no BIC": (
        ("<Othr><Id>NOTPROVIDED</Id></Othr>", "<BICFI>NOBIC</BICFI>"), "RC"
    ),
    "a message of another kind": (("pain.001.001.09", "pain.008.001.09"), "pain.008"),
    "no end": (("</CstmrCdtTrfInitn></Document>", ""), "FF01"),
    "a debtor account nobody mapped": ((DEBTOR_IBAN, "DE02120300000000202051"), "AC02"),
}  # fmt: skip


@pytest.mark.parametrize(("change", "says"), WRONG.values(), ids=WRONG)
async def test_a_wrong_file_pays_nothing_and_says_why(
    stack: Stack,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    change: tuple[str, str],
    says: str,
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    file = a_file(tmp_path, "WRONG", changes=dict([change]))
    before = await booked(stack)
    options = PayOptions(file, as_of=EXECUTION_DATE, wait_seconds=0)
    code = await pay_file(Settings(home=stack.home), options)
    assert code == 2
    assert says in capsys.readouterr().out
    async with assembled(Settings(home=stack.home)) as assembly:
        found = await assembly.orchestrator.find(limit=1000)
        ids = {record.end_to_end_id for record in found.records}
    assert not any(reference.startswith("WRONG") for reference in ids)
    assert await booked(stack) == before


def test_scripts_are_told_of_a_refused_file_as_of_a_paid_one(
    terminal: Terminal, tmp_path: Path
) -> None:
    changes = {DEBTOR_IBAN: "DE02120300000000202051"}
    ran = terminal.run("pay", str(a_file(tmp_path, "JSON", changes=changes)), *AS_OF, "--json")
    assert ran.code == 2
    assert [list(row) for row in ran.rows] == [REFUSED] * 3
    assert all("AC02" in row["reason"] for row in ran.rows)
    assert all("`finality up --debtor`" in row["reason"] for row in ran.rows)
    missing = terminal.run("pay", str(tmp_path / "nothing.xml"), "--json")
    assert missing.code == 2
    (row,) = missing.rows
    assert (row["state"], row["end_to_end_id"]) == ("refused", None)
    assert "cannot be read" in row["reason"]


def test_valid_lines_may_be_paid_without_the_refused_ones(
    terminal: Terminal, tmp_path: Path
) -> None:
    file = a_file(tmp_path, "PARTLY", 4, {"<Nm>Bakkerij De Molen</Nm>": f"<Nm>{'B' * 71}</Nm>"})
    ran = terminal.run("pay", str(file), *AS_OF, "--skip-invalid", "--json")
    assert ran.code == 1
    assert Counter(row["state"] for row in ran.rows) == {"settled": 3, "refused": 1}
    (refused,) = (row for row in ran.rows if row["state"] == "refused")
    assert refused["payment_id"] is None
    assert "BE20" in refused["reason"]


def test_names_that_look_like_markup_are_shown_as_they_are(
    terminal: Terminal, tmp_path: Path
) -> None:
    file = a_file(tmp_path, "MARKUP", 4, changes={"Bakkerij De Molen": "Beta [/b] BV"})
    ran = terminal.run("pay", str(file), *AS_OF)
    assert ran.code == 0, ran.err
    assert "Beta [/b] BV" in ran.out
    assert "Beta [/b] BV" in terminal.run("list").out


def test_the_same_message_id_with_other_content_is_refused(
    terminal: Terminal, tmp_path: Path
) -> None:
    assert terminal.run("pay", str(a_file(tmp_path, "SAME")), *AS_OF).code == 0
    other = a_file(tmp_path, "SAME", changes={"Salary March": "Salary May"})
    ran = terminal.run("pay", str(other), *AS_OF)
    assert ran.code == 2
    assert "DU01" in ran.out


async def test_a_file_given_again_under_another_message_id_is_paid_once_more_only_when_told(
    terminal: Terminal, stack: Stack, tmp_path: Path
) -> None:
    first = terminal.run("pay", str(a_file(tmp_path, "REPEAT", 4)), *AS_OF, "--json")
    assert first.code == 0, first.err
    text = (tmp_path / "REPEAT.xml").read_text()
    copy = tmp_path / "copy of it.xml"
    copy.write_text(text.replace("<MsgId>REPEAT", "<MsgId>ANOTHER"))
    ran = terminal.run("pay", str(copy), *AS_OF)
    assert ran.code == 2
    assert "AM05" in ran.out
    assert all(row["payment_id"] in ran.out for row in first.rows)
    booked_once = {ref: n for ref, n in (await booked(stack)).items() if ref.startswith("REPEAT")}
    assert booked_once == {"REPEAT-0000": 1, "REPEAT-0001": 1, "REPEAT-0004": 2}
    (command,) = (line for line in ran.out.splitlines() if line.startswith("finality pay"))
    again = terminal.run(*shlex.split(command)[1:])
    assert again.code == 0, again.out
    booked_twice = {ref: n for ref, n in (await booked(stack)).items() if ref.startswith("REPEAT")}
    assert booked_twice == {"REPEAT-0000": 2, "REPEAT-0001": 2, "REPEAT-0004": 4}


def test_dates_are_never_shifted_for_a_real_partner(tmp_path: Path) -> None:
    Keyring.make(tmp_path / "keyring")
    bank = {"base_url": "https://bank.invalid", "login_id": "l", "api_key": "k"}
    environment = {
        "FINALITY_CURRENCYCLOUD": json.dumps({"bank": bank}),
        "FINALITY_DEBTORS": json.dumps({DEBTOR_IBAN: {"partner_account": "bank"}}),
    }
    terminal = Terminal(tmp_path)
    ran = terminal.run("pay", str(a_file(tmp_path, "REAL")), *AS_OF, **environment)
    assert ran.code == 2
    assert "simulated" in ran.out
    environment["FINALITY_CURRENCYCLOUD"] = json.dumps({"bank": {**bank, "simulated": True}})
    claimed = terminal.run("list", **environment)
    assert claimed.code == 2
    assert "and bank.invalid is none" in claimed.err


def test_without_temporal_the_payments_are_recorded_and_it_says_so(tmp_path: Path) -> None:
    Keyring.make(tmp_path / "keyring")
    account = {"base_url": "http://127.0.0.1:1", "login_id": "l", "api_key": "k", "simulated": True}
    terminal = Terminal(tmp_path)
    ran = terminal.run(
        "pay",
        str(a_file(tmp_path, "AWAY")),
        *AS_OF,
        "--wait",
        "0",
        FINALITY_CURRENCYCLOUD=json.dumps({"a": account}),
        FINALITY_DEBTORS=json.dumps({DEBTOR_IBAN: {"partner_account": "a"}}),
        FINALITY_TEMPORAL_ADDRESS="127.0.0.1:1",
    )
    assert ran.code == 0, ran.err
    assert "No Temporal server answers" in ran.out
    assert {row["state"] for row in terminal.listed()} == {"created"}
