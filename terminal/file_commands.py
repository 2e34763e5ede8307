"""The commands of `finality file`. Heavy imports wait until a command needs them."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Annotated, Any, Final, NoReturn

import typer

from terminal.options import Json

MessageId = Annotated[
    str, typer.Argument(metavar="MSGID", help="The file's message id: MsgId in its GrpHdr.")
]
Party = Annotated[
    str | None,
    typer.Option(help="The file's initiating party or tenant, if several files have this MsgId."),
]
#: A message id may begin with a dash. A misspelt option is then one word too many, and refused.
_OF_A_FILE: Final = {"ignore_unknown_options": True}


def file_commands(run: Callable[[Coroutine[Any, Any, int]], NoReturn]) -> typer.Typer:
    """The group of commands; `run` runs one to its end."""
    app = typer.Typer(help="Whole files: see what became of them, or cancel them.",
                      no_args_is_help=True)  # fmt: skip

    @app.command(name="list")
    def list_files(limit: Annotated[int, typer.Option(min=1)] = 100, json: Json = False) -> None:
        """List the files that were recorded, the newest first."""
        from settings import Settings
        from terminal.file import list_files

        run(list_files(Settings(), limit=limit, as_json=json))

    @app.command(context_settings=_OF_A_FILE)
    def show(message_id: MessageId, party: Party = None, json: Json = False) -> None:
        """Show every line of a file: its payment's state, or why it is not paid."""
        from settings import Settings
        from terminal.file import show_file

        run(show_file(Settings(), message_id, party=party, as_json=json))

    @app.command(context_settings=_OF_A_FILE)
    def status(
        message_id: MessageId,
        out: Annotated[Path | None, typer.Option(help="Write it to this file.")] = None,
        version: Annotated[
            str, typer.Option(help="pain.002.001.03, .08 or .10 to .14.")
        ] = "pain.002.001.10",
        party: Party = None,
        json: Json = False,
    ) -> None:
        """Write a pain.002 with a file's present status; --json prints the status as one object."""
        from settings import Settings
        from terminal.file import show_status

        if json and out is not None:
            raise typer.BadParameter(
                "prints to the screen; give --json without --out", param_hint="--json"
            )
        run(
            show_status(Settings(), message_id, party=party, version=version, out=out, as_json=json)
        )

    @app.command(context_settings=_OF_A_FILE)
    def cancel(
        message_id: MessageId,
        why: Annotated[
            str, typer.Option(help="The reason, in one line, without account numbers.")
        ] = "",
        wait: Annotated[
            int,
            typer.Option(min=0, help="Seconds to wait for all outcomes; 0 does not wait."),
        ] = 30,
        party: Party = None,
        json: Json = False,
    ) -> None:
        """Cancel every payment of a file. The exit code is 0 only if all are cancelled."""
        from settings import Settings
        from terminal.file import cancel_file

        run(
            cancel_file(
                Settings(), message_id, party=party, why=why, wait_seconds=wait, as_json=json
            )
        )

    return app
