"""The `finality` command. Heavy imports wait until a command needs them."""

from __future__ import annotations

import logging
from collections.abc import Coroutine
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

app = typer.Typer(
    name="finality",
    help="Durable payments: each runs until it is final, and never moves money twice.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_show_locals=False,
)

Json = Annotated[bool, typer.Option("--json", help="Machine-readable output, nothing else.")]


def _run(main: Coroutine[Any, Any, int]) -> NoReturn:
    """Run a command to its end; what the user can mend is said in a line, not in a trace."""
    from local.servers import ServerUnavailable
    from local.simulator import SimulatorDied
    from local.stack import AlreadyUp, InboundDied
    from local.temporal_server import ServerDied
    from process import run
    from serving import PortTaken
    from starter.running import TemporalAway
    from store.keyring import KeyringError

    ours = (AlreadyUp, KeyringError, PortTaken, TemporalAway)
    run(main, (*ours, InboundDied, ServerUnavailable, ServerDied, SimulatorDied))


@app.command()
def up(
    temporal_port: Annotated[int, typer.Option(help="0 takes a free one.")] = 7233,
    ui_port: Annotated[int, typer.Option(help="The Temporal UI; 0 takes a free one.")] = 8233,
    codec_port: Annotated[int, typer.Option(help="Decodes payloads for the UI.")] = 8234,
    simulator_port: Annotated[int, typer.Option(help="The Currencycloud simulator.")] = 8235,
    inbound_port: Annotated[int, typer.Option(help="Takes webhooks.")] = 8236,
    debtor: Annotated[
        list[str] | None,
        typer.Option(
            help="IBAN of a debtor account whose files the simulator pays; may be repeated."
        ),
    ] = None,
) -> None:
    """Run everything on this machine: Temporal with UI, worker, simulator, codec endpoint."""
    from domain.accounts import AccountError, check_iban
    from local.stack import Ports
    from local.up import up as run_up
    from settings import Settings

    try:
        debtors = {check_iban(iban): {"currency": "EUR"} for iban in debtor or []}
    except AccountError as error:
        raise typer.BadParameter(str(error), param_hint="--debtor") from None
    ports = Ports(temporal_port, ui_port, codec_port, simulator_port, inbound_port)
    _run(run_up(Settings().home, ports, debtors, typer.echo))


@app.command()
def worker(
    inbound: Annotated[bool, typer.Option(help="Also take webhooks, in this process.")] = False,
) -> None:
    """Run a worker until SIGTERM or Ctrl-C; it finishes the steps in hand."""
    _log()
    from settings import Settings
    from worker import work

    _run(work(Settings(), inbound=inbound))


@app.command()
def inbound() -> None:
    """Take webhooks until SIGTERM or Ctrl-C, at FINALITY_INBOUND_HOST and _PORT."""
    _log()
    from listener import listen
    from settings import Settings

    _run(listen(Settings()))


def _log() -> None:
    """A process that nobody looks at says in its log what it does."""
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    for chatty in ("alembic", "httpx"):  # httpx would log every address it asks.
        logging.getLogger(chatty).setLevel(logging.WARNING)


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    add_help_option=False,
)
def simulator(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="currencycloud; then its own: serve --help")],
) -> None:
    """Run a partner simulator: finality simulator currencycloud serve --help."""
    import os
    import sys

    module = f"simulators.{name}"
    if not name.isidentifier() or not (Path(__file__).parent / "simulators" / name).is_dir():
        raise typer.BadParameter(f"there is no simulator {name!r}", param_hint="NAME")
    os.execv(sys.executable, [sys.executable, "-m", module, *context.args])


@app.command()
def pay(
    file: Annotated[Path, typer.Argument(help="A pain.001 file, versions .03 to .12.")],
    as_of: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"],
            help="Take the file as if it were this day's morning; simulated accounts only.",
        ),
    ] = None,
    skip_invalid: Annotated[
        bool, typer.Option(help="Pay the other lines of a file that has refused or repeated ones.")
    ] = False,
    wait: Annotated[
        int, typer.Option(help="Seconds to wait for payments to settle or need somebody; 0: none.")
    ] = 60,
    journal: Annotated[
        Path | None, typer.Option(help="Write what was wanted here before anything is sent.")
    ] = None,
    acknowledge: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ID,…",
            help="Earlier payments that this file does not repeat, as the refusal lists them.",
        ),
    ] = None,
    operator: Annotated[
        str | None, typer.Option(help="Who acknowledges a payment that is in doubt.")
    ] = None,
    json: Json = False,
) -> None:
    """Pay a file. The same file again pays nothing twice."""
    from settings import Settings
    from terminal.pay import pay_file

    day: date | None = as_of.date() if as_of else None
    _run(
        pay_file(
            Settings(),
            file,
            as_of=day,
            skip_invalid=skip_invalid,
            wait_seconds=wait,
            journal=journal,
            as_json=json,
            acknowledge=[one for text in acknowledge or [] for one in text.split(",")],
            operator=operator,
        )
    )


@app.command()
def show(
    payment_id: Annotated[str, typer.Argument(help="As `pay` and `list` print it.")],
    exchanges: Annotated[
        bool, typer.Option(help="Also what was sent and answered, redacted.")
    ] = False,
) -> None:
    """One payment: its timeline, what it waits for, and until when."""
    from settings import Settings
    from terminal.show import show_payment

    _run(show_payment(Settings(), payment_id, with_exchanges=exchanges))


@app.command(name="list")
def list_payments(
    state: Annotated[str | None, typer.Option(help="Only payments in this state.")] = None,
    limit: Annotated[int, typer.Option(min=1)] = 100,
    json: Json = False,
) -> None:
    """Payments, the newest first."""
    from settings import Settings
    from terminal.table import list_table

    _run(list_table(Settings(), state=state, limit=limit, as_json=json))


@app.command()
def doctor(
    retry_logins: Annotated[
        bool, typer.Option(help="Allow one more login where a partner had refused one.")
    ] = False,
) -> None:
    """Look at everything a payment needs, and say what is missing and how to mend it."""
    from settings import Settings
    from terminal.doctor import examine

    _run(examine(Settings(), retry_logins=retry_logins))


@app.command()
def demo(
    keep: Annotated[bool, typer.Option(help="Leave it running, to look around.")] = False,
    payments: Annotated[int, typer.Option(min=20, max=500)] = 24,
) -> None:
    """Pay a file through a killed worker and lost replies, then compare the books."""
    from local.demo import demonstrate
    from settings import Settings

    _run(demonstrate(Settings().home / "demo", payments=payments, keep=keep))


def main() -> Any:
    """The command's entry."""
    from pydantic import ValidationError

    try:
        app()
    except ValidationError as error:
        # Settings are the only models validated this early; inputs are hidden, they may be secret.
        for problem in error.errors(include_input=False, include_url=False):
            field = "__".join(str(part) for part in problem["loc"]).upper()
            typer.secho(f"FINALITY_{field}: {problem['msg']}", err=True, fg="red")
        raise SystemExit(2) from None


if __name__ == "__main__":
    main()
