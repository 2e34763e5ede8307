"""The commands about consents. Heavy imports wait until a command needs them."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Annotated, Any, NoReturn
from uuid import uuid4

import typer

ConsentId = Annotated[str, typer.Argument(help="The consent's id, as `consents` prints it.")]
CommandId = Annotated[
    str | None,
    typer.Option(help="Your own id for this command. With the same id it is not given twice."),
]
Json = Annotated[bool, typer.Option("--json", help="Machine-readable output, nothing else.")]


def consent_commands(
    app: typer.Typer, run: Callable[[Coroutine[Any, Any, int]], NoReturn]
) -> typer.Typer:
    """Give the program `consents`, and return the group `consent`; `run` runs one to its end."""
    group = typer.Typer(
        help="Users' permission to read their accounts at banks.", no_args_is_help=True
    )

    @app.command()
    def consents(
        tenant: Annotated[str | None, typer.Option(help="Only those of this tenant.")] = None,
        user: Annotated[
            str | None, typer.Option(help="Only those of this user, by the tenant's own id.")
        ] = None,
        renew_within: Annotated[
            int | None,
            typer.Option(
                metavar="DAYS",
                min=0,
                help="Only those that have to be renewed within this many days.",
            ),
        ] = None,
        limit: Annotated[int, typer.Option(min=1, help="Show at most this many.")] = 100,
        json: Json = False,
    ) -> None:
        """List consents, the newest first, or those that have to be renewed soon."""
        from settings import Settings
        from terminal.consent import list_consents

        if user is not None and tenant is None:
            raise typer.BadParameter(
                "give --tenant too: user ids are unique only within a tenant", param_hint="--user"
            )
        run(list_consents(Settings(), tenant, user, renew_within, limit=limit, as_json=json))

    @group.command()
    def show(consent_id: ConsentId, json: Json = False) -> None:
        """Show one consent: what was granted, until when it may be read, and its timeline."""
        from settings import Settings
        from terminal.consent import show_consent

        run(show_consent(Settings(), consent_id, as_json=json))

    @group.command()
    def renew(consent_id: ConsentId, command_id: CommandId = None, json: Json = False) -> None:
        """Record that the user has confirmed it with us, where the regime renews it that way."""
        from settings import Settings
        from terminal.consent import confirm_consent

        run(confirm_consent(Settings(), consent_id, command_id or uuid4().hex, as_json=json))

    @group.command()
    def revoke(
        consent_id: ConsentId,
        why: Annotated[
            str, typer.Option(help="The reason, in one line, without account numbers.")
        ] = "",
        command_id: CommandId = None,
        json: Json = False,
    ) -> None:
        """End a consent, at the bank too. Nothing is read any more from now on."""
        from settings import Settings
        from terminal.consent import revoke_consent

        run(revoke_consent(Settings(), consent_id, command_id or uuid4().hex, why, as_json=json))

    return group
