"""What one payment makes our product do, as data: the score that the bare twin plays.

It imports nothing of the product, so that the peer's environment can read it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal


@dataclass(frozen=True)
class Act:
    """One thing a step did: a read or write of the store, or a call to the partner.

    In path, query and form stand `{key}`, `{reference}` and `{id}`: our key, our reference and
    the partner's id of the payment.
    """

    kind: Literal["read", "write", "call"]
    rows: int = 0
    """That a write committed."""
    method: str = ""
    path: str = ""
    query: Mapping[str, str] = field(default_factory=dict)
    form: Mapping[str, str] = field(default_factory=dict)
    gives_id: bool = False
    """Whether the answer has the partner's id of the payment."""


@dataclass(frozen=True)
class Step:
    """One thing the workflow did, in the order of its history."""

    kind: Literal["local", "activity", "timer", "attributes"]
    name: str = ""
    seconds: float = 0.0
    """Of a timer."""
    attributes: Mapping[str, Any] = field(default_factory=dict)
    acts: tuple[Act, ...] = ()


@dataclass(frozen=True)
class Shape:
    """A whole payment.

    Attributes:
        before: what the caller's process does before it starts the workflow.
        after: and once it has the first news.
        news_after: the number of steps after which the first news are told.
        events: of the history, by type.
        history_bytes: the size of the whole history, as the server sends it.
    """

    before: tuple[Act, ...]
    steps: tuple[Step, ...]
    after: tuple[Act, ...]
    news_after: int
    events: Mapping[str, int]
    history_bytes: int = 0

    @property
    def writes(self) -> int:
        """Write transactions of a payment, in all."""
        return sum(act.kind == "write" for act in self.acts)

    @property
    def rows(self) -> int:
        """Committed by a payment, in all."""
        return sum(act.rows for act in self.acts)

    @property
    def acts(self) -> list[Act]:
        """All of them, in order."""
        return [*self.before, *(act for step in self.steps for act in step.acts), *self.after]

    def save(self, file: Path) -> None:
        """Write it as JSON."""
        file.write_text(json.dumps(asdict(self), indent=1))

    @classmethod
    def load(cls, file: Path) -> Shape:
        """Read what `save` wrote."""
        read = json.loads(file.read_text())
        return cls(
            before=_acts(read["before"]),
            steps=tuple(Step(**{**step, "acts": _acts(step["acts"])}) for step in read["steps"]),
            after=_acts(read["after"]),
            news_after=read["news_after"],
            events=read["events"],
            history_bytes=read["history_bytes"],
        )


def _acts(read: list[dict[str, Any]]) -> tuple[Act, ...]:
    return tuple(Act(**act) for act in read)
