"""The commands `finality halt` and `finality halts`: stopping new sends. Heavy imports wait."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Annotated, Any, NoReturn

import typer

from terminal.options import Json

By = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="The operator who signs, by the name in `operator list`. The command asks for the "
        "passphrase of their key.",
    ),
]


def halt_commands(app: typer.Typer, run: Callable[[Coroutine[Any, Any, int]], NoReturn]) -> None:
    """Give the program the two commands; `run` runs one to its end."""

    @app.command()
    def halt(
        by: By,
        why: Annotated[
            str, typer.Option(help="The reason, in one line. Only --lift needs none.")
        ] = "",
        partner: Annotated[
            str | None, typer.Option(help="Stop only sends to this partner.")
        ] = None,
        tenant: Annotated[str | None, typer.Option(help="Stop only sends of this tenant.")] = None,
        rail: Annotated[str | None, typer.Option(help="Stop only sends over this rail.")] = None,
        lift: Annotated[
            int | None, typer.Option(metavar="NUMBER", help="Lift this halt, so that sends go on.")
        ] = None,
    ) -> None:
        """Stop new sends: all, or those of a partner, tenant or rail. Lookups and cancels go on."""
        from settings import Settings
        from terminal.halt import halt_sends, lift_halt

        if lift is None:
            run(halt_sends(Settings(), by=by, why=why, partner=partner, tenant=tenant, rail=rail))
        if why or partner or tenant or rail:
            raise typer.BadParameter("goes with --by and no other option", param_hint="--lift")
        run(lift_halt(Settings(), lift, by=by))

    @app.command()
    def halts(json: Json = False) -> None:
        """List the halts in force, and how many payments each holds back."""
        from settings import Settings
        from terminal.halt import list_halts

        run(list_halts(Settings(), as_json=json))
