"""Attacks that have one payment made twice under two names: message ids, spellings, moments."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import Session, col, delete

from assembly import assembled
from domain.lifecycle.resource import Certainty
from domain.payments.intent import Earlier, Intent
from settings import Settings
from starter.signing import make_key
from store.keyring import Keyring
from store.payments import Payments
from store.tables.lifecycles import LifecycleRow
from store.tables.payments import FileRow
from terminal.pay import ALL_WELL, NOTHING_PAID, SOME_NOT, pay_file
from terminal.pay_options import PayOptions
from tests.messages.files import CREDITOR, DEBTOR, Block, nested, pain001, transfer

DAY = date(2026, 11, 25)


def line(euros: int, reference: str = "INV-1") -> str:
    ids = nested("PmtId/EndToEndId", reference)
    return transfer(f"{euros}.00", ids=ids)


FIRST, SECOND, THIRD = line(11), line(22), line(33)


@dataclass(frozen=True)
class Paid:
    """What one run of the command came to."""

    code: int
    rows: list[dict[str, Any]]
    said: str

    @property
    def states(self) -> list[tuple[int, str]]:
        """Euros and state of each line."""
        return sorted((row["amount_minor"] // 100, row["state"]) for row in self.rows)

    @property
    def asked_of(self) -> set[str]:
        """Every earlier payment that was named."""
        return {one for row in self.rows for one in row.get("possible_duplicate_of", ())}


@dataclass
class Desk:
    """Somebody with a terminal and files to pay; no Temporal, so what is recorded stays there."""

    settings: Settings
    capsys: pytest.CaptureFixture[str]

    async def pay(
        self,
        message_id: str,
        *lines: str,
        skip_invalid: bool = False,
        acknowledge: Sequence[str] = (),
        operator: str | None = None,
        journal: Path | None = None,
        status_report: Path | None = None,
    ) -> Paid:
        file = self.settings.home / f"{message_id}.xml"
        day = nested("ReqdExctnDt/Dt", str(DAY))
        file.write_bytes(pain001(Block(list(lines), day=day), message_id=message_id))
        options = PayOptions(
            file,
            as_of=DAY,
            skip_invalid=skip_invalid,
            wait_seconds=0,
            as_json=True,
            acknowledge=frozenset(acknowledge),
            operator=operator,
            journal=journal,
            status_report=status_report,
        )
        code = await pay_file(self.settings, options)
        printed = self.capsys.readouterr()
        return Paid(code, [json.loads(row) for row in printed.out.splitlines()], printed.err)

    async def recorded(self) -> list[int]:
        """Everything recorded to be paid, in euros."""
        async with assembled(self.settings) as assembly:
            records = (await assembly.orchestrator.find()).records
        return sorted(record.payment.amounts.instructed.minor // 100 for record in records)

    async def change(self, transaction: Any) -> None:
        async with assembled(self.settings) as assembly:
            assembly.database.write_now(transaction)


@pytest.fixture
def desk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Desk:
    Keyring.make(tmp_path / "keyring")
    account = {"base_url": "http://127.0.0.1:1", "login_id": "l", "api_key": "k", "simulated": True}
    monkeypatch.setenv("FINALITY_CURRENCYCLOUD", json.dumps({"a": account}))
    monkeypatch.setenv("FINALITY_DEBTORS", json.dumps({DEBTOR: {"partner_account": "a"}}))
    monkeypatch.setenv("COLUMNS", "200")
    return Desk(Settings(home=tmp_path, temporal_address="127.0.0.1:1"), capsys)


async def test_the_same_payments_under_a_new_message_id_are_not_paid(desk: Desk) -> None:
    first = await desk.pay("MSG-1", FIRST, SECOND)
    assert first.code == ALL_WELL
    again = await desk.pay("MSG-2", FIRST, SECOND)
    assert again.code == NOTHING_PAID
    assert again.states == [(11, "refused"), (22, "refused")]
    assert again.asked_of == {row["payment_id"] for row in first.rows}
    assert all(row["reason"].startswith("AM05") for row in again.rows)
    assert await desk.recorded() == [11, 22]


async def test_one_repeated_line_holds_the_whole_file_until_it_is_acknowledged(desk: Desk) -> None:
    (earlier,) = (await desk.pay("MSG-1", FIRST)).rows
    held = await desk.pay("MSG-2", SECOND, FIRST, THIRD)
    assert held.code == NOTHING_PAID
    assert held.states == [(11, "refused"), (22, "refused"), (33, "refused")]
    assert held.asked_of == {earlier["payment_id"]}
    assert await desk.recorded() == [11]
    paid = await desk.pay("MSG-2", SECOND, FIRST, THIRD, acknowledge=[earlier["payment_id"]])
    assert paid.code == ALL_WELL
    assert await desk.recorded() == [11, 11, 22, 33]
    # The same file is known now, acknowledged or not.
    for said in ([], [earlier["payment_id"]]):
        same = await desk.pay("MSG-2", SECOND, FIRST, THIRD, acknowledge=said)
        assert [row["payment_id"] for row in same.rows] == [row["payment_id"] for row in paid.rows]
    assert await desk.recorded() == [11, 11, 22, 33]


async def test_the_command_to_go_on_is_printed_whole(desk: Desk) -> None:
    (earlier,) = (await desk.pay("MSG-1", FIRST)).rows
    said = (await desk.pay("MSG-2", FIRST)).said
    (command,) = (text for text in said.splitlines() if text.startswith("finality pay"))
    assert command.endswith(f"--as-of 2026-11-25 --wait 0 --json --acknowledge "
                            f"{earlier['payment_id']}")  # fmt: skip
    assert CREDITOR not in said
    assert DEBTOR not in said


async def test_a_file_that_was_asked_about_may_be_corrected_under_its_message_id(
    desk: Desk,
) -> None:
    await desk.pay("MSG-1", FIRST)
    assert (await desk.pay("MSG-2", FIRST, SECOND)).code == NOTHING_PAID
    assert (await desk.pay("MSG-2", SECOND)).code == ALL_WELL
    assert await desk.recorded() == [11, 22]


async def test_the_others_are_paid_alone_and_the_repeated_one_later_only_once(desk: Desk) -> None:
    (earlier,) = (await desk.pay("MSG-1", FIRST)).rows
    partly = await desk.pay("MSG-2", FIRST, SECOND, skip_invalid=True)
    assert partly.code == SOME_NOT
    assert partly.states == [(11, "refused"), (22, "created")]
    for _ in range(2):
        whole = await desk.pay("MSG-2", FIRST, SECOND, acknowledge=[earlier["payment_id"]])
        assert whole.code == ALL_WELL
    assert await desk.recorded() == [11, 11, 22]


async def test_equal_lines_of_one_file_are_all_meant_but_not_once_more(desk: Desk) -> None:
    assert (await desk.pay("MSG-1", FIRST, FIRST)).code == ALL_WELL
    again = await desk.pay("MSG-2", FIRST)
    assert again.code == NOTHING_PAID
    assert len(again.asked_of) == 2
    assert await desk.recorded() == [11, 11]


@pytest.mark.parametrize("reference", ["inv-1", "INV 1", "I n v 1", "INV/1", "INV.1", "(INV)-1"])
async def test_another_spelling_of_the_reference_does_not_hide_it(
    desk: Desk, reference: str
) -> None:
    await desk.pay("MSG-1", FIRST)
    assert (await desk.pay("MSG-2", line(11, reference))).code == NOTHING_PAID
    assert (await desk.pay("MSG-3", line(11, "INV-2"))).code == ALL_WELL
    assert await desk.recorded() == [11, 11]


async def test_an_acknowledgement_of_one_does_not_cover_the_next(desk: Desk) -> None:
    (first,) = (await desk.pay("MSG-1", FIRST)).rows
    (second,) = (await desk.pay("MSG-2", FIRST, acknowledge=[first["payment_id"]])).rows
    third = await desk.pay("MSG-3", FIRST, acknowledge=[first["payment_id"]])
    assert third.code == NOTHING_PAID
    assert third.asked_of == {first["payment_id"], second["payment_id"]}
    strangers = await desk.pay("MSG-3", FIRST, acknowledge=["pay_x", "all", "*", ""])
    assert strangers.code == NOTHING_PAID
    assert await desk.recorded() == [11, 11]


async def test_two_files_with_the_same_payments_at_once_pay_each_once(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both find nothing when they look beforehand; the accepting transaction decides."""

    async def nothing(
        self: Payments, wanted: Sequence[tuple[str, Intent]], now: datetime
    ) -> list[tuple[Earlier, ...]]:
        return [()] * len(wanted)

    monkeypatch.setattr(Payments, "possible_duplicates", nothing)
    lines = [line(euros) for euros in range(1, 21)]
    await desk.pay("MSG-0", line(100))
    runs = await asyncio.gather(desk.pay("MSG-1", *lines), desk.pay("MSG-2", *lines))
    assert await desk.recorded() == [*range(1, 21), 100]
    for run in runs:
        paid = [row for row in run.rows if row["payment_id"]]
        # The other file may have been quicker with every line, or with some.
        assert run.code == (NOTHING_PAID if not paid else SOME_NOT if len(paid) < 20 else ALL_WELL)
    rows = [row for run in runs for row in run.rows]
    assert sorted(row["amount_minor"] // 100 for row in rows if row["payment_id"]) == [
        *range(1, 21)
    ]
    assert sum(row["state"] == "refused" for row in rows) == 20


