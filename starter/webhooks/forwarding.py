"""Forwards events to programs on a developer's machine, signed as in production.

It reads the list of events by cursor and keeps the cursor in a file, so it goes on where it ended.
A target that cannot be reached is tried until it can be, since programs that are worked on are
restarted often. Whatever it answers, the next event follows: the developer sees the answer.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import secrets
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Final, NamedTuple

from domain.clock import Clock
from domain.webhooks import wanted
from starter.event_answer import EventAnswer
from starter.webhooks.signing import body_of_answer, signed_headers
from starter.webhooks.sources import EventSource, PlaceLost
from transport.posting import Answered, Posting, Unreached

_LOOK_SECONDS: Final = 0.5
_PAUSES_SECONDS: Final = (1.0, 2.0, 5.0)


class ForwardTarget(NamedTuple):
    """Where events of some types go; no types: all that no other target takes."""

    url: str
    types: tuple[str, ...] = ()


class Forwarded(NamedTuple):
    """An event, its target and what the target answered."""

    event: EventAnswer
    url: str
    answer: Answered | Unreached
    took_ms: int


@dataclass(frozen=True)
class ForwardingPlace:
    """How far events were forwarded, and the secret that signs them."""

    secret: str
    cursor: str | None = None
    """As the source gave it; None before the first start."""

    @classmethod
    def read(cls, file: Path) -> ForwardingPlace:
        """What the file has; a new secret if there is no file.

        Raises:
            PlaceLost: the file is not ours.
        """
        try:
            found = json.loads(file.read_bytes())
            return cls(str(found["secret"]), str(found["cursor"]))
        except FileNotFoundError:
            return cls(f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}")
        except (ValueError, KeyError, TypeError):
            raise PlaceLost(
                f"{file} cannot be read; remove it, and say with --since where to begin"
            ) from None

    def write(self, file: Path) -> None:
        """Replace the file, which only this user can read."""
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = file.with_suffix(".new")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as opened:
            json.dump({"secret": self.secret, "cursor": self.cursor}, opened)
        draft.replace(file)


class Forwarding:
    """Forwards events to targets until it is stopped."""

    def __init__(
        self,
        source: EventSource,
        posting: Posting,
        clock: Clock,
        *,
        targets: Sequence[ForwardTarget],
        file: Path,
    ) -> None:
        self._source = source
        self._posting = posting
        self._clock = clock
        self._targets = targets
        self._file = file

    async def begin(self, since: datetime | None) -> ForwardingPlace:
        """Where to go on: at `since` if given, else where it ended, and at first with new events.

        Raises:
            PlaceLost: the file is not ours.
        """
        place = ForwardingPlace.read(self._file)
        if since is not None or place.cursor is None:
            place = replace(place, cursor=await self._source.place_at(since))
        place.write(self._file)
        return place

    async def forward(
        self, place: ForwardingPlace, said: Callable[[Forwarded], None], stop: asyncio.Event
    ) -> None:
        """Forward until the stop. `said` hears of every answer.

        Raises:
            PlaceLost: the database was set back behind the place.
            SourceAway: the events cannot be read.
        """
        while not stop.is_set():
            assert place.cursor is not None, "begin gives it"
            found = await self._source.after(place.cursor)
            for event, cursor in found:
                for url in self._urls(event.type):
                    if not await self._send(url, event, place.secret, said, stop):
                        return
                place = replace(place, cursor=cursor)
                place.write(self._file)
            if not found:
                await _pause(stop, _LOOK_SECONDS)

    def _urls(self, event_type: str) -> list[str]:
        """Where an event goes: to the targets of its type, or else to those without types."""
        named = [
            each.url for each in self._targets if each.types and wanted(each.types, event_type)
        ]
        return named or [each.url for each in self._targets if not each.types]

    async def _send(
        self,
        url: str,
        event: EventAnswer,
        secret: str,
        said: Callable[[Forwarded], None],
        stop: asyncio.Event,
    ) -> bool:
        """Send until the target is reached. False: the stop came first."""
        body = body_of_answer(event)
        for number in count():
            headers = signed_headers([secret], event.id, self._clock.now(), body)
            started = time.monotonic()
            async with self._posting.line(url) as line:
                answer = await line.post(headers, body)
            said(Forwarded(event, url, answer, int((time.monotonic() - started) * 1000)))
            if isinstance(answer, Answered):
                return True
            await _pause(stop, _PAUSES_SECONDS[min(number, len(_PAUSES_SECONDS) - 1)])
            if stop.is_set():
                return False
        raise AssertionError("the loop ends by a return")


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)
