"""The commands of `finality operator`. Heavy imports wait until a command needs them."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

Json = Annotated[bool, typer.Option("--json", help="Machine-readable output, nothing else.")]
Name = Annotated[str, typer.Argument(metavar="NAME", help="The operator's name.")]
Public = Annotated[
    Path, typer.Argument(metavar="FILE.pub", help="As `operator key` wrote it, from that person.")
]
By = Annotated[str, typer.Option(metavar="NAME", help="Who signs.")]
Why = Annotated[str, typer.Option(help="The reason, in one line.")]


def operator_commands(run: Callable[[Coroutine[Any, Any, int]], NoReturn]) -> typer.Typer:
    """The group of commands; `run` runs one to its end."""
    app = typer.Typer(
        help="Who may sign decisions. Changes take the signatures of two operators.",
        no_args_is_help=True,
    )

    @app.command()
    def key(
        name: Name,
        file: Annotated[
            Path | None,
            typer.Option(help="Where to write it; default: ~/.config/finality/NAME.key"),
        ] = None,
        passphrase_file: Annotated[
            Path | None,
            typer.Option(help="A file that has the passphrase; default: it is asked for."),
        ] = None,
    ) -> None:
        """Make a key of your own, and beside it FILE.pub to give to the others."""
        from terminal.operator import make_operator_key

        run(make_operator_key(name, file, passphrase_file))

    @app.command()
    def enrol(
        public: Annotated[list[Path], typer.Argument(metavar="FILE.pub…")],
    ) -> None:
        """Name the first operators, at least two at once. This happens once."""
        from settings import Settings
        from terminal.operator import enrol_operators

        run(enrol_operators(Settings(), public))

    @app.command()
    def add(public: Public, by: By, why: Why) -> None:
        """Sign for another operator; a second one gives the same command."""
        from settings import Settings
        from terminal.operator import add_operator

        run(add_operator(Settings(), public, by=by, why=why))

    @app.command()
    def change_key(public: Public, by: By, why: Why) -> None:
        """Sign for another key of an operator; a second one gives the same command."""
        from settings import Settings
        from terminal.operator import change_operator_key

        run(change_operator_key(Settings(), public, by=by, why=why))

    @app.command()
    def remove(name: Name, by: By, why: Why) -> None:
        """Sign that an operator may not sign any more; a second one gives the same command."""
        from settings import Settings
        from terminal.operator import remove_operator

        run(remove_operator(Settings(), name, by=by, why=why))

    @app.command(name="list")
    def list_operators(json: Json = False) -> None:
        """Those who may sign, with the fingerprints of their keys, and what was refused."""
        from settings import Settings
        from terminal.operator import list_operators

        run(list_operators(Settings(), as_json=json))

    @app.command()
    def verify(
        payment_id: Annotated[str, typer.Argument(help="As `pay` and `list` print it.")],
        json: Json = False,
    ) -> None:
        """Verify every signature kept about a payment, with the key it was made with."""
        from settings import Settings
        from terminal.operator import verify_signatures

        run(verify_signatures(Settings(), payment_id, as_json=json))

    return app
