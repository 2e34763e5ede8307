"""The commands of `finality api-key`. Heavy imports wait until a command needs them."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Annotated, Any, NoReturn

import typer

from domain.scopes import Scope

Json = Annotated[bool, typer.Option("--json", help="Machine-readable output, nothing else.")]
KeyId = Annotated[str, typer.Argument(metavar="KEY-ID", help="The key's id, as `list` prints it.")]


def api_key_commands(run: Callable[[Coroutine[Any, Any, int]], NoReturn]) -> typer.Typer:
    """The group of commands; `run` runs one to its end."""
    app = typer.Typer(help="The keys with which programs call the HTTP API.", no_args_is_help=True)

    @app.command()
    def new(
        name: Annotated[
            str | None,
            typer.Option(help="The program that gets it, such as `shop backend`."),
        ] = None,
        tenant: Annotated[
            str, typer.Option(help="Whose payments it may order and see.")
        ] = "default",
        scope: Annotated[
            list[Scope] | None,
            typer.Option(help="What it may do; may be repeated. Default: pay and read."),
        ] = None,
        account: Annotated[
            list[str] | None,
            typer.Option(
                metavar="PARTNER/ACCOUNT",
                help="An account it may use besides those of the tenant's debtors, for example to "
                "collect; may be repeated.",
            ),
        ] = None,
        replaces: Annotated[
            str | None,
            typer.Option(
                metavar="KEY-ID", help="Make a key with the rights of this one, which then ends."
            ),
        ] = None,
        overlap: Annotated[
            int,
            typer.Option(min=0, help="With --replaces: hours for which both keys are accepted."),
        ] = 24,
        json: Json = False,
    ) -> None:
        """Make a key and print it. It is shown this once, and only its hash is stored."""
        from settings import Settings
        from terminal.api_key import make_key, replace_key

        if replaces is not None:
            if name or scope or account or tenant != "default":
                raise typer.BadParameter(
                    "takes the name, tenant, scopes and accounts of the old key",
                    param_hint="--replaces",
                )
            run(replace_key(Settings(), replaces, overlap_hours=overlap, as_json=json))
        if not name:
            raise typer.BadParameter("is missing", param_hint="--name")
        accounts = [_account(each) for each in account or []]
        scopes = scope or [Scope.PAY, Scope.READ]
        run(make_key(Settings(), tenant, name, scopes, accounts, as_json=json))

    @app.command(name="list")
    def list_keys(
        tenant: Annotated[str | None, typer.Option(help="Only those of this tenant.")] = None,
        json: Json = False,
    ) -> None:
        """List the keys with their rights, and when each was last used."""
        from settings import Settings
        from terminal.api_key import list_keys

        run(list_keys(Settings(), tenant, as_json=json))

    @app.command()
    def revoke(key_id: KeyId) -> None:
        """Refuse a key from now on."""
        from settings import Settings
        from terminal.api_key import revoke_key

        run(revoke_key(Settings(), key_id))

    return app


def _account(text: str) -> tuple[str, str]:
    partner, slash, account = text.partition("/")
    if not (partner and slash and account) or "," in text:
        raise typer.BadParameter(f"{text!r} is not PARTNER/ACCOUNT", param_hint="--account")
    return partner, account
