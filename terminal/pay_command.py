"""The command `finality pay`. Heavy imports wait until it runs."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from terminal.options import Json, listed


def pay_command(run: Callable[[Coroutine[Any, Any, int]], NoReturn]) -> Callable[..., None]:
    """The command; `run` runs it to its end."""

    def pay(
        file: Annotated[Path, typer.Argument(help="A pain.001 file, versions .03 to .12.")],
        preview: Annotated[
            bool,
            typer.Option(
                "--preview",
                help="Only show what would be paid, and from which balance. Record nothing.",
            ),
        ] = False,
        as_of: Annotated[
            datetime | None,
            typer.Option(
                formats=["%Y-%m-%d"],
                help="Read the file as on the morning of this day. For simulated accounts only.",
            ),
        ] = None,
        skip_invalid: Annotated[
            bool,
            typer.Option(
                "--skip-invalid",
                help="Leave out refused lines and possible duplicates, and pay the other lines.",
            ),
        ] = False,
        wait: Annotated[
            int,
            typer.Option(
                min=0,
                help="Seconds to wait until each payment is settled or needs a person; 0 does not "
                "wait.",
            ),
        ] = 60,
        journal: Annotated[
            Path | None, typer.Option(help="Write the orders to this file before anything is sent.")
        ] = None,
        status_report: Annotated[
            Path | None,
            typer.Option(help="Write a pain.002 to this file, with the status of each payment."),
        ] = None,
        acknowledge: Annotated[
            list[str] | None,
            typer.Option(
                metavar="ID,…",
                help="Earlier payments that this file does not repeat, as the refusal lists them.",
            ),
        ] = None,
        operator: Annotated[
            str | None,
            typer.Option(
                help="The operator who signs --acknowledge. Needed if an earlier payment is in "
                "doubt."
            ),
        ] = None,
        allow_truncation: Annotated[
            bool,
            typer.Option("--allow-truncation", help="Cut remittance texts that are too long."),
        ] = False,
        json: Json = False,
    ) -> None:
        """Pay a file. A second run of the same file pays nothing twice."""
        if preview and status_report is not None:
            raise typer.BadParameter(
                "reports what became of a file, and --preview pays nothing; leave one of them out",
                param_hint="--status-report",
            )
        from settings import Settings
        from terminal.pay import pay_file
        from terminal.pay_options import PayOptions

        options = PayOptions(
            file=file,
            as_of=as_of.date() if as_of else None,
            skip_invalid=skip_invalid,
            wait_seconds=wait,
            journal=journal,
            as_json=json,
            acknowledge=listed(acknowledge),
            operator=operator,
            allow_truncation=allow_truncation,
            preview=preview,
            status_report=status_report,
        )
        run(pay_file(Settings(), options))

    return pay
