"""The `finality` command. Heavy imports wait until a command needs them."""

from __future__ import annotations

from collections.abc import Coroutine
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from terminal.account_commands import account_commands
from terminal.api_key_commands import api_key_commands
from terminal.claim_commands import claim_commands
from terminal.collect_command import collect_command
from terminal.connect_command import connect_command
from terminal.consent_commands import consent_commands
from terminal.file_commands import file_commands
from terminal.finding_commands import finding_commands
from terminal.halt_commands import By, halt_commands
from terminal.listen_command import listen_command
from terminal.operator_commands import operator_commands
from terminal.options import Json
from terminal.partner_commands import partner_commands
from terminal.pay_command import pay_command
from terminal.report_command import report_command
from terminal.webhook_commands import webhook_commands

app = typer.Typer(
    name="finality",
    help="Durable payments: each runs until it is final, and never moves money twice.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_show_locals=False,
)

PaymentId = Annotated[str, typer.Argument(help="The payment's id, as `pay` and `list` print it.")]
CommandId = Annotated[
    str | None,
    typer.Option(help="Your own id for this command. A repeat with the same id does nothing new."),
]


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"finality {version('finality')}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=_print_version,
            is_eager=True,
            help="Print the version, and do nothing else.",
        ),
    ] = False,
) -> None: ...


def _run(main: Coroutine[Any, Any, int]) -> NoReturn:
    """Run a command to its end; what the user can mend is said in a line, not in a trace."""
    from process import run

    run(main)


def _port(help: str) -> Any:
    return typer.Option(help=help, min=0, max=65535)


@app.command()
def up(
    temporal_port: Annotated[int, _port("Port of Temporal; 0 takes a free one.")] = 7233,
    ui_port: Annotated[int, _port("Port of the Temporal UI; 0 takes a free one.")] = 8233,
    codec_port: Annotated[
        int, _port("Port of the codec endpoint, which decrypts payloads for the UI.")
    ] = 8234,
    simulator_port: Annotated[
        int,
        _port(
            "Port of the first partner's simulator. The others take the ports that follow; 0 takes "
            "free ones."
        ),
    ] = 8240,
    inbound_port: Annotated[int, _port("Port that receives webhooks.")] = 8236,
    api_port: Annotated[int, _port("Port of the HTTP API.")] = 8237,
    debtor: Annotated[
        list[str] | None,
        typer.Option(
            help="IBAN of a debtor account whose files the first simulator pays; may be repeated."
        ),
    ] = None,
) -> None:
    """Run all servers on this machine: Temporal, its UI, worker, API, webhooks, simulators."""
    from domain.accounts import AccountError, check_iban
    from local.stack import Ports
    from local.up import up as run_up
    from settings import Settings

    try:
        debtors = {check_iban(iban): {"currency": "EUR"} for iban in debtor or []}
    except AccountError as error:
        raise typer.BadParameter(str(error), param_hint="--debtor") from None
    ports = Ports(temporal_port, ui_port, codec_port, simulator_port, inbound_port, api_port)
    _run(run_up(Settings().home, ports, debtors, typer.echo))


@app.command()
def worker(
    inbound: Annotated[bool, typer.Option(help="Also receive webhooks in this process.")] = False,
) -> None:
    """Run a worker. At SIGTERM or Ctrl-C it finishes the steps that it has begun, and ends."""
    from process import log_to_stderr
    from settings import Settings
    from worker import work

    log_to_stderr()
    _run(work(Settings(), inbound=inbound))


@app.command()
def inbound() -> None:
    """Receive webhooks at FINALITY_INBOUND_HOST and _PORT, until SIGTERM or Ctrl-C."""
    from listener import listen
    from process import log_to_stderr
    from settings import Settings

    log_to_stderr()
    _run(listen(Settings()))


@app.command()
def api() -> None:
    """Serve the HTTP API at FINALITY_API_HOST and _PORT, until SIGTERM or Ctrl-C."""
    from api_server import serve_api
    from process import log_to_stderr
    from settings import Settings

    log_to_stderr()
    _run(serve_api(Settings()))


