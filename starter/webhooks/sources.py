"""Where `finality listen` reads events: from the store, or over the HTTP API with a key."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple, Protocol

from pydantic import BaseModel, ValidationError

from domain.clock import Clock
from domain.explained import Explained
from domain.lifecycle.answers import Deadline
from starter.event_answer import EventAnswer, event_answer
from store.events import Cursor, CursorLost, Events
from transport.exchange import Request, Response
from transport.http import Transport

_PAGE: Final = 50
_API_PAGE: Final = 100
_API_WAIT_SECONDS: Final = 5
_API_WITHIN: Final = timedelta(seconds=30)


class PlaceLost(Explained):
    """It is not known where to go on. The text says what to do."""


class SourceAway(Explained):
    """The events cannot be read. The text says why."""


class Listed(NamedTuple):
    """An event, and the cursor to go on from after it."""

    event: EventAnswer
    cursor: str


class EventSource(Protocol):
    """A tenant's events, in order. Cursors mean something to their own source only."""

    async def place_at(self, since: datetime | None) -> str:
        """The cursor before the first event since a moment; None: after the newest event."""

    async def after(self, cursor: str) -> Sequence[Listed]:
        """The next events; none if there are none yet.

        Raises:
            PlaceLost: the event before the cursor is gone.
            SourceAway: the events cannot be read.
        """


def _lost() -> PlaceLost:
    return PlaceLost(
        "the event that was forwarded last is gone: the database was restored, or is another one. "
        "Say with --since where to begin"
    )


class StoredEvents:
    """The events of the store."""

    def __init__(self, events: Events, tenant: str) -> None:
        self._events = events
        self._tenant = tenant

    async def place_at(self, since: datetime | None) -> str:
        """The cursor before the first event since a moment; None: after the newest event."""
        return _written(await self._events.place_at(self._tenant, since))

    async def after(self, cursor: str) -> Sequence[Listed]:
        """The next events.

        Raises:
            PlaceLost: the event before the cursor is gone.
        """
        position, _, mark = cursor.partition("-")
        place = Cursor(int(position), mark) if position.isdecimal() else Cursor(-1, cursor)
        try:
            found, _ = await self._events.after(self._tenant, place, limit=_PAGE)
        except CursorLost:
            raise _lost() from None
        return [Listed(event_answer(each), _written(each.cursor)) for each in found]


def _written(cursor: Cursor) -> str:
    return f"{cursor.position}-{cursor.mark}"


class _Page(BaseModel):
    """The part of an answer that is used."""

    data: list[EventAnswer]
    next_cursor: str


class ApiEvents:
    """The events of the tenant whose key this is, over the HTTP API.

    Each request asks for one event, since a cursor belongs to the end of a page.
    """

    def __init__(self, transport: Transport, key: str, clock: Clock) -> None:
        self._transport = transport
        self._key = key
        self._clock = clock

    async def place_at(self, since: datetime | None) -> str:
        """The cursor before the first event since a moment; None: after the newest event."""
        cursor = ""
        while True:
            page = await self._page(cursor, limit=_API_PAGE)
            if since is not None and any(each.created_at >= since for each in page.data):
                return await self._before(since, cursor)
            cursor = page.next_cursor
            if len(page.data) < _API_PAGE:
                return cursor

    async def after(self, cursor: str) -> Sequence[Listed]:
        """The next event, if one comes within seconds.

        Raises:
            PlaceLost: the event before the cursor is gone.
            SourceAway: the API does not answer, or does not accept the key.
        """
        page = await self._page(cursor, limit=1, wait=_API_WAIT_SECONDS)
        return [Listed(each, page.next_cursor) for each in page.data]

    async def _before(self, since: datetime, cursor: str) -> str:
        while True:
            page = await self._page(cursor, limit=1)
            if not page.data or page.data[0].created_at >= since:
                return cursor
            cursor = page.next_cursor

    async def _page(self, cursor: str, *, limit: int, wait: int = 0) -> _Page:
        query = [("limit", str(limit)), ("wait", str(wait))]
        if cursor:
            query.append(("after", cursor))
        now = self._clock.now()
        answer = await self._transport.exchange(
            Request(
                "GET",
                "/v1/events",
                query=tuple(query),
                headers={"authorization": f"Bearer {self._key}"},
            ),
            Deadline(now + _API_WITHIN, now + _API_WITHIN),
        )
        if not isinstance(answer, Response):
            raise SourceAway(f"the API does not answer: {answer.why}")
        if answer.status == 410:
            raise _lost()
        try:
            if answer.status == 200:
                return _Page.model_validate_json(answer.body)
        except ValidationError:
            raise SourceAway("what answers at --api is not the API of Finality") from None
        if answer.status in (401, 403):
            raise SourceAway(
                "the API does not accept the key in --api-key-file; it needs the scope `read`"
            )
        raise SourceAway(f"the API answers {answer.status}; see its log")
