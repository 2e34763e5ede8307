"""What commands have in common on a terminal: who signs, what was refused, what came of it."""

from __future__ import annotations

import getpass
import json
import os
import sys
from collections.abc import Awaitable
from typing import Final

from pydantic import SecretStr
from rich.text import Text

from domain.command import Outcome
from domain.payment import Certainty, UnknownPayment
from domain.plain_text import plain
from starter.asking import CommandReceipt, InvalidCommand
from starter.operations import NotSigned, Signature
from store.commands import CannotResolve, CommandReused
from terminal.screen import Screen

#: Exit codes: as wished, or under way to it; recorded, and not as wished; nothing was recorded.
AS_WISHED, NOT_AS_WISHED, NOTHING_RECORDED = 0, 1, 2

_SECRET: Final = "FINALITY_OPERATOR_SECRET"
_REFUSALS: Final = (CannotResolve, CommandReused, InvalidCommand, NotSigned)
_WORDS: Final = {
    Outcome.ASKED: "recorded; what comes of it is not known yet",
    Outcome.PROPOSED: "signed; another operator has to sign too, with evidence",
    Outcome.DONE: "done",
    Outcome.TOO_LATE: "too late, the payment had moved on",
    Outcome.REFUSED: "the partner does not take it back",
    Outcome.IMPOSSIBLE: "this partner takes nothing back",
}


def signature(by: str) -> Signature:
    """The name with its secret: from the environment, or asked for without showing it.

    Raises:
        NotSigned: there is neither a variable nor a terminal to ask on.
    """
    secret = os.environ.get(_SECRET)
    if secret is None:
        if not sys.stdin.isatty():
            raise NotSigned(f"no secret; set {_SECRET}, or run it on a terminal, which asks for it")
        secret = getpass.getpass(f"Secret of {by}: ")
    return Signature(by, SecretStr(secret))


async def or_refused(doing: Awaitable[int]) -> int:
    """The exit code; what was refused is said in one line, and nothing was recorded then."""
    try:
        return await doing
    except UnknownPayment as unknown:
        say_refused(f"{unknown}; `finality list` shows those there are")
    except _REFUSALS as refused:
        say_refused(str(refused))
    return NOTHING_RECORDED


def say_refused(text: str) -> None:
    """One line for people, where the output for programs is not."""
    sys.stderr.write(f"finality: {plain(text)}\n")


def print_receipt(receipt: CommandReceipt, *, as_json: bool) -> None:
    """What came of a command, and how the payment stands."""
    command, payment, shown = receipt.command, receipt.payment, receipt.display
    if as_json:
        print(
            json.dumps(
                {
                    "payment_id": command.payment_id,
                    "command_id": command.command_id,
                    "kind": command.kind.value,
                    "outcome": command.outcome.value,
                    "by": command.by,
                    "state": payment.state.value,
                    "certainty": payment.certainty.value,
                }
            )
        )
        return
    screen = Screen()
    named = f"{command.kind.value.replace('_', '-')} {command.command_id}"
    screen.print(Text.assemble(f"{plain(named)}: ", (_WORDS[command.outcome], "bold")))
    doubt = " (in doubt)" if payment.certainty is Certainty.UNKNOWN else ""
    screen.print(f"{command.payment_id} is {payment.state}{doubt}: {plain(shown.detail)}")
    if not receipt.is_told:
        screen.print(
            "No Temporal server answers: it is recorded, and goes on by itself when one does.",
            style="yellow",
        )
