"""The command `finality report`. Heavy imports wait until it runs."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Annotated, Any, NoReturn

import typer

from terminal.options import Json


def report_command(app: typer.Typer, run: Callable[[Coroutine[Any, Any, int]], NoReturn]) -> None:
    """Give the program the command; `run` runs it to its end."""

    @app.command()
    def report(
        name: Annotated[
            str,
            typer.Argument(
                metavar="payments|fees|unresolved",
                help="payments: totals by day and account. fees: what partners charged. "
                "unresolved: each payment that is open or in doubt, the oldest first.",
            ),
        ],
        first: Annotated[
            datetime | None,
            typer.Option(
                "--from",
                formats=["%Y-%m-%d"],
                help="The first day on which the payments were recorded, in UTC. Default: today.",
            ),
        ] = None,
        last: Annotated[
            datetime | None,
            typer.Option(
                "--to", formats=["%Y-%m-%d"], help="The last day, included. Default: today."
            ),
        ] = None,
        tenant: Annotated[str | None, typer.Option(help="Only those of this tenant.")] = None,
        partner: Annotated[str | None, typer.Option(help="Only those of this partner.")] = None,
        csv: Annotated[bool, typer.Option("--csv", help="CSV, nothing else.")] = False,
        json: Json = False,
    ) -> None:
        """Report totals, fees, or what is unresolved. CSV and JSON have minor units."""
        from settings import Settings
        from starter.reporting import Report
        from store.reports import Period, PeriodRefused
        from terminal.report import print_report

        if name not in list(Report):
            known = ", ".join(Report)
            raise typer.BadParameter(f"there is no {name!r}; known: {known}", param_hint="REPORT")
        if csv and json:
            raise typer.BadParameter("give --csv or --json, not both", param_hint="--csv")
        today = datetime.now(UTC)
        try:
            period = Period((first or today).date(), (last or today).date(), tenant, partner)
        except PeriodRefused as refused:
            raise typer.BadParameter(str(refused).partition(": ")[2], param_hint="--to") from None
        run(print_report(Settings(), Report(name), period, as_csv=csv, as_json=json))
