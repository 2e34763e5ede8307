"""`finality cancel`, as a person or a script runs it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from domain.lifecycle.command import CommandKind, Outcome
from domain.payments.report import PaymentState
from starter.client import Orchestrator
from store.faults import StoreAway
from store.notifications import Notifications
from store.records import PaymentRecord
from terminal.cancel import cancel_payment
from terminal.resolve import resolve_payment
from terminal.show import show_payment, write_evidence
from tests.fakes import CREDITOR_IBAN, profile
from tests.store.books import PAYMENT, accepted
from tests.terminal.conftest import Terminal
from tests.terminal.homes import Home, home, in_state, sign_as
from tests.terminal.test_pay import AS_OF, a_file


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Home]:
    with home(tmp_path) as made:
        yield made


async def test_what_was_not_sent_is_cancelled_though_no_server_answers(alone: Home) -> None:
    await alone.store.accept()
    ran = alone.run("cancel", PAYMENT, "--why", "ordered twice", "--command-id", "c1")
    assert ran.code == 0, ran.err
    assert "cancel c1: done" in ran.out
    assert f"{PAYMENT} is cancelled" in ran.out
    assert "No Temporal server answers. The command is recorded" in ran.out
    [command] = await alone.store.commands.of(PAYMENT)
    assert (command.why, command.outcome) == ("ordered twice", Outcome.DONE)
    assert command.by.startswith("terminal/")
    now = command.asked_at + timedelta(seconds=1)
    waiting = await Notifications(alone.store.database).commands(asked_through=now, limit=9)
    assert waiting == [("shop", PAYMENT)], "the relay tells its run when a server answers"


async def test_with_the_same_id_the_answer_is_the_same_and_another_command_is_refused(
    alone: Home,
) -> None:
    await alone.store.accept()
    first = alone.run("cancel", PAYMENT, "--command-id", "c1", "--json")
    again = alone.run("cancel", PAYMENT, "--command-id", "c1", "--json")
    assert first.code == again.code == 0
    assert first.rows == again.rows
    [row] = first.rows
    assert row.pop("by").startswith("terminal/")
    assert datetime.fromisoformat(row.pop("asked_at")).tzinfo is not None
    assert row == {
        "payment_id": PAYMENT, "tenant": "shop", "key": "k", "file": None, "line": None,
        "command_id": "c1", "kind": "cancel", "outcome": "done", "state": "cancelled",
        "certainty": "not_sent",
    }  # fmt: skip
    other = alone.run("cancel", PAYMENT, "--command-id", "c1", "--why", "for another reason")
    assert other.code == 2
    assert "use a new id for a new command" in other.err
    assert len(await alone.store.commands.of(PAYMENT)) == 1


async def test_a_cancel_is_not_called_unrecorded_where_the_payment_cannot_be_read_any_more(
    alone: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    await alone.store.accept()

    async def away(self: Orchestrator, payment_id: str, *, tenant: str | None) -> PaymentRecord:
        raise StoreAway("the database is away: disk I/O error")

    monkeypatch.setattr(Orchestrator, "get", away)
    code = await cancel_payment(
        alone.settings, PAYMENT, command_id="c1", why="", wait_seconds=0, as_json=True
    )
    [row] = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (code, row["outcome"], row["key"]) == (0, "done", None)


async def test_what_the_partner_holds_is_not_said_to_be_cancelled(alone: Home) -> None:
    await alone.store.accept(as_of=profile(cancels=True))
    await alone.store.begin()
    await alone.store.sent(accepted(alone.store.clock.now()))
    ran = alone.run("cancel", PAYMENT)
    assert ran.code == 1
    assert "recorded; its outcome is not known yet" in ran.out
    assert f"{PAYMENT} is accepted" in ran.out


@pytest.mark.parametrize("payment_id", ["pay_nothing", "INVOICE-77", "payment/shop/pay_1", "", "%"])
async def test_what_is_no_payment_is_said_with_where_to_look(
    alone: Home,
    payment_id: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    sign_as(monkeypatch, alone.terminal.home, "alice")
    settings = alone.settings
    commands = (
        show_payment(settings, payment_id, with_exchanges=False, as_json=False),
        write_evidence(settings, payment_id, "n1"),
        cancel_payment(
            settings, payment_id, command_id="c1", why="", wait_seconds=0, as_json=False
        ),
        resolve_payment(
            settings, payment_id, CommandKind.EXECUTED, command_id="e1", by="alice", why="seen",
            reference=None, evidence=None, as_json=False,
        ),
    )  # fmt: skip
    for command in commands:
        assert await command == 2
        said = capsys.readouterr()
        assert said.out == ""
        assert said.err == (
            f"finality: there is no payment {payment_id}; `finality list` shows the payments\n"
        )


def test_the_real_command_says_so_too(alone: Home) -> None:
    ran = alone.run("show", "INVOICE-77")
    assert ran.code == 2
    assert "`finality list` shows" in ran.err


async def test_an_account_number_is_not_taken_into_the_clear(alone: Home) -> None:
    await alone.store.accept()
    ran = alone.run("cancel", PAYMENT, "--why", f"goes to {CREDITOR_IBAN}")
    assert ran.code == 2
    assert "shows an account number" in ran.err
    assert CREDITOR_IBAN not in ran.err
    assert await alone.store.commands.of(PAYMENT) == []


async def test_what_is_settled_is_too_late_and_the_payment_goes_on(
    terminal: Terminal, tmp_path: Path
) -> None:
    rows = terminal.run("pay", str(a_file(tmp_path, "LATE")), *AS_OF, "--json").rows
    payment_id = rows[0]["payment_id"]
    await in_state(terminal.home, payment_id, PaymentState.SETTLED)
    ran = terminal.run("cancel", payment_id, "--command-id", "c1")
    assert ran.code == 1
    assert "cancel c1: too late" in ran.out
    assert "No Temporal server" not in ran.out
    shown = terminal.run("show", payment_id)
    assert "cancel c1, asked by terminal/" in shown.out
    assert "cancel c1: too late" in shown.out
    assert "Sent by our provider" in shown.out


@pytest.mark.parametrize("state", ["setled", ""])
def test_list_refuses_a_state_there_is_not_and_names_those_there_are(
    alone: Home, state: str
) -> None:
    ran = alone.run("list", "--state", state)
    assert ran.code == 2
    words = "".join(letter for letter in ran.err if letter not in "│\n")
    for known in PaymentState:
        assert known in words


async def test_list_takes_every_state_there_is(alone: Home) -> None:
    await alone.store.accept()
    assert PAYMENT in alone.run("list", "--state", "created").out
    assert "No payment matches." in alone.run("list", "--state", "settled").out
