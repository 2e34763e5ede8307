"""The commands that claim an amount of a collection. Heavy imports wait until they run."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Annotated, Any, NoReturn

import typer

from terminal.amounts import amount_of
from terminal.options import Json

PaymentId = Annotated[
    str, typer.Argument(metavar="PAYMENT", help="The collection's id, as `collect` prints it.")
]
Amount = Annotated[
    str, typer.Argument(metavar="AMOUNT", help="With its currency, such as 12.50EUR.")
]
Key = Annotated[
    str,
    typer.Option(
        help="Your own key for this one. A repeat with the same key asks for nothing new, and "
        "prints what has become of it."
    ),
]
By = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Who asks, for the record; by default the user of this machine. Nothing is signed.",
    ),
]
Wait = Annotated[int, typer.Option(min=0, help="Seconds to wait for the outcome; 0 does not wait.")]


def claim_commands(app: typer.Typer, run: Callable[[Coroutine[Any, Any, int]], NoReturn]) -> None:
    """Give the program these commands; `run` runs one to its end."""

    def claim(
        kind: str,
        payment_id: str,
        amount: str | None,
        key: str,
        by: str | None,
        wait: int,
        json: bool,
    ) -> None:
        asked = None if amount is None else amount_of(amount, "AMOUNT")
        from domain.lifecycle.profile import InstructionKind
        from settings import Settings
        from terminal.claim import claim_amount

        run(
            claim_amount(
                Settings(),
                InstructionKind(kind),
                payment_id,
                asked,
                key=key,
                by=by,
                wait_seconds=wait,
                as_json=json,
            )
        )

    @app.command()
    def capture(
        payment_id: PaymentId,
        amount: Amount,
        key: Key,
        by: By = None,
        wait: Wait = 30,
        json: Json = False,
    ) -> None:
        """Take money that a collection holds. On many cards the first capture releases the rest."""
        claim("capture", payment_id, amount, key, by, wait, json)

    @app.command()
    def increment(
        payment_id: PaymentId,
        amount: Amount,
        key: Key,
        by: By = None,
        wait: Wait = 30,
        json: Json = False,
    ) -> None:
        """Hold AMOUNT more of the payer's money, before any of the collection is captured.

        The payer's bank may decline. Then the hold is as it was.
        """
        claim("increment", payment_id, amount, key, by, wait, json)

    @app.command()
    def refund(
        payment_id: PaymentId,
        amount: Amount,
        key: Key,
        by: By = None,
        wait: Wait = 30,
        json: Json = False,
    ) -> None:
        """Give back some or all of what a collection has captured."""
        claim("refund", payment_id, amount, key, by, wait, json)

    @app.command()
    def confirm(
        payment_id: PaymentId,
        key: Key,
        by: By = None,
        wait: Wait = 30,
        json: Json = False,
    ) -> None:
        """Have the payer confirm a collection that was declined because the payer was not there.

        The collection must have been asked for with --off-session and --return-url.
        """
        claim("confirm", payment_id, None, key, by, wait, json)
