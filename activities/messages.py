"""What a lifecycle's workflow and its activities say to each other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pydantic import AwareDatetime, Field

from domain.lifecycle.heard import Heard
from domain.lifecycle.next_step import Message, NextStep

#: The failure type of a step whose resource is not in the database.
FORGOTTEN: Final = "Forgotten"
#: The edition of the loop for new runs. Since 2, a state that is over at once is not shown.
EDITION: Final = 2
#: The failure type of a record that no step can have made.
NOT_OF_A_STEP: Final = "NotOfAStep"


class ResourceRef(Message):
    """The ids of a resource: all that its workflow is started with.

    `attempts` is the number of attempts that the run has seen, by instruction. It is passed to
    each load and to the run that continues as new, so that a database that was set back is
    noticed.
    """

    tenant: str
    resource_id: str
    attempts: Mapping[str, int] = Field(default_factory=dict)
    at: AwareDatetime | None = None
    """Temporal's time of a load. What is due is decided by it: our own clock may be wrong, and a
    load does not compare it."""
    first: NextStep | None = None
    """The first step of a resource that was just accepted, so that its run need not load it. The
    send book decides about it when it is taken, so it may be out of date."""
    edition: int = 1
    """The edition of the loop that the run was started under. A run keeps it until it continues as
    new, so that its history replays."""


class StepRequest(Message):
    """Names a step by ids only, since everything else is in the store."""

    resource_id: str
    instruction_id: str
    attempts: int = 0
    """How many attempts the workflow has seen in the instruction's book."""


class CancelRequest(Message):
    """A cancel that does not come from our own command: the order's deadline, or Temporal's UI."""

    resource_id: str
    command_id: str
    by: str
    why: str
    at: AwareDatetime
    """Temporal's time."""


class Step(Message):
    """The outcome of a step, and what is due next. Without `next`, the store has to be asked.

    If the store was away, the outcome is `unrecorded`.
    """

    said: str
    """The outcome in plain words, for people who read the history."""
    next: NextStep | None = None
    unrecorded: Heard | None = None
