"""The commands about account data. Heavy imports wait until a command needs them."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Annotated, Any, NoReturn

import typer

from terminal.options import Json


def account_commands(app: typer.Typer, run: Callable[[Coroutine[Any, Any, int]], NoReturn]) -> None:
    """Give the program `accounts` and `transactions`; `run` runs one to its end."""

    @app.command()
    def accounts(
        tenant: Annotated[str | None, typer.Option(help="Only those of this tenant.")] = None,
        consent: Annotated[
            str | None, typer.Option(help="Only those that this consent covers.")
        ] = None,
        refresh: Annotated[
            bool,
            typer.Option(
                "--refresh",
                help="With --consent: have them read as soon as the bank allows, and print what is "
                "known now. It counts as a reading without the user.",
            ),
        ] = False,
        limit: Annotated[int, typer.Option(min=1, help="Show at most this many.")] = 100,
        json: Json = False,
    ) -> None:
        """List users' accounts with their balances, and how old these are."""
        from settings import Settings
        from terminal.accounts import list_accounts

        if refresh and consent is None:
            raise typer.BadParameter("name the consent with --consent", param_hint="--refresh")
        run(list_accounts(Settings(), tenant, consent, refresh=refresh, limit=limit, as_json=json))

    @app.command()
    def transactions(
        account_id: Annotated[
            str, typer.Argument(help="The account's id, as `accounts` prints it.")
        ],
        first: Annotated[
            datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="The first day.")
        ] = None,
        last: Annotated[
            datetime | None,
            typer.Option("--to", formats=["%Y-%m-%d"], help="The last day, included."),
        ] = None,
        pending: Annotated[bool, typer.Option("--pending", help="Only pending ones.")] = False,
        gone: Annotated[
            bool,
            typer.Option("--gone", help="Also pending ones that were booked or have vanished."),
        ] = False,
        limit: Annotated[int, typer.Option(min=1, help="Show at most this many.")] = 100,
        json: Json = False,
    ) -> None:
        """List an account's transactions, the newest first, and how old the list is."""
        from domain.account_data.transactions import Booking
        from settings import Settings
        from store.account_data import WantedTransactions
        from terminal.accounts import list_transactions

        wanted = WantedTransactions(
            account_id,
            booking=Booking.PENDING if pending else None,
            days_from=first.date() if first else None,
            days_to=last.date() if last else None,
            with_gone=gone,
        )
        run(list_transactions(Settings(), wanted, limit=limit, as_json=json))
