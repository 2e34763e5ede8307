"""The command `connect`. Heavy imports wait until it runs."""

from __future__ import annotations

import getpass
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Annotated, Any, NoReturn

import typer

from domain.consents.request import Permission
from terminal.options import Json

#: A page of ours on this machine; the bank has to know the address where it checks that.
PORT = 8239


def connect_command(run: Callable[[Coroutine[Any, Any, int]], NoReturn]) -> Callable[..., None]:
    """The command; `run` runs one to its end."""

    def connect(
        bank: Annotated[
            str, typer.Argument(help="The bank, as PARTNER/ACCOUNT of the settings or one name.")
        ],
        user: Annotated[
            str | None, typer.Option(help="Your own id of the user; by default your user name.")
        ] = None,
        tenant: Annotated[str, typer.Option(help="The tenant whose user it is.")] = "default",
        permission: Annotated[
            list[Permission] | None, typer.Option(help="What may be read; by default everything.")
        ] = None,
        account: Annotated[
            list[str] | None,
            typer.Option(metavar="IBAN", help="Only this account; else the user chooses."),
        ] = None,
        regime: Annotated[str, typer.Option(help="The law: psd2 or uk.")] = "psd2",
        psu_id: Annotated[
            str | None, typer.Option(help="The user's login name at the bank, if it needs that.")
        ] = None,
        key: Annotated[
            str, typer.Option(help="Your own key. With the same key nothing new is asked for.")
        ] = "",
        browser: Annotated[
            bool, typer.Option(help="Open the page in a browser, besides printing its address.")
        ] = True,
        port: Annotated[
            int, typer.Option(min=0, max=65535, help="Where the callback arrives; 0: any port.")
        ] = PORT,
        wait: Annotated[float, typer.Option(min=0, help="Minutes to wait for the user.")] = 15,
        json: Json = False,
    ) -> None:
        """Ask a bank for access to a user's accounts, open its page, and wait for the user.

        Exit code 0: connected. 1: refused, ended, or not decided yet. 2: nothing was recorded.
        """
        import webbrowser

        from settings import Settings
        from terminal.connect import Wanted, connect_bank

        wanted = Wanted(
            bank=bank,
            tenant=tenant,
            user_id=user or getpass.getuser(),
            permissions=tuple(permission or Permission),
            ibans=tuple(account or ()),
            regime=regime,
            psu_id=psu_id,
            key=key,
        )
        run(
            connect_bank(
                Settings(),
                wanted,
                port=port,
                wait=timedelta(minutes=wait),
                open_page=webbrowser.open if browser else lambda _: None,
                as_json=json,
            )
        )

    return connect
