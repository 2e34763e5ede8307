"""Options that several commands have."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Machine-readable output, nothing else.")]


def listed(texts: Iterable[str] | None) -> frozenset[str]:
    """The values of an option that may be given several times, each with commas between them."""
    return frozenset(one for text in texts or () for one in text.split(","))
