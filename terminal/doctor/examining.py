"""`finality doctor`: runs every check, one after the other. A failed check hides no other.

A check is a small function that yields its findings. To add one, write it in the module of its
kind and add it to a list here: checks in `SETTINGS` need only settings, those in `STORE` an open
store, those in `TEMPORAL` a server that answers.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Final

from rich.text import Text
from temporalio.client import Client
from temporalio.service import RPCError

from assembly import Assembly, assembled, connect
from domain.plain_text import plain
from settings import Settings
from starter.away import TemporalAway
from store.faults import BadDatabaseUrl, StoreAway
from store.keyring import KeyringError
from store.schema import NewerSchema
from terminal.doctor.clocks import database_clock, temporal_clock, worker_clocks
from terminal.doctor.findings import Examined
from terminal.doctor.partners import partners, retry_logins
from terminal.doctor.settings import debtors, folder, home, temporal_profile
from terminal.doctor.store import database, halts, keyring, operators
from terminal.doctor.temporal import last_round, pollers, search_attributes, server, upkeep
from terminal.screen import Screen

Findings = AsyncIterator[Examined]

SETTINGS: Final[tuple[Callable[[Settings], Findings], ...]] = (
    home,
    folder,
    temporal_profile,
    debtors,
)
STORE: Final[tuple[Callable[[Assembly], Findings], ...]] = (
    keyring,
    database,
    database_clock,
    worker_clocks,
    partners,
    operators,
    halts,
)
TEMPORAL: Final[tuple[Callable[[Settings, Client], Findings], ...]] = (
    server,
    temporal_clock,
    search_attributes,
    pollers,
    upkeep,
)

#: The remedy if the database does not answer; the error itself is printed before it.
_AWAY: Final = (
    "start it; check that FINALITY_DATABASE_URL names it, that its user may log in and create "
    "tables, and that its disk is not full"
)
_NO_KEYS: Final = (
    "use the keyring that this installation was set up with, never a second one; make one with "
    "`finality new-key` only for a new installation"
)
_NEWER: Final = "run the newer release that upgraded the database"


async def examine(settings: Settings, *, retry_logins_first: bool, as_json: bool) -> int:
    """Print the findings of all checks. Returns the exit code: 1 if any finding has a remedy."""
    console, unwell = Screen(), 0
    async for examined in _examinations(settings, retry_logins_first):
        unwell += bool(examined.remedy)
        if as_json:
            print(json.dumps(_as_object(examined)), flush=True)
            continue
        mark = ("✗", "red") if examined.remedy else ("✓", "green")
        console.print(Text.assemble(mark, plain(f" {examined.what}: {examined.found}")))
        if examined.remedy:
            console.print(f"    → {plain(examined.remedy)}")
    return 1 if unwell else 0


def _as_object(examined: Examined) -> dict[str, object]:
    return {
        "at": datetime.now(UTC).isoformat(),
        "check": examined.what,
        "is_well": not examined.remedy,
        "found": examined.found,
        "remedy": examined.remedy or None,
    }


async def _examinations(settings: Settings, retry_logins_first: bool) -> Findings:
    for check in SETTINGS:
        async for examined in check(settings):
            yield examined
    async with AsyncExitStack() as parts:
        assembly: Assembly | None = None
        try:
            assembly = await parts.enter_async_context(assembled(settings))
        except (KeyringError, NewerSchema, BadDatabaseUrl, StoreAway) as error:
            yield _not_opened(error)
        if assembly is not None:
            if retry_logins_first:
                async for examined in retry_logins(assembly):
                    yield examined
            for look in STORE:
                try:
                    async for examined in look(assembly):
                        yield examined
                except StoreAway as error:
                    yield _not_opened(error)
        async for examined in _temporal(settings, assembly):
            yield examined


def _not_opened(error: Exception) -> Examined:
    match error:
        case KeyringError():
            return Examined("keyring", str(error), _NO_KEYS)
        case NewerSchema():
            return Examined("database", str(error), _NEWER)
        case _:
            return Examined("database", str(error), _AWAY)


async def _temporal(settings: Settings, assembly: Assembly | None) -> Findings:
    """The checks of Temporal. They run even if the store cannot be opened.

    `last_round` needs the store's keys, so it runs only with the store open.
    """
    try:
        client = await assembly.client() if assembly else await connect(settings, None)
    except TemporalAway as away:
        yield Examined("Temporal", "cannot be used", str(away))
        return
    checks = [(check.__name__, check(settings, client)) for check in TEMPORAL]
    if assembly:
        checks.append(("last_round", last_round(assembly, client)))
    for name, found in checks:
        try:
            async for examined in found:
                yield examined
        except RPCError as error:
            yield Examined(
                name.replace("_", " "),
                f"Temporal answered {error.status.name}: {error.message}",
                "check that the namespace exists and that this login may read it",
            )
