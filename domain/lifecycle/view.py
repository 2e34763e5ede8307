"""A resource as it stands in the store: everything that decides what is due, but no request."""

from __future__ import annotations

from abc import ABC, abstractmethod

from pydantic import AwareDatetime, BaseModel, ConfigDict

from domain.lifecycle.kinds import kind_of
from domain.lifecycle.profile import Profile
from domain.lifecycle.resource import Folded, Instruction
from domain.lifecycle.turns import ReadTurn


class View(BaseModel, ABC):
    """A resource as it stands in the store. Each kind adds what it folded.

    `reads` counts reads since the state last changed. `last_asked_at` is the moment of the last
    read or other step of the opening instruction. `not_before` is set while the partner must not be
    called, for example while our login is not usable.
    """

    model_config = ConfigDict(frozen=True)

    tenant: str
    resource_id: str
    partner: str
    rail: str = ""
    submit_before: AwareDatetime
    profile: Profile
    instructions: tuple[Instruction, ...]
    last_asked_at: AwareDatetime | None = None
    reads: int = 0
    halted: bool = False
    cancel_asked: bool = False
    execute_by: AwareDatetime | None = None
    read_turn: ReadTurn | None = None
    """Set while the partner's quota makes this resource's next read wait."""
    not_before: AwareDatetime | None = None
    waiting_for: str | None = None
    """Why `not_before` is set, in plain words."""
    has_news: bool = False
    """Whether this resource has unread inbox rows."""
    news_at: AwareDatetime | None = None
    """When the newest unread row arrived."""

    @property
    @abstractmethod
    def kind(self) -> str:
        """The name of its kind."""

    @property
    @abstractmethod
    def folded(self) -> Folded:
        """What its kind folded from all evidence."""

    @property
    def opening(self) -> Instruction | None:
        """The instruction that opens it. None if somebody took it out of the database."""
        return next((each for each in self.instructions if kind_of(each.kind).opens), None)
