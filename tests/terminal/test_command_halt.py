"""`finality halt`, `halts` and `tasks`, and what `show` says of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from domain.lifecycle.profile import IdempotencyKind, LookupKind
from domain.payments.order import Times
from domain.payments.report import PaymentState
from store.halts import Halts
from terminal.halt import halt_sends
from tests.fakes import BANK, CREDITOR_IBAN, order, profile
from tests.store.books import PAYMENT, in_doubt
from tests.terminal.conftest import Terminal
from tests.terminal.homes import Home, as_operator, enrolled, home, in_state, sign_as
from tests.terminal.test_pay import AS_OF, a_file

SIGNED = ("--by", "alice", "--why", "looks wrong")


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Home]:
    with home(tmp_path) as made:
        yield made


async def test_a_halt_is_made_shown_and_lifted(alone: Home) -> None:
    await alone.store.accept()
    made = alone.signed("halt", *SIGNED, "--tenant", "shop")
    assert made.code == 0, made.err
    assert "Halt 1 covers tenant shop: nothing new is sent" in made.out
    assert "holds back 1 open payments" in made.out
    shown = alone.run("show", PAYMENT)
    assert "number 1, tenant shop, by alice: looks wrong" in shown.out
    assert "sending is halted; next look at" in shown.out
    listed = alone.run("halts")
    assert "tenant shop" in listed.out
    assert "looks wrong" in listed.out
    [row] = alone.run("halts", "--json").rows
    assert row.pop("halted_at")
    assert row == {
        "number": 1, "partner": None, "tenant": "shop", "rail": None, "holds_back": 1,
        "by": "alice", "why": "looks wrong",
    }  # fmt: skip
    checks = {row["check"]: row for row in alone.run("doctor", "--json").rows}
    found = checks["halts"]["found"]
    assert found == "number 1, tenant shop, holds back 1 open payments: looks wrong"
    assert "finality halt --lift 1" in checks["halts"]["remedy"]
    lifted = alone.signed("halt", "--lift", "1", "--by", "alice")
    assert lifted.code == 0, lifted.err
    again = alone.signed("halt", "--lift", "1", "--by", "alice")
    assert again.code == 1
    assert "no halt 1 is in force" in again.err
    assert "No halt is in force: sends go on." in alone.run("halts").out
    assert "halted" not in alone.run("show", PAYMENT).out


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"why": ""}, "why: is missing"),
        (
            {"partner": "currencyclod"},
            "there is no 'currencyclod'; known: berlin_group, currencycloud, ",
        ),
        (
            {"rail": "sepa"},
            "known: ach_debit, card, cross_border, domestic, sepa_",
        ),
        ({"by": "eve"}, "is the key of 'alice', not of 'eve'"),
    ],
)
async def test_a_halt_that_would_not_be_what_was_meant_is_refused(
    alone: Home,
    wrong: dict[str, str],
    says: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    sign_as(monkeypatch, alone.terminal.home, "alice")
    meant: dict[str, Any] = {
        "by": "alice", "why": "looks wrong", "partner": None, "tenant": None, "rail": None,
    }  # fmt: skip
    assert await halt_sends(alone.settings, **{**meant, **wrong}) == 2
    assert says in capsys.readouterr().err
    assert await Halts(alone.store.database).in_force() == []


def test_lifting_stands_alone(alone: Home) -> None:
    ran = alone.signed("halt", *SIGNED, "--lift", "1")
    assert ran.code == 2
    assert "goes with --by and no other option" in ran.err


async def test_a_halt_that_is_too_young_to_be_lifted_says_what_to_do(alone: Home) -> None:
    now = alone.store.clock.now()
    await alone.store.accept()
    await alone.store.set_back.forgot("pay_gone", now)
    lifted = alone.signed("halt", "--lift", "1", "--by", "alice")
    assert lifted.code == 2
    assert lifted.err.startswith("finality: halt 1 cannot be lifted yet")


async def test_what_a_halt_held_back_is_paid_once_it_is_lifted(
    terminal: Terminal, tmp_path: Path
) -> None:
    enrolled(terminal.home)
    environment = as_operator(terminal.home, "alice")
    made = terminal.run("halt", *SIGNED, **environment)
    assert made.code == 0, made.err
    number = str(terminal.run("halts", "--json").rows[-1]["number"])
    try:
        file = str(a_file(tmp_path, "HALTED"))
        held = terminal.run("pay", file, *AS_OF, "--wait", "3", "--json")
        assert {row["state"] for row in held.rows} == {"created"}
        shown = terminal.run("show", held.rows[0]["payment_id"])
        assert "sending is halted" in shown.out
    finally:
        lifted = terminal.run("halt", "--lift", number, "--by", "alice", **environment)
    assert lifted.code == 0, lifted.err
    for row in held.rows:
        await in_state(terminal.home, row["payment_id"], PaymentState.SETTLED)


async def test_tasks_say_whose_they_are_by_when_and_what_to_type(alone: Home) -> None:
    assert "No tasks." in alone.run("tasks").out
    clock = alone.store.clock
    await alone.store.accept(as_of=profile(IdempotencyKind.NONE, LookupKind.NONE))
    await alone.store.begin()
    clock.step(timedelta(hours=-5))
    await alone.store.sent(in_doubt())
    listed = alone.run("tasks")
    assert listed.code == 0
    assert "payments-operations, overdue since" in listed.out
    assert "Find out whether it was executed" in listed.out
    assert "123.45 EUR to " in listed.out, "whoever decides knows what is at stake"
    look = f"finality show {PAYMENT}"
    executed = f"finality resolve {PAYMENT} executed --by NAME --why TEXT --reference ID"
    not_executed = f"finality resolve {PAYMENT} not-executed --by NAME --why TEXT --evidence FILE"
    [row] = alone.run("tasks", "--json").rows
    assert row["next_commands"] == [look, executed, not_executed]
    assert (row["payment_id"], row["kind"], row["is_overdue"]) == (PAYMENT, "parked", True)
    assert (row["tenant"], row["key"], row["file"], row["line"]) == ("shop", "k", None, None)
    assert row["opened_at"] < row["due_at"]
    assert (row["amount_minor"], row["currency"]) == (12_345, "EUR")
    assert CREDITOR_IBAN not in listed.out
    assert all(command in listed.out for command in row["next_commands"])
    assert alone.run("tasks", "--overdue", "--json").rows == [row]
    assert alone.run("tasks", "--owner", "payments-operations", "--json").rows == [row]
    assert alone.run("tasks", "--owner", "somebody", "--json").rows == []
    alone.signed("resolve", PAYMENT, "executed", "--by", "alice", "--why", "seen")
    assert alone.run("tasks", "--json").rows == []


async def test_what_is_not_due_yet_is_not_overdue(alone: Home) -> None:
    await alone.store.accept(as_of=profile(IdempotencyKind.NONE, LookupKind.NONE))
    await alone.store.begin()
    alone.store.clock.step(timedelta(minutes=-1))
    await alone.store.sent(in_doubt())
    assert alone.run("tasks", "--overdue", "--json").out == ""
    [row] = [json.loads(line) for line in alone.run("tasks", "--json").out.splitlines()]
    assert row["is_overdue"] is False
    assert "payments-operations, due" in alone.run("tasks").out


async def test_show_says_the_execution_date_and_until_when_it_is_held(alone: Home) -> None:
    now = alone.store.clock.now()
    day = (now + timedelta(days=3)).date()
    times = Times(
        submit_before=now + timedelta(days=3, hours=2),
        submit_from=now + timedelta(days=3),
        requested_execution_date=day,
    )
    await alone.store.accept(of=order(now, times=times))
    shown = alone.run("show", PAYMENT)
    assert f"execution date     {day}" in shown.out
    at = f"{now + timedelta(days=3):%Y-%m-%d %H:%M:%S} UTC"
    assert f"the day to send it is still to come; next look at {at}" in shown.out
    assert BANK in shown.out
