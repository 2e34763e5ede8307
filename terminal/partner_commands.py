"""The commands of `finality partner`. Heavy imports wait until a command needs them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from terminal.partner.questions import Question


def partner_commands() -> typer.Typer:
    """The group of commands."""
    app = typer.Typer(help="The partners' folders in a clone of the source.", no_args_is_help=True)

    @app.callback()
    def _group() -> None:
        """The partners' folders in a clone of the source."""

    app.command()(new)
    return app


def new(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME", help="As settings, orders and folders name it, such as acme_bank."
        ),
    ],
    into: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="The clone to write to. Default: this one."),
    ] = None,
    title: Annotated[
        str | None, typer.Option(metavar="TEXT", help="The partner's own name.")
    ] = None,
    moves: Annotated[
        str | None, typer.Option(metavar="credit-transfers|collections", help="What it does.")
    ] = None,
    authentication: Annotated[
        str | None,
        typer.Option(metavar="token|bearer|header", help="How each call is authorised."),
    ] = None,
    client_certificate: Annotated[
        str | None, typer.Option(metavar="yes|no", help="Whether it demands one (mTLS).")
    ] = None,
    idempotency: Annotated[
        str | None,
        typer.Option(
            metavar="replay-state|replay-response|reject-duplicate|none",
            help="What it does with a key that it sees a second time.",
        ),
    ] = None,
    caches_errors: Annotated[
        str | None,
        typer.Option(metavar="yes|no", help="With replay-response: whether it repeats errors."),
    ] = None,
    key_lasts: Annotated[
        str | None, typer.Option(metavar="HOURS|unknown", help="How long it remembers a key.")
    ] = None,
    lookup: Annotated[
        str | None,
        typer.Option(metavar="strong|eventual|none", help="What a look-up by our key shows."),
    ] = None,
    settle_delay: Annotated[
        str | None,
        typer.Option(metavar="SECONDS", help="When an empty answer to a look-up counts."),
    ] = None,
    cancel: Annotated[
        str | None, typer.Option(metavar="yes|no", help="Whether an order can be taken back.")
    ] = None,
    watch: Annotated[
        str | None, typer.Option(metavar="DAYS", help="How long returns stay normal.")
    ] = None,
    readable: Annotated[
        str | None,
        typer.Option(metavar="DAYS|ever", help="How long a settled order can be read."),
    ] = None,
    news: Annotated[
        str | None,
        typer.Option(metavar="webhooks|polling", help="How we learn of a new status."),
    ] = None,
) -> None:
    """Write a new partner: folder, simulator and tests. What no option answers is asked."""
    from terminal.partner.new import OWN_TREE, check_free, write_partner
    from terminal.partner.questions import answered
    from terminal.screen import Screen

    root = (into or OWN_TREE).resolve()
    check_free(root, name)
    given = {
        "title": title,
        "moves": moves,
        "authentication": authentication,
        "client-certificate": client_certificate,
        "idempotency": idempotency,
        "caches-errors": caches_errors,
        "key-lasts": key_lasts,
        "lookup": lookup,
        "settle-delay": settle_delay,
        "cancel": cancel,
        "watch": watch,
        "readable": readable,
        "news": news,
    }
    answers = answered(given, _ask)
    write_partner(root, name, answers, Screen())


def _ask(question: Question) -> str:
    """The answer of the person at the terminal, who is asked again until it is a possible one."""
    from terminal.partner.questions import AnswerRefused

    typer.echo(f"\n{question.text}")
    for choice, meaning in question.choices.items():
        if meaning:
            typer.echo(f"  {choice:<18} {meaning}")
    while True:
        try:
            answer = typer.prompt(question.possible, default=question.default)
        except typer.Abort:
            raise question.unanswered() from None
        try:
            return question.checked(str(answer))
        except AnswerRefused as refused:
            typer.echo(f"  {refused}")
