"""`/v1/events`: what changed, in an order in which nothing is missed."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Annotated, Final

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from domain.lifecycle.change import ChangeKind
from domain.webhooks import EndpointChange
from starter.api.callers import PAGE_MAX, WAIT_SECONDS_MAX, Reads
from starter.api.cursors import events_place, of_events
from starter.api.parts import Parts
from starter.api.problems import Problem, not_found
from starter.event_answer import EventAnswer, event_answer
from store.events import CursorLost, UnknownEvent

_LOOK_EVERY_SECONDS: Final = 0.5


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
    change: list[ChangeKind | EndpointChange] = Field(
        default_factory=list, description="only these changes"
    )
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
                    data=list(map(event_answer, found)), next_cursor=of_events(following)
                )
            await asyncio.sleep(_LOOK_EVERY_SECONDS)

    @router.get("/{event_id}", operation_id="get_event")
    async def get(event_id: str, caller: Reads) -> EventAnswer:
        """One event."""
        try:
            return event_answer(await parts.events.get(caller.tenant, event_id))
        except UnknownEvent:
            raise not_found("event", event_id) from None

    return router