@app.command()
def console() -> None:
    """Serve pages for operators at FINALITY_CONSOLE_HOST and _PORT, until SIGTERM or Ctrl-C."""
    from console_server import serve_console
    from process import log_to_stderr
    from settings import Settings

    log_to_stderr()
    _run(serve_console(Settings()))


@app.command()
def codec() -> None:
    """Decrypt payloads for a Temporal UI elsewhere, at FINALITY_CODEC_HOST and _PORT."""
    from codec_server import show_payloads
    from process import log_to_stderr
    from settings import Settings

    log_to_stderr()
    _run(show_payloads(Settings()))


def _fresh_id() -> str:
    from uuid import uuid4

    return f"cli-{uuid4().hex[:12]}"


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    add_help_option=False,
)
def simulator(
    context: typer.Context,
    name: Annotated[
        str, typer.Argument(help="the partner, followed by the simulator's command: serve --help")
    ],
) -> None:
    """Run a partner simulator: finality simulator currencycloud serve --help."""
    import os

    from process import own_module

    module = f"simulators.{name}"
    if not name.isidentifier() or not (Path(__file__).parent / "simulators" / name).is_dir():
        raise typer.BadParameter(f"there is no simulator {name!r}", param_hint="NAME")
    command = own_module(module, *context.args)
    os.execv(command[0], command)


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    add_help_option=False,
)
def proof(context: typer.Context) -> None:
    """Simulate payments under seeded faults: --seed N, --plan FILE; see finality proof --help."""
    import os

    from process import own_module

    module = Path(__file__).parent / "tests" / "proof" / "simulation"
    if not module.is_dir():
        raise typer.BadParameter(
            "the proof is part of the source and is not installed here; run it in a clone",
            param_hint="proof",
        )
    os.chdir(Path(__file__).parent)
    command = own_module("tests.proof.simulation", *context.args)
    os.execv(command[0], command)


@app.command()
def cancel(
    payment_id: PaymentId,
    why: Annotated[
        str, typer.Option(help="The reason, in one line, without account numbers.")
    ] = "",
    wait: Annotated[
        int, typer.Option(min=0, help="Seconds to wait for the outcome; 0 does not wait.")
    ] = 30,
    command_id: CommandId = None,
    json: Json = False,
) -> None:
    """Cancel a payment, sent or not. The exit code is 0 only if it is cancelled."""
    from settings import Settings
    from terminal.cancel import cancel_payment

    _run(
        cancel_payment(
            Settings(),
            payment_id,
            command_id=command_id or _fresh_id(),
            why=why,
            wait_seconds=wait,
            as_json=json,
        )
    )


@app.command()
def new_key() -> None:
    """Print a new key as a line for the keyring file of every process. Keep it secret."""
    from store.keyring import new_line

    typer.echo(new_line("key"), nl=False)


class Decision(StrEnum):
    """What operators may find, in the words of the command."""

    EXECUTED = "executed"
    ABANDON = "abandon"
    NOT_EXECUTED = "not-executed"


@app.command()
def resolve(
    payment_id: PaymentId,
    decision: Annotated[
        Decision,
        typer.Argument(
            help="executed: the partner executed it. not-executed: the partner did not. abandon: "
            "cancel it if that is still possible, and stop reading it once it is settled."
        ),
    ],
    by: By,
    why: Annotated[str, typer.Option(help="The reason, in one line, without account numbers.")],
    reference: Annotated[
        str | None,
        typer.Option(help="With executed: the partner's own id of the payment, to read it by."),
    ] = None,
    evidence: Annotated[
        Path | None,
        typer.Option(
            help="With not-executed: a file that proves it, from each operator. It is stored "
            "encrypted."
        ),
    ] = None,
    command_id: CommandId = None,
    json: Json = False,
) -> None:
    """Sign a decision about a payment in question. not-executed needs two operators."""
    from domain.lifecycle.command import CommandKind
    from settings import Settings
    from terminal.resolve import resolve_payment

    _run(
        resolve_payment(
            Settings(),
            payment_id,
            CommandKind(decision.value.replace("-", "_")),
            command_id=command_id or _fresh_id(),
            by=by,
            why=why,
            reference=reference,
            evidence=evidence,
            as_json=json,
        )
    )


