"""The commands `finality list` and `finality show`: finding payments. Heavy imports wait."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from datetime import date, datetime
from inspect import Parameter, Signature, signature
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, get_type_hints

import typer

from terminal.amounts import amount_of
from terminal.options import Json

if TYPE_CHECKING:
    from store.finding import Wanted

State = Annotated[str | None, typer.Option(help="In this state.")]
Tenant = Annotated[str | None, typer.Option(help="Only those of this tenant.")]
Partner = Annotated[str | None, typer.Option(help="Only those of this partner.")]
EndToEndId = Annotated[str | None, typer.Option(help="With exactly this EndToEndId.")]
File = Annotated[
    str | None, typer.Option("--file", metavar="MSGID", help="Of the file with this MsgId.")
]
Creditor = Annotated[
    str | None, typer.Option(help="To this account number, or to a name that contains it.")
]
Amount = Annotated[
    str | None, typer.Option(metavar="AMOUNT", help="Of exactly this amount, such as 12.50EUR.")
]
Day = Annotated[
    datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Recorded on this day, in UTC.")
]


def finding_commands(app: typer.Typer, run: Callable[[Coroutine[Any, Any, int]], NoReturn]) -> None:
    """Give the program the two commands; `run` runs one to its end."""

    @app.command(name="list")
    @_searching
    def list_payments(
        wanted: Wanted,
        limit: Annotated[int, typer.Option(min=1, help="Show at most this many.")] = 100,
        json: Json = False,
    ) -> None:
        """List payments, the newest first. Every option given has to match."""
        from settings import Settings
        from terminal.table import list_table

        run(list_table(Settings(), wanted, limit=limit, as_json=json))

    @app.command()
    @_searching
    def show(
        wanted: Wanted,
        payment_id: Annotated[
            str | None,
            typer.Argument(
                help="The payment's id, as `pay` and `list` print it. The options below find a "
                "payment without its id."
            ),
        ] = None,
        exchanges: Annotated[
            bool, typer.Option(help="Also show each request and reply, redacted.")
        ] = False,
        evidence: Annotated[
            str | None,
            typer.Option(
                metavar="COMMAND-ID",
                help="Print only the evidence that was attached to this command, byte for byte.",
            ),
        ] = None,
        link: Annotated[
            bool,
            typer.Option(
                "--link",
                help="Print only the address at which the payer acts now. Give it to the payer and "
                "nobody else.",
            ),
        ] = False,
        json: Json = False,
    ) -> None:
        """Show one payment: its state, captures and refunds, timeline, and what it waits for."""
        from settings import Settings
        from store.finding import ANYTHING
        from terminal.show import print_link, show_found, show_payment, write_evidence

        if payment_id is None:
            if wanted == ANYTHING:
                raise typer.BadParameter("give a payment id, or options that find the payment")
            if evidence is not None:
                raise typer.BadParameter("needs the payment's id", param_hint="--evidence")
            if link:
                raise typer.BadParameter("needs the payment's id", param_hint="--link")
            run(show_found(Settings(), wanted, with_exchanges=exchanges, as_json=json))
        if wanted != ANYTHING:
            raise typer.BadParameter("give a payment id or options that find one, not both")
        if evidence is not None:
            run(write_evidence(Settings(), payment_id, evidence))
        if link:
            run(print_link(Settings(), payment_id))
        run(show_payment(Settings(), payment_id, with_exchanges=exchanges, as_json=json))


def _searching(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command every option by which payments are found, in place of `wanted`."""
    options = _parameters(_wanted)

    def searching(**given: Any) -> None:
        command(wanted=_wanted(**{name: given.pop(name) for name in options}), **given)

    shown = options | _parameters(command)
    del shown["wanted"]
    searching.__name__, searching.__doc__ = command.__name__, command.__doc__
    searching.__annotations__ = {name: one.annotation for name, one in shown.items()}
    searching.__signature__ = Signature(list(shown.values()))  # type: ignore[attr-defined]
    return searching


def _parameters(function: Callable[..., Any]) -> dict[str, Parameter]:
    """With their annotations as types; `Wanted` is none of the command line's."""
    types = get_type_hints(function, localns={"Wanted": object}, include_extras=True)
    return {
        name: one.replace(kind=Parameter.KEYWORD_ONLY, annotation=types[name])
        for name, one in signature(function).parameters.items()
    }


def _wanted(
    state: State = None,
    tenant: Tenant = None,
    partner: Partner = None,
    end_to_end_id: EndToEndId = None,
    file: File = None,
    creditor: Creditor = None,
    amount: Amount = None,
    day: Day = None,
) -> Wanted:
    """What is looked for, by the options of a command."""
    from domain.payments.report import PaymentState
    from store.finding import Wanted

    if state is not None and state not in list(PaymentState):
        known = ", ".join(PaymentState)
        raise typer.BadParameter(f"there is no {state!r}; known: {known}", param_hint="--state")
    return Wanted(
        state=state,
        tenant=tenant,
        partner=partner,
        end_to_end_id=end_to_end_id,
        message_id=file,
        creditor=creditor,
        amount=None if amount is None else amount_of(amount, "--amount"),
        day=None if day is None else date(day.year, day.month, day.day),
    )
