"""What is due for a resource, and all that its workflow has to know about it.

A resource is whatever has a lifecycle of its own, such as a payment. The store decides what is due.
The workflow only waits, calls the step, and is given the next one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
)


class Owed(StrEnum):
    """The kinds of things that can be due."""

    INSTRUCT = "instruct"
    READ = "read"
    GIVE_UP = "give_up"
    """The caller's own deadline is over: the cancel command is due."""
    WAIT = "wait"
    OVER = "over"


@dataclass(frozen=True)
class Due:
    """One thing that is due, and why; `until` belongs to a wait, `instruction_id` to a step.

    Attributes:
        is_for_people: a wait that none of our steps ends: people have to say what happened. The
            workflow does not need it, so it is left out of histories.
    """

    owed: Owed
    because: str
    until: datetime | None = None
    instruction_id: str | None = None
    is_for_people: Annotated[bool, Field(exclude=True)] = False

    @property
    def in_words(self) -> str:
        """What the resource waits for and when we look at it next, for people."""
        when = f"at {self.until:%Y-%m-%d %H:%M:%S} UTC" if self.until else "now"
        return f"{self.because}; next look {when}"


class Message(BaseModel):
    """A value that crosses Temporal. Fields with their default are left out of the history."""

    model_config = ConfigDict(frozen=True)

    @model_serializer(mode="wrap")
    def _without_defaults(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        fields = type(self).model_fields
        return {
            name: value
            for name, value in serialize(self).items()
            if getattr(self, name) != fields[name].get_default(call_default_factory=True)
        }


class Labels(BaseModel):
    """What never changes about a resource, for the list of workflows and the choice of worker."""

    model_config = ConfigDict(frozen=True)

    kind: str
    tenant: str
    partner: str
    rail: str
    end_to_end_hash: str


class NextStep(Message):
    """How a resource stands, and what is due for it next.

    It crosses Temporal as the result of every step, so it holds nothing that the workflow does not
    need: neither names nor accounts, neither the books nor the partner's profile.

    Attributes:
        state: in the lifecycle's own word.
        certainty: how sure it is.
        requires: who has to act next.
        headline: the state for people.
        due: the one thing that is due now.
        then: what is due when the wait in `due` ends without news. None: the store has to be asked.
        attempts: how many the store holds, by instruction id. The workflow remembers the highest
            numbers, to notice a store that was set back.
        deadline: the deadline of whatever the resource waits for.
        notes: open and closed findings, for people.
        may_leave: the wait is so long that the run may end. Upkeep starts the next run in time.
        labels: given by `load` only.
    """

    state: str
    certainty: str
    requires: str
    headline: str
    due: Due
    then: Due | None = None
    attempts: Mapping[str, int]
    deadline: AwareDatetime | None = None
    notes: tuple[str, ...] = ()
    may_leave: bool = False
    labels: Labels | None = None
