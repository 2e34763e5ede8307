"""`/v1/events`: what changed, in an order in which nothing is missed."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from domain.lifecycle.change import ChangeKind
from starter.api.callers import PAGE_MAX, WAIT_SECONDS_MAX, Reads
from starter.api.cursors import events_place, of_events
from starter.api.parts import Parts
from starter.api.problems import Problem, not_found
from store.events import CursorLost, Event, UnknownEvent

_LOOK_EVERY_SECONDS: Final = 0.5


class RelatedAnswer(BaseModel):
    """What the event is about. Read it for its present state."""

    type: str
    id: str


class EventAnswer(BaseModel):
    """One change. It never changes itself."""

    id: str
    object: Literal["event"] = "event"
    type: str
    """Such as `payment.state_changed`."""
    created_at: datetime
    sequence: int
    """Counts the events of `related` from 1, without gaps."""
    position: int
    """Counts the events of the tenant from 1, without gaps."""
    related: RelatedAnswer
    change: dict[str, str | None]


class EventsAnswer(BaseModel):
    """The next events."""

    data: list[EventAnswer]
    next_cursor: str
    """For `after`, also if there is no event yet."""


class EventsQuery(BaseModel):
    """Which events; an unknown parameter is refused."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    after: str | None = Field(default=None, description="`next_cursor` of the answer before")
    related: str | None = Field(default=None, max_length=100, description="only about this id")
    change: list[ChangeKind] = Field(default_factory=list, description="only these changes")
    limit: Annotated[int, Field(ge=1, le=PAGE_MAX)] = 50
    wait: Annotated[int, Field(ge=0, le=WAIT_SECONDS_MAX)] = 0


def events(parts: Parts) -> APIRouter:
    """The routes of events."""
    router = APIRouter(prefix="/v1/events", tags=["events"])

    @router.get("", operation_id="list_events")
    async def listed(caller: Reads, query: Annotated[EventsQuery, Query()]) -> EventsAnswer:
        """The tenant's events after the cursor, the oldest first; `wait` waits for one."""
        cursor = events_place(query.after)
        deadline = parts.clock.now() + timedelta(seconds=query.wait)
        while True:
            try:
                found, following = await parts.events.after(
                    caller.tenant,
                    cursor,
                    limit=query.limit,
                    resource_id=query.related,
                    changes=[each.value for each in query.change],
                )
            except CursorLost as lost:
                raise Problem(410, "cursor-lost", "The cursor is lost", f"after: {lost}.") from None
            if found or parts.clock.now() >= deadline:
                return EventsAnswer(
                    data=list(map(_answer, found)), next_cursor=of_events(following)
                )
            await asyncio.sleep(_LOOK_EVERY_SECONDS)

    @router.get("/{event_id}", operation_id="get_event")
    async def get(event_id: str, caller: Reads) -> EventAnswer:
        """One event."""
        try:
            return _answer(await parts.events.get(caller.tenant, event_id))
        except UnknownEvent:
            raise not_found("event", event_id) from None

    return router


def _answer(event: Event) -> EventAnswer:
    return EventAnswer(
        id=event.event_id,
        type=event.type,
        created_at=event.at,
        sequence=event.sequence,
        position=event.position,
        related=RelatedAnswer(type=event.kind, id=event.resource_id),
        change=event.detail,
    )
