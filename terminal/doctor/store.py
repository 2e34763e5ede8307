"""Checks of the keyring and of the store's content."""

from __future__ import annotations

from collections.abc import AsyncIterator
from textwrap import shorten
from typing import Final

from assembly import Assembly
from domain.plain_text import plain
from store.health import health
from store.keys import missing_keys
from terminal.doctor.findings import Examined
from terminal.halt import scope
from terminal.operator import sign_ins_text

_WHY_LENGTH_MAX: Final = 160


async def keyring(assembly: Assembly) -> AsyncIterator[Examined]:
    """Which key is in use, whether it is one of `finality up`, and which keys are missing."""
    current = assembly.keyring.current
    development = current.startswith("development-")
    kind_of_key = " (a development key: for this machine only)" if development else ""
    yield Examined("keyring", f"{assembly.settings.keyring}, current key {current}{kind_of_key}")
    ring = assembly.keyring
    for key in await assembly.database.read(lambda session: missing_keys(session, ring)):
        yield Examined(
            f"key {key.key_id}",
            f"not in the keyring; {key.payments} payments are sealed with it",
            f"add its line to {assembly.settings.keyring}, from another copy of this "
            "installation's keyring, and restart every process",
        )


async def database(assembly: Assembly) -> AsyncIterator[Examined]:
    """Which database it is, and whether its commits survive a crash."""
    found = health(assembly.database)
    settings = ", ".join(f"{name} {value}" for name, value in found.settings.items())
    yield Examined(
        "database",
        f"{found.kind} at {found.place}, schema {found.schema}, {settings}",
        "; ".join(found.remedies),
    )


async def operators(assembly: Assembly) -> AsyncIterator[Examined]:
    """The operators, and whether signatures were refused in the last day."""
    found = await assembly.operators.active()
    names = ", ".join(one.name for one in found) or "none: nobody can resolve a payment or halt"
    yield Examined("operators", names)
    refused = await assembly.operators.refusals()
    if refused:
        yield Examined(
            "signatures",
            f"{sum(one.times for one in refused)} refused within a day, the last by somebody who "
            f"claims to be {plain(refused[0].claimed)!r}, about {plain(refused[0].subject)}",
            "ask that operator whether it was them; `finality operator list` shows each refusal",
        )
    if (sign_ins := await assembly.operators.refused_sign_ins()) is not None:
        yield Examined(
            "sign-ins",
            sign_ins_text(sign_ins),
            "ask that operator whether it was them; if not, let only operators' networks reach the "
            "console",
        )


async def halts(assembly: Assembly) -> AsyncIterator[Examined]:
    """The halts in force."""
    found = await assembly.operations.halts()
    if not found:
        yield Examined("halts", "none")
        return
    for halt, held in found:
        why = shorten(plain(halt.why), _WHY_LENGTH_MAX, placeholder=" …")
        yield Examined(
            "halts",
            f"number {halt.number}, {scope(halt)}, holds back {held} open payments: {why}",
            f"`finality halts` says why in full; `finality halt --lift {halt.number} --by NAME` "
            "lifts it",
        )
