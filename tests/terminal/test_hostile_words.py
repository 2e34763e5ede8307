"""Attacks by words: names, references, statuses and file names that would command a terminal."""

from __future__ import annotations

import logging
import re
import unicodedata
from datetime import timedelta
from pathlib import Path

import pytest

from domain.lifecycle.answers import Answered
from domain.money import Money
from domain.party import Party
from domain.payments.report import PaymentState
from process import OneLine
from tests.conftest import ROOT
from tests.fakes import order
from tests.store.books import PAYMENT, accepted, exchange, report
from tests.terminal.conftest import Alone
from tests.terminal.homes import Home, home
from tests.terminal.test_pay import a_file

#: Colours, a cleared screen, a title, a link, C1 controls, reversed writing, markup of Rich.
EVIL = (
    "\x1b[2J\x1b]0;owned\x07\x1b]8;;http://x\x1b\\\x9b31m\u202etfel\u2066\u200b\x08\r[bold red]"
    "[/bold red][link=http://x]:warning:"
)
_MARKUP = "[bold red]"


def harmless(shown: str) -> bool:
    return not any(
        unicodedata.category(each) in {"Cc", "Cf", "Cs", "Zl", "Zp"} and each != "\n"
        for each in shown
    )


@pytest.fixture
async def spoken(tmp_path: Path) -> Home:
    """With a payment about which everybody says such things."""
    with home(tmp_path) as made:
        made.store.clock.step(timedelta(hours=-2))
        now = made.store.clock.now()
        await made.store.accept(
            of=order(
                now,
                creditor=Party(name=f"Carla{EVIL}"),
                end_to_end_id=f"E2E{EVIL}",
                remittance_information=EVIL,
                instructed_amount=Money(minor=100, currency="EUR"),
            )
        )
        await made.store.begin()
        await made.store.sent(accepted(now, reference=f"ref{EVIL}", reason=f"why{EVIL}\nFINAL"))
        evil = report(now, None, reference=f"ref{EVIL}", partner_status=f"status{EVIL}\n✓ FINAL")
        view = await made.store.read(Answered(evil, exchange(now, f"asked{EVIL}", f"answer{EVIL}")))
        assert view.payment.state is PaymentState.ACCEPTED
        return made


@pytest.mark.parametrize(
    "command", [("list",), ("show", PAYMENT, "--exchanges"), ("tasks",)], ids=lambda each: each[0]
)
def test_what_others_said_is_shown_and_commands_nothing(
    spoken: Home, command: tuple[str, ...]
) -> None:
    ran = spoken.run(*command)
    assert ran.code == 0, ran.err
    assert harmless(ran.out + ran.err)
    assert _MARKUP in re.sub(r"\s+", " ", ran.out), "markup of others is text"
    lines = [line.strip() for line in ran.out.splitlines()]
    assert not any(line.startswith("✓ FINAL") for line in lines), "nor does it make lines"


def test_a_file_of_such_words_is_refused_without_obeying_it(alone: Alone, tmp_path: Path) -> None:
    evil = EVIL.replace("\x1b", "").replace("\x07", "").replace("\x08", "")  # XML has none of them.
    file = a_file(tmp_path, "EVIL", 2, {"<MsgId>EVIL": "<MsgId>EVIL\u202e\x9b2J[red]"})
    text = re.sub(r"<Nm>[^<]*</Nm>", f"<Nm>{evil}</Nm>", file.read_text())
    named = tmp_path / f"{EVIL.replace('/', '')}.xml"
    named.write_text(text)
    for arguments in (("pay", str(named)), ("pay", str(named), "--preview"), ("file", "list")):
        ran = alone.run(*arguments)
        assert harmless(ran.out + ran.err), arguments
        assert "Traceback" not in ran.err
    missing = alone.run("pay", f"{EVIL.replace('/', '')}.none")
    assert missing.code == 2


def test_a_payment_id_and_a_setting_of_such_words_command_nothing(alone: Alone) -> None:
    shown = alone.run("show", EVIL)
    assert shown.code == 2
    assert harmless(shown.out + shown.err)


def test_a_log_line_stays_one_line() -> None:
    line = OneLine("%(levelname)s: %(message)s")
    record = logging.LogRecord(
        "n", logging.INFO, "p", 1, "they say %s", (f"{EVIL}\nERROR x",), None
    )
    written = line.format(record)
    assert harmless(written)
    assert "\n" not in written


def test_every_command_prints_on_the_screen_that_heeds_nothing() -> None:
    """A console of Rich's own takes markup from any string."""
    for file in sorted((ROOT / "terminal").rglob("*.py")):
        text = file.read_text()
        if file.name != "screen.py":
            assert "rich.console" not in text, file
            assert "rich.markup" not in text, file
