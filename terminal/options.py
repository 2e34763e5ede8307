"""Options that several commands have."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Machine-readable output, nothing else.")]


def listed(texts: Iterable[str] | None) -> frozenset[str]:
    """The values of an option that may be given several times, each with commas between them."""
    return frozenset(one for text in texts or () for one in text.split(","))


def moment(text: str) -> datetime:
    """A moment as ISO 8601 writes it; without an offset it is in UTC."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(
            f"{text[:40]!r} is no moment; give one such as 2026-11-30T14:00"
        ) from None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at
