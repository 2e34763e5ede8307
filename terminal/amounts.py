"""Amounts as people type them on a command line: a number and its currency."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import typer

if TYPE_CHECKING:
    from domain.money import Money

_AMOUNT: Final = re.compile(r"\s*(?P<number>[0-9.]+)\s*(?P<currency>[A-Za-z]{3})\s*", re.ASCII)


def amount_of(text: str, hint: str) -> Money:
    """An amount with its currency, such as `12.50EUR` or `12.50 EUR`.

    Raises:
        typer.BadParameter: it is none; names the option or argument, which is `hint`.
    """
    from domain.money import Money, MoneyError

    match = _AMOUNT.fullmatch(text)
    if match is None:
        raise typer.BadParameter(
            f"{text!r} is not an amount with its currency, such as 12.50EUR", param_hint=hint
        )
    try:
        return Money.from_wire(match["number"], match["currency"].upper())
    except MoneyError as error:
        raise typer.BadParameter(str(error), param_hint=hint) from None
