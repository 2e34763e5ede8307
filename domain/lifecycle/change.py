"""What changed about a resource when it was folded: the content of an event."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple


class ChangeKind(StrEnum):
    """What can change. With the resource's kind it names an event: `payment.state_changed`."""

    CREATED = "created"
    STATE = "state_changed"
    CERTAINTY = "certainty_changed"
    REVERSAL = "reversal_changed"
    """A refund, return or dispute began, or came to another state."""
    MOVEMENT = "movement_booked"
    MOVEMENT_CHANGED = "movement_changed"
    """The partner now shows another amount or time for a booking."""
    MOVEMENT_UNDONE = "movement_undone"
    TASK_OPENED = "task_opened"
    TASK_CLOSED = "task_closed"


class Change(NamedTuple):
    """One change, with what names it and nothing else.

    An event lives longer than what it is about and goes to many readers. So it has no amounts, no
    names and no texts: whoever wants them reads the resource.
    """

    kind: ChangeKind
    detail: Mapping[str, str | None]
