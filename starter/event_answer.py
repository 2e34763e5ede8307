"""An event as programs read it: over the HTTP API and in the body of a webhook."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel

from store.events import Event


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


def event_answer(event: Event) -> EventAnswer:
    """The event for programs."""
    return EventAnswer(
        id=event.event_id,
        type=event.type,
        created_at=event.at,
        sequence=event.sequence,
        position=event.position,
        related=RelatedAnswer(type=event.kind, id=event.resource_id),
        change=event.detail,
    )
