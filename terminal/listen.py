"""`finality listen`: forwards events to programs on this machine, and prints what they answer."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime
from ipaddress import ip_network
from typing import Final

from rich.text import Text

from assembly import assembled
from domain.plain_text import plain
from process import stop_on_signals
from settings import Settings
from starter.webhooks.forwarding import Forwarded, Forwarding, ForwardTarget
from starter.webhooks.sources import StoredEvents
from store.events import Events
from terminal.commanding import AS_WISHED
from terminal.screen import Screen
from transport.posting import Answered, Posting, Unreached
from transport.targets import Resolver

#: Whoever runs the command names the targets, so every address is allowed.
ANYWHERE: Final = (ip_network("0.0.0.0/0"), ip_network("::/0"))


async def listen(
    settings: Settings,
    tenant: str,
    targets: Sequence[ForwardTarget],
    since: datetime | None,
    *,
    as_json: bool,
) -> int:
    """Forward events until Ctrl-C. Returns the exit code.

    Raises:
        PlaceLost: it is not known where to go on.
    """
    stop = stop_on_signals()
    named = json.dumps([tenant, sorted(targets)])
    file = settings.home / "listen" / f"{hashlib.sha256(named.encode()).hexdigest()[:16]}.json"
    screen, resolver = Screen(), Resolver()
    async with assembled(settings) as assembly:
        forwarding = Forwarding(
            StoredEvents(Events(assembly.database), tenant),
            Posting(allowed=ANYWHERE, resolve=resolver, clock=assembly.clock),
            assembly.clock,
            targets=targets,
            file=file,
        )
        place = await forwarding.begin(since)
        if not as_json:
            screen.print(f"Signed with {place.secret} (the same each time, for these targets).")
            screen.print("Waiting for events. Ctrl-C ends it; the next start goes on from there.")

        def said(one: Forwarded) -> None:
            if as_json:
                print(json.dumps(_object(one)), flush=True)
            else:
                screen.print(_line(one), soft_wrap=True)

        await forwarding.forward(place, said, stop)
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
