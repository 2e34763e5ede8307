"""Shared by the commands on a terminal: signing, refusals, outcomes and exit codes."""

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
from domain.consents.display import display as consent_display
from domain.consents.view import ConsentView
from domain.lifecycle.resource import Certainty
from domain.payments.payment import UnknownPayment
from domain.payments.view import KIND as PAYMENT
from domain.plain_text import plain
from settings import Settings
from starter.asking import OUTCOMES, CommandReceipt, InvalidCommand
from starter.signing import KeyFile, KeyUnusable, Signer
from store.claims import CannotClaim, ClaimReused
from store.commands import CannotResolve, CommandReused
from store.faults import StoreAway
from store.halts import NotDoubtedYet
from store.operators import NotSigned, OperatorsFixed, spelt
from terminal.screen import Screen
from terminal.table import place_object

#: Exit codes: succeeded or on the way; recorded, but without the wanted outcome; nothing recorded.
AS_WISHED, NOT_AS_WISHED, NOTHING_RECORDED = 0, 1, 2

_REFUSALS: Final = (
    CannotClaim, CannotResolve, ClaimReused, CommandReused, InvalidCommand, KeyUnusable,
    NotDoubtedYet, NotSigned, OperatorsFixed,
)  # fmt: skip
#: After a command that was recorded while Temporal was away.
LEFT_TO_RELAY: Final = (
    "No Temporal server answers. The {what} is recorded, and will be carried out once Temporal is "
    "back."
)


def signer(settings: Settings, by: str) -> Signer:
    """The operator's key file. Its passphrase is asked for when something is signed.

    Raises:
        OperatorsFixed: `by` is not a valid name.
    """
    name = spelt(by)
    file = settings.operator_key_file or key_file(name)
    return KeyFile(name, file, lambda: passphrase(name, settings.operator_passphrase_file))


def key_file(name: str) -> Path:
    """The default place of a person's key file."""
    return Path.home() / ".config" / "finality" / f"{name}.key"


def passphrase(name: str, file: Path | None, *, again: bool = False) -> bytes:
    """The passphrase of a key, from a file or typed without echo.

    It is never an argument or an environment variable.

    Args:
        name: whose key it opens.
        file: has the passphrase in its first line.
        again: ask twice, for a new passphrase.

    Raises:
        KeyUnusable: the file cannot be read, there is neither a file nor a terminal, or the two
            typed passphrases differ.
    """
    if file is not None:
        try:
            return file.read_bytes().split(b"\n")[0].rstrip(b"\r")
        except OSError as error:
            raise KeyUnusable(
                f"the passphrase file {file} cannot be read: {error.strerror}"
            ) from None
    if not sys.stdin.isatty():
        # For a new key only the option counts: a setting must not choose its passphrase.
        named = "with --passphrase-file" if again else "in FINALITY_OPERATOR_PASSPHRASE_FILE"
        raise KeyUnusable(
            "there is no passphrase; run the command on a terminal, where it asks for one, or name "
            f"a file that has it, {named}"
        )
    typed = getpass.getpass(f"Passphrase of {name}: ")
    if again and getpass.getpass("Once more: ") != typed:
        raise KeyUnusable("the two passphrases differ; no key was made")
    return typed.encode()


async def _as_object(assembly: Assembly, receipt: CommandReceipt) -> dict[str, object]:
    """The JSON object of a command, with the payment's or consent's key, and its place.

    Key and place are null if the database went away after the command was recorded.
    """
    command, stands = receipt.command, receipt.view.folded
    tenant = key = place = None
    with suppress(StoreAway):
        if receipt.view.kind == PAYMENT:
            record = await assembly.orchestrator.get(command.payment_id, tenant=None)
            tenant, key = record.tenant, record.key
            place = (await assembly.file_lines.places([(tenant, key)])).get((tenant, key))
        else:
            consent = await assembly.consents.show(command.payment_id, tenant=None)
            tenant, key = consent.record.request.tenant, consent.record.key
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
        "state": stands.state,
        "certainty": stands.certainty.value,
    }


async def or_refused(doing: Awaitable[int]) -> int:
    """Run a command. If it is refused, print why in one line and return NOTHING_RECORDED."""
    try:
        return await doing
    except UnknownPayment as unknown:
        say_refused(f"there is {unknown}; `finality list` shows the payments")
    except _REFUSALS as refused:
        say_refused(str(refused))
    return NOTHING_RECORDED


def say_refused(text: str) -> None:
    """Print one line for people on stderr, apart from the output for programs."""
    sys.stderr.write(f"finality: {plain(text)}\n")


async def print_receipt(assembly: Assembly, receipt: CommandReceipt, *, as_json: bool) -> None:
    """Print the outcome of a command, and the state of the payment or consent."""
    command, view = receipt.command, receipt.view
    if as_json:
        print(json.dumps(await _as_object(assembly, receipt)))
        return
    screen = Screen()
    named = f"{command.kind.value.replace('_', '-')} {command.command_id}"
    screen.print(Text.assemble(f"{plain(named)}: ", (OUTCOMES[command.outcome], "bold")))
    doubt = " (in doubt)" if view.folded.certainty is Certainty.UNKNOWN else ""
    if isinstance(view, ConsentView):
        detail = consent_display(view, assembly.clock.now()).detail
    else:
        detail = receipt.display.detail
    screen.print(f"{command.payment_id} is {view.folded.state}{doubt}: {plain(detail)}")
    if not receipt.is_notified:
        screen.print(LEFT_TO_RELAY.format(what="command"), style="yellow")
