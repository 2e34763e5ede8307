"""The commands of `finality webhooks`. Heavy imports wait until a command needs them."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Annotated, Any, NoReturn

import typer

from terminal.options import Json, moment

EndpointId = Annotated[
    str, typer.Argument(metavar="ENDPOINT", help="The endpoint's id, as `list` prints it.")
]
Url = Annotated[
    str | None,
    typer.Option(help="Where events are posted: https, and public, unless settings allow more."),
]
Types = Annotated[
    list[str] | None,
    typer.Option(
        "--type",
        help="A type of event, such as payment.state_changed or payment.*; may be repeated.",
    ),
]
Description = Annotated[str | None, typer.Option(help="For people, in one line.")]


def webhook_commands(run: Callable[[Coroutine[Any, Any, int]], NoReturn]) -> typer.Typer:
    """The group of commands; `run` runs one to its end."""
    app = typer.Typer(
        help="The addresses that receive events, and what was delivered to them.",
        no_args_is_help=True,
    )

    @app.command()
    def new(
        url: Url = None,
        tenant: Annotated[str, typer.Option(help="Whose events it receives.")] = "default",
        types: Types = None,
        description: Description = None,
        json: Json = False,
    ) -> None:
        """Make an endpoint, and print the secret with which its owner verifies deliveries."""
        from settings import Settings
        from terminal.webhooks import make_endpoint

        if url is None:
            raise typer.BadParameter("is missing", param_hint="--url")
        run(make_endpoint(
            Settings(), tenant, url, types or [], description or "", as_json=json
        ))  # fmt: skip

    @app.command(name="list")
    def list_endpoints(
        tenant: Annotated[str | None, typer.Option(help="Only those of this tenant.")] = None,
        json: Json = False,
    ) -> None:
        """List the endpoints, and how each has answered of late."""
        from settings import Settings
        from terminal.webhooks import list_endpoints

        run(list_endpoints(Settings(), tenant, as_json=json))

    @app.command()
    def show(endpoint_id: EndpointId, json: Json = False) -> None:
        """Show one endpoint."""
        from settings import Settings
        from terminal.webhooks import show_endpoint

        run(show_endpoint(Settings(), endpoint_id, as_json=json))

    @app.command()
    def update(
        endpoint_id: EndpointId,
        url: Url = None,
        types: Types = None,
        every_type: Annotated[
            bool, typer.Option("--every-type", help="Receive events of all types.")
        ] = False,
        description: Description = None,
        json: Json = False,
    ) -> None:
        """Change what is given. What waits goes to the new address."""
        from settings import Settings
        from terminal.webhooks import change_endpoint

        if every_type and types:
            raise typer.BadParameter("excludes --type", param_hint="--every-type")
        changed_types = [] if every_type else types
        if url is None and changed_types is None and description is None:
            raise typer.BadParameter(
                "give --url, --type, --every-type or --description", param_hint="update"
            )
        run(change_endpoint(
            Settings(), endpoint_id, url, changed_types, description, as_json=json
        ))  # fmt: skip

    @app.command()
    def rotate(
        endpoint_id: EndpointId,
        overlap: Annotated[
            int, typer.Option(min=0, max=168, help="Hours for which both secrets are in use.")
        ] = 24,
        json: Json = False,
    ) -> None:
        """Make a new secret and print it. Deliveries are signed with both for a while."""
        from settings import Settings
        from terminal.webhooks import rotate_secret

        run(rotate_secret(Settings(), endpoint_id, overlap_hours=overlap, as_json=json))

    @app.command()
    def disable(endpoint_id: EndpointId, json: Json = False) -> None:
        """Send it nothing more. It keeps its place in the list of events."""
        from settings import Settings
        from terminal.webhooks import switch_endpoint

        run(switch_endpoint(Settings(), endpoint_id, on=False, as_json=json))

    @app.command()
    def enable(endpoint_id: EndpointId, json: Json = False) -> None:
        """Send again: what waits, and the events that came meanwhile."""
        from settings import Settings
        from terminal.webhooks import switch_endpoint

        run(switch_endpoint(Settings(), endpoint_id, on=True, as_json=json))

    @app.command()
    def delete(endpoint_id: EndpointId, json: Json = False) -> None:
        """Delete it for good, with its secrets. What waits for it is given up."""
        from settings import Settings
        from terminal.webhooks import delete_endpoint

        run(delete_endpoint(Settings(), endpoint_id, as_json=json))

    @app.command()
    def test(endpoint_id: EndpointId, json: Json = False) -> None:
        """Have a test event sent. A worker sends it within seconds."""
        from settings import Settings
        from terminal.webhooks import send_test

        run(send_test(Settings(), endpoint_id, as_json=json))

    @app.command()
    def deliveries(
        endpoint_id: EndpointId,
        state: Annotated[
            str | None,
            typer.Option(help="Only: pending, delivered or dead (given up after ten attempts)."),
        ] = None,
        limit: Annotated[int, typer.Option(min=1, max=1000, help="How many at most.")] = 50,
        json: Json = False,
    ) -> None:
        """List what was sent to an endpoint, the newest first, and what it answered."""
        from settings import Settings
        from terminal.webhooks import list_deliveries

        if state not in (None, "pending", "delivered", "dead"):
            raise typer.BadParameter("give pending, delivered or dead", param_hint="--state")
        run(list_deliveries(Settings(), endpoint_id, state, limit, as_json=json))

    @app.command()
    def resend(
        what: Annotated[
            str,
            typer.Argument(
                metavar="DELIVERY|ENDPOINT",
                help="A delivery (whd_…), or an endpoint (whe_…) with a range of its events.",
            ),
        ],
        since: Annotated[
            datetime | None, typer.Option(parser=moment, help="The first moment, in UTC.")
        ] = None,
        until: Annotated[
            datetime | None, typer.Option(parser=moment, help="The moment before which it ends.")
        ] = None,
        first: Annotated[
            int | None, typer.Option(min=1, help="The first position in the list of events.")
        ] = None,
        last: Annotated[
            int | None, typer.Option(min=1, help="The last position, which is included.")
        ] = None,
        missed: Annotated[
            bool, typer.Option("--missed", help="Leave out what was delivered.")
        ] = False,
        json: Json = False,
    ) -> None:
        """Send one delivery or a range of events again, each with the id that it had before."""
        from settings import Settings
        from terminal.webhooks import resend_delivery, resend_range

        has_range = any(each is not None for each in (since, until, first, last)) or missed
        if what.startswith("whd_"):
            if has_range:
                raise typer.BadParameter("a single delivery takes no range", param_hint="resend")
            run(resend_delivery(Settings(), what, as_json=json))
        run(resend_range(
            Settings(), what, first=first, last=last, since=since, until=until,
            missed_only=missed, as_json=json,
        ))  # fmt: skip

    return app
