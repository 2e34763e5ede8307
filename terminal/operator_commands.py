"""The commands of `finality operator`. Heavy imports wait until a command needs them."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from terminal.options import Json

Name = Annotated[str, typer.Argument(metavar="NAME", help="The operator's name.")]
Public = Annotated[
    Path,
    typer.Argument(
        metavar="FILE.pub", help="The public key that `operator key` wrote for that person."
    ),
]
By = Annotated[str, typer.Option(metavar="NAME", help="The operator who signs.")]
Why = Annotated[str, typer.Option(help="The reason, in one line.")]


def operator_commands(run: Callable[[Coroutine[Any, Any, int]], NoReturn]) -> typer.Typer:
    """The group of commands; `run` runs one to its end."""
    app = typer.Typer(
        help="The operators, who sign decisions. Every change needs the signatures of two.",
        no_args_is_help=True,
    )

    @app.command()
    def key(
        name: Name,
        file: Annotated[
            Path | None,
            typer.Option(help="Write the key here. Default: ~/.config/finality/NAME.key"),
        ] = None,
        passphrase_file: Annotated[
            Path | None,
            typer.Option(help="A file with the passphrase. By default the command asks for it."),
        ] = None,
    ) -> None:
        """Make your own key, and beside it a .pub file to give to the other operators."""
        from terminal.operator import make_operator_key

        run(make_operator_key(name, file, passphrase_file))

    @app.command()
    def enrol(
        public: Annotated[
            list[Path],
            typer.Argument(
                metavar="FILE.pub…", help="The public keys that `operator key` wrote, one each."
            ),
        ],
    ) -> None:
        """Enrol the first operators, at least two at once. This is done once per database."""
        from settings import Settings
        from terminal.operator import enrol_operators

        run(enrol_operators(Settings(), public))

    @app.command()
    def add(public: Public, by: By, why: Why) -> None:
        """Add an operator. Two operators sign: each gives this command with their own --by."""
        from settings import Settings
        from terminal.operator import add_operator

        run(add_operator(Settings(), public, by=by, why=why))

    @app.command()
    def change_key(public: Public, by: By, why: Why) -> None:
        """Replace an operator's key. Two operators sign: each gives this command."""
        from settings import Settings
        from terminal.operator import change_operator_key

        run(change_operator_key(Settings(), public, by=by, why=why))

    @app.command()
    def remove(name: Name, by: By, why: Why) -> None:
        """Remove an operator, who can then sign no more. Two operators sign with this command."""
        from settings import Settings
        from terminal.operator import remove_operator

        run(remove_operator(Settings(), name, by=by, why=why))

    @app.command(name="list")
    def list_operators(json: Json = False) -> None:
        """List the operators with the fingerprints of their keys, and refused signatures."""
        from settings import Settings
        from terminal.operator import list_operators

        run(list_operators(Settings(), as_json=json))

    @app.command()
    def verify(
        payment_id: Annotated[
            str, typer.Argument(help="The payment's id, as `pay` and `list` print it.")
        ],
        json: Json = False,
    ) -> None:
        """Verify every stored signature about a payment, with the key it was made with."""
        from settings import Settings
        from terminal.operator import verify_signatures

        run(verify_signatures(Settings(), payment_id, as_json=json))

    return app
