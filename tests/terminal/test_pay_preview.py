"""`finality pay --preview`: what would leave which balance; nothing is recorded or sent."""

from __future__ import annotations

from pathlib import Path

import pytest

from domain.lifecycle.answers import Unanswered
from domain.money import Money
from local.demo_file import DEBTOR_IBAN
from local.stack import Stack
from starter.leaving import Balance, leaving
from tests.fakes import order
from tests.terminal.conftest import Alone, Terminal
from tests.terminal.test_pay import AS_OF, a_file, booked


async def test_sums_are_held_against_what_the_partner_says_is_there(
    terminal: Terminal, stack: Stack, tmp_path: Path
) -> None:
    file = a_file(tmp_path, "PREVIEW", 3)
    looked = terminal.run("pay", str(file), *AS_OF, "--preview", "--json")
    assert looked.code == 0, looked.err
    (row,) = [row for row in looked.rows if "total_minor" in row]
    assert (row["payments"], row["total_minor"], row["currency"]) == (3, 471000, "EUR")
    assert row["available_minor"] > row["total_minor"]
    assert row["reason"] is None
    assert not any(reference.startswith("PREVIEW") for reference in await booked(stack))
    assert "PREVIEW" not in {row["message_id"] for row in terminal.run(
        "file", "list", "--json").rows}  # fmt: skip

    assert terminal.run("pay", str(file), *AS_OF).code == 0
    again = terminal.run("pay", str(file), *AS_OF, "--preview")
    assert again.code == 0
    assert "Would be paid: 0, known from an earlier run of this file: 3" in again.out


def test_too_little_there_is_shown_and_told_by_the_code(terminal: Terminal, tmp_path: Path) -> None:
    changes = {
        ">10.00<": ">999999999.00<",
        "<CtrlSum>4710.00": "<CtrlSum>1000004699.00",
    }
    file = a_file(tmp_path, "DEAR", changes=changes)
    looked = terminal.run("pay", str(file), *AS_OF, "--preview")
    assert looked.code == 1, looked.out
    assert "too little" in looked.out
    assert "Nothing is recorded." in looked.out


def test_refused_lines_and_possible_duplicates_are_shown(alone: Alone, tmp_path: Path) -> None:
    changes = {"<Nm>Bakkerij De Molen</Nm>": f"<Nm>{'B' * 71}</Nm>"}
    partly = a_file(tmp_path, "SOME", 4, changes)
    looked = alone.run("pay", str(partly), *AS_OF, "--preview")
    assert looked.code == 2
    assert "BE20" in looked.out
    assert "Would be paid: 3" in looked.out
    assert "refused: 1" in looked.out
    assert "not known" in looked.out, "nobody answers there"
    assert alone.run("pay", str(partly), *AS_OF, "--preview", "--skip-invalid").code == 1
    unmapped = a_file(tmp_path, "NOBODY", 3, {DEBTOR_IBAN: "DE02120300000000202051"})
    assert alone.run("pay", str(unmapped), *AS_OF, "--preview").code == 2

    assert alone.run("pay", str(a_file(tmp_path, "ONCE")), *AS_OF, "--wait", "0").code == 0
    again = tmp_path / "again.xml"
    again.write_text((tmp_path / "ONCE.xml").read_text().replace("<MsgId>ONCE", "<MsgId>TWICE"))
    looked = alone.run("pay", str(again), *AS_OF, "--preview", "--json")
    assert looked.code == 2
    assert [len(row["possible_duplicate_of"]) for row in looked.rows] == [1, 2, 2], "two are equal"


def test_a_report_of_what_nothing_is_done_with_is_not_written(tmp_path: Path, alone: Alone) -> None:
    out = tmp_path / "status.xml"
    file = str(a_file(tmp_path, "BOTH"))
    ran = alone.run("pay", file, "--preview", "--status-report", str(out))
    assert ran.code == 2
    assert "--status-report" in ran.err
    assert not out.exists()


async def test_each_balance_is_asked_about_once() -> None:
    one = order()
    orders = [
        one,
        one,
        one.model_copy(update={"on_behalf_of": "sub"}),
        one.model_copy(update={"instructed_amount": Money(minor=5, currency="USD")}),
    ]
    asked: list[Balance] = []

    async def available(balance: Balance) -> Money | Unanswered:
        asked.append(balance)
        if balance.currency == "USD":
            return Unanswered("they do not say")
        return Money(minor=2 * one.instructed_amount.minor, currency=balance.currency)

    found = await leaving(orders, available)
    assert [balance.on_behalf_of for balance in asked] == [None, "sub", None]
    assert [(each.payments, each.is_covered) for each in found] == [
        (2, True), (1, True), (1, None),
    ]  # fmt: skip
    short = await leaving([one] * 3, available)
    assert [each.is_covered for each in short] == [False]


@pytest.mark.parametrize("minor", [-1, 0])
async def test_an_account_that_owes_covers_nothing(minor: int) -> None:
    async def available(balance: Balance) -> Money | Unanswered:
        return Money(minor=minor, currency=balance.currency)

    (found,) = await leaving([order()], available)
    assert found.is_covered is False