async def test_in_doubt_only_an_operator_may_go_on(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    (first,) = (await desk.pay("MSG-1", FIRST)).rows

    def doubt(session: Session) -> None:
        session.get_one(LifecycleRow, first["payment_id"]).certainty = Certainty.UNKNOWN

    await desk.change(doubt)
    acknowledge = [first["payment_id"]]
    asked = await desk.pay("MSG-2", FIRST, acknowledge=acknowledge)
    assert asked.code == NOTHING_PAID
    assert "--operator NAME" in asked.said
    assert "It is safer to wait" in asked.said
    make_key(desk.settings.home / "eve.key", "eve", b"whatever eve says")
    (desk.settings.home / "eve.passphrase").write_text("whatever eve says")
    monkeypatch.setenv("FINALITY_OPERATOR_KEY_FILE", str(desk.settings.home / "eve.key"))
    monkeypatch.setenv(
        "FINALITY_OPERATOR_PASSPHRASE_FILE", str(desk.settings.home / "eve.passphrase")
    )
    desk.settings = Settings(home=desk.settings.home, temporal_address="127.0.0.1:1")
    anybody = await desk.pay("MSG-2", FIRST, acknowledge=acknowledge, operator="eve")
    assert anybody.code == NOTHING_PAID
    assert "not by the key of an operator 'eve'" in anybody.rows[0]["reason"]
    assert await desk.recorded() == [11]


async def test_a_file_whose_row_was_lost_still_cannot_change_its_lines(desk: Desk) -> None:
    await desk.pay("MSG-1", FIRST, SECOND)
    await desk.change(
        lambda session: session.exec(delete(FileRow).where(col(FileRow.tenant) != ""))
    )
    changed = await desk.pay("MSG-1", FIRST, THIRD)
    # The first line is the payment that it was, and the other is none.
    assert changed.code == SOME_NOT
    assert changed.states == [(11, "created"), (33, "refused")]
    assert changed.rows[1]["reason"].startswith("DU01 a file with this message id")
    assert await desk.recorded() == [11, 22]


async def test_every_way_to_refuse_a_file_prints_an_object_a_line(desk: Desk) -> None:
    wrong = transfer("44.00", account="<CdtrAcct><Id><IBAN>DE00</IBAN></Id></CdtrAcct>")
    refused = await desk.pay("MSG-1", FIRST, wrong)
    assert refused.code == NOTHING_PAID
    assert refused.states == [(11, "refused"), (44, "refused")]
    reasons = {row["amount_minor"]: row["reason"] for row in refused.rows}
    assert reasons[1100] == "not paid: other lines of the file are refused"
    assert "AC03" in reasons[4400] or "AC01" in reasons[4400]
    unreadable = await desk.pay("MSG-2", FIRST, "<Broken>")
    assert unreadable.code == NOTHING_PAID
    (row,) = unreadable.rows
    assert (row["state"], row["reason"][:4]) == ("refused", "FF01")
    await desk.pay("MSG-3", FIRST)
    taken = await desk.pay("MSG-3", FIRST, SECOND)
    assert [row["reason"][:4] for row in taken.rows] == ["DU01", "DU01"]
