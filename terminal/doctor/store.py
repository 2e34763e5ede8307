"""Checks of the keyring and of what the store holds."""

from __future__ import annotations

from collections.abc import AsyncIterator

from assembly import Assembly
from store.health import health
from terminal.doctor.findings import Examined


async def keyring(assembly: Assembly) -> AsyncIterator[Examined]:
    """Which key is in use, and whether it is one of `finality up`."""
    current = assembly.keyring.current
    development = current.startswith("development-")
    kind_of_key = " (a development key: for this machine only)" if development else ""
    yield Examined("keyring", f"{assembly.settings.keyring}, current key {current}{kind_of_key}")


async def database(assembly: Assembly) -> AsyncIterator[Examined]:
    """Which it is, and whether what it took outlives a crash."""
    found = health(assembly.database)
    settings = ", ".join(f"{name} {value}" for name, value in found.settings.items())
    yield Examined(
        "database",
        f"{found.kind} at {found.place}, schema {found.schema}, {settings}",
        "; ".join(found.remedies),
    )


async def halts(assembly: Assembly) -> AsyncIterator[Examined]:
    """Whether sends are stopped."""
    found = await assembly.operations.halts()
    if not found:
        yield Examined("halts", "none")
        return
    held = max(count for _, count in found)
    yield Examined(
        "halts",
        f"{len(found)} in force; the widest holds back {held} open payments",
        "`finality halts` says why, and the command that lifts each",
    )
