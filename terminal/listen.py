"""`finality listen`: forwards events to programs on this machine, and prints what they answer."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime
from ipaddress import ip_network
from pathlib import Path
from typing import Final

from rich.text import Text

from assembly import MachineClock, assembled
from domain.clock import Clock
from domain.plain_text import plain
from process import stop_on_signals
from settings import Settings
from starter.webhooks.forwarding import Forwarded, Forwarding, ForwardTarget
from starter.webhooks.sources import ApiEvents, EventSource, SourceAway, StoredEvents
from store.events import Events
from terminal.commanding import AS_WISHED
from terminal.screen import Screen
from transport.address import BadAddress
from transport.http import Transport
from transport.posting import Answered, Posting, Unreached
from transport.targets import Resolver

#: The targets are named by the person who runs the command, so any address is allowed.
ANYWHERE: Final = (ip_network("0.0.0.0/0"), ip_network("::/0"))


async def listen_to_store(
    settings: Settings,
    tenant: str,
    targets: Sequence[ForwardTarget],
    since: datetime | None,
    *,
    as_json: bool,
) -> int:
    """Forward a tenant's events from the store until Ctrl-C. Returns the exit code.

    Raises:
        PlaceLost: it is not known where to go on.
    """
    file = _file(settings, tenant, targets)
    async with assembled(settings) as assembly:
        source = StoredEvents(Events(assembly.database), tenant)
        return await _forward(source, assembly.clock, targets, file, since, as_json=as_json)


async def listen_to_api(
    settings: Settings,
    base_url: str,
    key_file: Path,
    targets: Sequence[ForwardTarget],
    since: datetime | None,
    *,
    as_json: bool,
) -> int:
    """Forward the events that a key of the HTTP API sees until Ctrl-C. Returns the exit code.

    Raises:
        PlaceLost: it is not known where to go on.
        SourceAway: the API does not answer, or does not accept the key.
    """
    clock = MachineClock()
    try:
        key = key_file.read_text().strip()
        transport = Transport(base_url, clock=clock)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text"
        if isinstance(error, BadAddress):
            raise SourceAway(f"--api: {error}") from None
        raise SourceAway(f"--api-key-file {key_file} cannot be read: {why}") from None
    file = _file(settings, base_url, targets)
    try:
        source = ApiEvents(transport, key, clock)
        return await _forward(source, clock, targets, file, since, as_json=as_json)
    finally:
        await transport.close()


def _file(settings: Settings, whose: str, targets: Sequence[ForwardTarget]) -> Path:
    """Where the place of these targets is kept."""
    named = json.dumps([whose, sorted(targets)])
    return settings.home / "listen" / f"{hashlib.sha256(named.encode()).hexdigest()[:16]}.json"


async def _forward(
    source: EventSource,
    clock: Clock,
    targets: Sequence[ForwardTarget],
    file: Path,
    since: datetime | None,
    *,
    as_json: bool,
) -> int:
    stop, screen, resolver = stop_on_signals(), Screen(), Resolver()
    posting = Posting(allowed=ANYWHERE, resolve=resolver, clock=clock)
    forwarding = Forwarding(source, posting, clock, targets=targets, file=file)
    place = await forwarding.begin(since)
    if not as_json:
        screen.print(f"Signed with {place.secret} (the same each time, for these targets).")
        screen.print("Waiting for events. Ctrl-C ends it; the next start goes on from there.")

    def said(one: Forwarded) -> None:
        if as_json:
            print(json.dumps(_object(one)), flush=True)
        else:
            screen.print(_line(one), soft_wrap=True)

    try:
        await forwarding.forward(place, said, stop)
    finally:
        resolver.close()
    return AS_WISHED


def _line(one: Forwarded) -> Text:
    answer = one.answer
    if isinstance(answer, Answered):
        text, style = (
            f"{answer.status} in {one.took_ms} ms",
            "green" if answer.is_success else "red",
        )
    else:
        text, style = f"not reached: {plain(answer.why)}; trying again", "yellow"
    return Text.assemble(
        f"{one.event.created_at:%H:%M:%S}  {one.event.type}  {one.event.id}  → {plain(one.url)}  ",
        (text, style),
    )


def _object(one: Forwarded) -> dict[str, object]:
    answer = one.answer
    return {
        "event_id": one.event.id,
        "type": one.event.type,
        "position": one.event.position,
        "url": one.url,
        "status": answer.status if isinstance(answer, Answered) else None,
        "why": answer.why if isinstance(answer, Unreached) else None,
        "took_ms": one.took_ms,
    }
