"""The command `finality listen`. Heavy imports wait until it runs."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from terminal.options import Json, moment


def listen_command(run: Callable[[Coroutine[Any, Any, int]], NoReturn]) -> Callable[..., None]:
    """The command; `run` runs it to its end."""

    def listen(
        forward_to: Annotated[
            str | None,
            typer.Option(
                metavar="URL",
                help="Where events are posted that no --events names, such as "
                "http://localhost:4000/webhooks.",
            ),
        ] = None,
        events: Annotated[
            list[str] | None,
            typer.Option(
                metavar="TYPE=URL",
                help="Where events of one type are posted, such as payment.*=URL; may be repeated.",
            ),
        ] = None,
        since: Annotated[
            datetime | None,
            typer.Option(
                parser=moment,
                help="Begin with the first event since this moment. Without it: where the last "
                "call with the same targets ended, and at first with new events.",
            ),
        ] = None,
        tenant: Annotated[
            str, typer.Option(help="Whose events are forwarded; with --api it is the key's.")
        ] = "default",
        api: Annotated[
            str | None,
            typer.Option(
                metavar="URL", help="Read over the HTTP API there, and not from the store."
            ),
        ] = None,
        api_key_file: Annotated[
            Path | None,
            typer.Option(help="With --api: a file with a key that has the scope `read`."),
        ] = None,
        json: Json = False,
    ) -> None:
        """Forward events to programs on this machine, signed as in production, until Ctrl-C."""
        from settings import Settings
        from starter.webhooks.forwarding import ForwardTarget
        from terminal.listen import ANYWHERE, listen_to_api, listen_to_store
        from transport.targets import BadTarget, checked_target

        targets = [ForwardTarget(forward_to)] if forward_to else []
        for each in events or []:
            named, _, url = each.partition("=")
            if not named or not url:
                raise typer.BadParameter(f"{each!r} is not TYPE=URL", param_hint="--events")
            targets.append(ForwardTarget(url, (named,)))
        if not targets:
            raise typer.BadParameter("is missing, and so is --events", param_hint="--forward-to")
        for target in targets:
            try:
                checked_target(target.url, ANYWHERE)
            except BadTarget as bad:
                raise typer.BadParameter(f"an address {bad}", param_hint="listen") from None
        if (api is None) != (api_key_file is None):
            missing = "--api" if api is None else "--api-key-file"
            raise typer.BadParameter("is missing; the two belong together", param_hint=missing)
        if api is not None and api_key_file is not None:
            run(listen_to_api(
                Settings(), api, api_key_file, targets, since, as_json=json
            ))  # fmt: skip
        run(listen_to_store(Settings(), tenant, targets, since, as_json=json))

    return listen
