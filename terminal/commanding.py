"""What commands have in common on a terminal: who signs, what was refused, what came of it."""

from __future__ import annotations

import getpass
import json
import sys
from collections.abc import Awaitable
from contextlib import suppress
from pathlib import Path
from typing import Final

from rich.text import Text

from assembly import Assembly
from domain.command import Outcome
from domain.payment import Certainty, UnknownPayment
from domain.plain_text import plain
from settings import Settings
from starter.asking import CommandReceipt, InvalidCommand
from starter.signing import KeyFile, KeyUnusable, Signer
from store.commands import CannotResolve, CommandReused
from store.faults import StoreAway
from store.halts import NotDoubtedYet
from store.operators import NotSigned, OperatorsFixed, spelt
from terminal.screen import Screen
from terminal.table import place_object

#: Exit codes: as wished, or under way to it; recorded, and not as wished; nothing was recorded.
AS_WISHED, NOT_AS_WISHED, NOTHING_RECORDED = 0, 1, 2

_REFUSALS: Final = (
    CannotResolve, CommandReused, InvalidCommand, KeyUnusable, NotDoubtedYet, NotSigned,
    OperatorsFixed,
)  # fmt: skip
OUTCOMES: Final = {
    Outcome.ASKED: "recorded; what comes of it is not known yet",
    Outcome.PROPOSED: "signed; another operator has to sign too, with evidence",
    Outcome.DONE: "done",
    Outcome.TOO_LATE: "too late, the payment had moved on",
    Outcome.REFUSED: "the partner does not take it back",
    Outcome.IMPOSSIBLE: "this partner takes nothing back",
}


def signer(settings: Settings, by: str) -> Signer:
    """The operator's key file; its passphrase is asked for when something is signed.

    Raises:
        OperatorsFixed: `by` is no name.
    """
    name = spelt(by)
    file = settings.operator_key_file or key_file(name)
    return KeyFile(name, file, lambda: passphrase(name, settings.operator_passphrase_file))


def key_file(name: str) -> Path:
    """Where a person's key lies, unless the settings say otherwise."""
    return Path.home() / ".config" / "finality" / f"{name}.key"


def passphrase(name: str, file: Path | None, *, again: bool = False) -> bytes:
    """From a file, or asked for without showing it; never an argument or a variable.

    Args:
        name: whose key it opens.
        file: that has it in its first line.
        again: ask twice, where a new one is chosen.

    Raises:
        KeyUnusable: there is neither a file nor a terminal to ask on, or two were typed.
    """
    if file is not None:
        try:
            return file.read_bytes().split(b"\n")[0].rstrip(b"\r")
        except OSError as error:
            raise KeyUnusable(f"the passphrase file {file}: {error.strerror}") from None
    if not sys.stdin.isatty():
        # A new key takes the option alone: a setting must not choose its passphrase.
        named = "with --passphrase-file" if again else "in FINALITY_OPERATOR_PASSPHRASE_FILE"
        raise KeyUnusable(
            f"no passphrase; run the command on a terminal, which asks for it, or name {named} "
            "a file that has it"
        )
    typed = getpass.getpass(f"Passphrase of {name}: ")
    if again and getpass.getpass("Once more: ") != typed:
        raise KeyUnusable("two passphrases were typed; nothing was made")
    return typed.encode()


async def _as_object(assembly: Assembly, receipt: CommandReceipt) -> dict[str, object]:
    """What scripts read of a command; the payment's key and place as `list` has them.

    They are null if the database went away after the command was recorded.
    """
    command, payment = receipt.command, receipt.payment
    tenant = key = place = None
    with suppress(StoreAway):
        record = await assembly.orchestrator.get(command.payment_id, tenant=None)
        tenant, key = record.tenant, record.key
        place = (await assembly.file_lines.places([(tenant, key)])).get((tenant, key))
    return {
        "payment_id": command.payment_id,
        "tenant": tenant,
        "key": key,
        **place_object(place),
        "command_id": command.command_id,
        "kind": command.kind.value,
        "outcome": command.outcome.value,
        "by": command.by,
        "asked_at": command.asked_at.isoformat(),
        "state": payment.state.value,
        "certainty": payment.certainty.value,
    }


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


async def print_receipt(assembly: Assembly, receipt: CommandReceipt, *, as_json: bool) -> None:
    """What came of a command, and how the payment stands."""
    command, payment, shown = receipt.command, receipt.payment, receipt.display
    if as_json:
        print(json.dumps(await _as_object(assembly, receipt)))
        return
    screen = Screen()
    named = f"{command.kind.value.replace('_', '-')} {command.command_id}"
    screen.print(Text.assemble(f"{plain(named)}: ", (OUTCOMES[command.outcome], "bold")))
    doubt = " (in doubt)" if payment.certainty is Certainty.UNKNOWN else ""
    screen.print(f"{command.payment_id} is {payment.state}{doubt}: {plain(shown.detail)}")
    if not receipt.is_notified:
        screen.print(
            "No Temporal server answers: it is recorded, and goes on by itself when one does.",
            style="yellow",
        )