halt_commands(app, _run)
report_command(app, _run)
account_commands(app, _run)


@app.command()
def tasks(
    owner: Annotated[str | None, typer.Option(help="Only the tasks of this owner.")] = None,
    overdue: Annotated[
        bool, typer.Option("--overdue", help="Only the tasks that are overdue.")
    ] = False,
    dismiss: Annotated[
        str | None,
        typer.Option(metavar="TASK", help="Close this task, which is about no payment."),
    ] = None,
    by: Annotated[
        str | None, typer.Option(metavar="NAME", help="With --dismiss: the operator who signs.")
    ] = None,
    why: Annotated[
        str, typer.Option(help="With --dismiss: the reason, in one line, without account numbers.")
    ] = "",
    json: Json = False,
) -> None:
    """List what people have to answer: owner, due date, question, the commands to type next."""
    from settings import Settings
    from terminal.tasks import dismiss_task, list_tasks

    if dismiss is not None:
        if by is None or not why or owner or overdue or json:
            raise typer.BadParameter(
                "needs --by and --why, and takes no other option", param_hint="--dismiss"
            )
        _run(dismiss_task(Settings(), dismiss, by=by, why=why))
    if by or why:
        raise typer.BadParameter("needs --dismiss", param_hint="--by" if by else "--why")
    _run(list_tasks(Settings(), owner=owner, overdue=overdue, as_json=json))


@app.command()
def doctor(
    retry_logins: Annotated[
        bool, typer.Option(help="Allow one more login to each partner that refused the last one.")
    ] = False,
    json: Json = False,
) -> None:
    """Check everything that a payment needs. Print what is missing and how to mend it."""
    from settings import Settings
    from terminal.doctor.examining import examine

    _run(examine(Settings(), retry_logins_first=retry_logins, as_json=json))


@app.command()
def demo(
    keep: Annotated[
        bool, typer.Option(help="Leave the servers running afterwards, to look around.")
    ] = False,
    payments: Annotated[
        int, typer.Option(min=24, max=500, help="The number of payments in the file.")
    ] = 24,
) -> None:
    """Pay a file and collect from cards, under faults and a killed worker; compare the books."""
    from local.demo import demonstrate
    from settings import Settings

    _run(demonstrate(Settings().home / "demo", payments=payments, keep=keep))


app.command(name="pay")(pay_command(_run))
app.command(name="collect")(collect_command(_run))
app.command(name="connect")(connect_command(_run))
app.command(name="listen")(listen_command(_run))
claim_commands(app, _run)
finding_commands(app, _run)
app.add_typer(file_commands(_run), name="file")
app.add_typer(operator_commands(_run), name="operator")
app.add_typer(api_key_commands(_run), name="api-key")
app.add_typer(webhook_commands(_run), name="webhooks")
app.add_typer(consent_commands(app, _run), name="consent")
app.add_typer(partner_commands(), name="partner")


def main() -> Any:
    """The command's entry."""
    from domain.explained import Explained
    from process import keep_private, say

    keep_private()
    try:
        app()
    except Explained as error:
        say(error)
        raise SystemExit(2) from None
    except ValueError as error:
        # Loaded here: every command would wait for it.
        from pydantic import ValidationError
        from pydantic_settings import SettingsError

        from settings import settings_refused

        # Settings are the only models validated this early.
        if not isinstance(error, ValidationError | SettingsError):
            raise
        say(settings_refused(error))
        raise SystemExit(2) from None


if __name__ == "__main__":
    main()
