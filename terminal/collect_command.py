"""The command `finality collect`. Heavy imports wait until it runs."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from enum import StrEnum
from typing import Annotated, Any, NoReturn

import typer

from terminal.amounts import amount_of
from terminal.options import Json, listed


class CollectingRail(StrEnum):
    """The rails that collect, as `Rail` names them."""

    CARD = "card"
    SEPA_DIRECT_DEBIT = "sepa_direct_debit"
    ACH_DEBIT = "ach_debit"


class Capture(StrEnum):
    """When the money is taken, in the words of card processors."""

    AUTOMATIC = "automatic"
    MANUAL = "manual"


def collect_command(run: Callable[[Coroutine[Any, Any, int]], NoReturn]) -> Callable[..., None]:
    """The command; `run` runs it to its end."""

    def collect(
        amount: Annotated[str, typer.Option(help="With its currency, such as 12.50EUR.")],
        key: Annotated[
            str,
            typer.Option(
                help="Your own key for this collection, such as an order number. A repeat with the "
                "same key collects nothing new."
            ),
        ],
        payment_method: Annotated[
            str | None,
            typer.Option(
                metavar="TOKEN",
                help="The partner's token of a card or a bank account. Never a card number.",
            ),
        ] = None,
        customer: Annotated[
            str | None, typer.Option(metavar="ID", help="The partner's id of the payer.")
        ] = None,
        mandate: Annotated[
            str | None,
            typer.Option(metavar="ID", help="The partner's id of the mandate, for bank debits."),
        ] = None,
        partner: Annotated[
            str | None,
            typer.Option(help="The partner. May be left out if one account takes collections."),
        ] = None,
        account: Annotated[
            str | None, typer.Option(help="Our account there, by its name in the settings.")
        ] = None,
        rail: Annotated[CollectingRail, typer.Option(help="How it is collected.")] = (
            CollectingRail.CARD
        ),
        capture: Annotated[
            Capture,
            typer.Option(
                help="automatic: take the money at once. manual: hold it until `finality capture`."
            ),
        ] = Capture.AUTOMATIC,
        off_session: Annotated[
            bool, typer.Option("--off-session", help="The payer is not there to confirm now.")
        ] = False,
        save: Annotated[
            bool,
            typer.Option(
                "--save",
                help="Save the payment method with the customer, to collect again without the "
                "payer. The payer has to agree to it.",
            ),
        ] = False,
        return_url: Annotated[
            str | None,
            typer.Option(metavar="URL", help="Where the payer goes on after confirming."),
        ] = None,
        descriptor: Annotated[
            str | None,
            typer.Option(
                metavar="TEXT",
                help="Text for the payer's statement. On cards it follows our own name.",
            ),
        ] = None,
        debtor: Annotated[
            str | None, typer.Option(metavar="NAME", help="The payer's name, for our own record.")
        ] = None,
        end_to_end_id: Annotated[
            str | None,
            typer.Option(metavar="ID", help="Your reference; `list --end-to-end-id` finds it."),
        ] = None,
        remittance: Annotated[
            str,
            typer.Option(
                metavar="TEXT", help="What it is for. The partner may show it to the payer."
            ),
        ] = "",
        tenant: Annotated[str, typer.Option(help="Who owns it.")] = "default",
        preview: Annotated[
            bool,
            typer.Option("--preview", help="Only show what would be collected. Record nothing."),
        ] = False,
        acknowledge: Annotated[
            list[str] | None,
            typer.Option(
                metavar="ID,…",
                help="Earlier payments that this does not repeat, as the refusal lists them.",
            ),
        ] = None,
        operator: Annotated[
            str | None,
            typer.Option(
                metavar="NAME",
                help="The operator who signs --acknowledge. Needed if an earlier payment is in "
                "doubt.",
            ),
        ] = None,
        wait: Annotated[
            int,
            typer.Option(
                min=0,
                help="Seconds to wait until it is collected, held, or needs the payer; 0 does not "
                "wait.",
            ),
        ] = 60,
        json: Json = False,
    ) -> None:
        """Collect an amount from a payer. A repeat with the same key collects nothing twice."""
        asked = amount_of(amount, "--amount")
        from domain.payments.order import Captured, Rail
        from settings import Settings
        from terminal.collect import collect as run_collect
        from terminal.collect_options import CollectOptions

        options = CollectOptions(
            amount=asked,
            key=key,
            partner=partner,
            account=account,
            tenant=tenant,
            rail=Rail(rail.value),
            payment_method=payment_method,
            mandate=mandate,
            customer=customer,
            captured=Captured.LATER if capture is Capture.MANUAL else Captured.AT_ONCE,
            off_session=off_session,
            saves=save,
            return_url=return_url,
            descriptor=descriptor,
            debtor=debtor,
            end_to_end_id=end_to_end_id,
            remittance=remittance,
            acknowledge=listed(acknowledge),
            operator=operator,
            preview=preview,
            wait_seconds=wait,
            as_json=json,
        )
        run(run_collect(Settings(), options))

    return collect
