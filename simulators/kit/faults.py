"""Fault rules: which request, payment or notification goes wrong, and how often."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Literal

from simulators.kit.book import Book
from simulators.kit.menu import DELAY, NOTICE_FAULTS

_NUMBERS = ("seconds", "after_seconds", "resume_after_seconds", "bytes", "status")
_OURS = ("id", "seen", "picked")

#: When a rule applies: before a request is handled, to its answer, or to a notification.
Stage = Literal["early", "answer", "notice"]


@dataclass(frozen=True)
class Rule:
    """One ordered fault.

    Attributes:
        on: "METHOD path", or "NOTIFY type" for a notification, with `*` and `?` as wildcards.
        times: the most times it fires; None means no limit.
        probability: of firing on a request that fits, drawn from `seed`.
        match: fields of the request or of its payment; a value that ends in `*` is a prefix.
    """

    fault: str
    on: str = "* *"
    times: int | None = 1
    probability: float = 1.0
    seed: int = 0
    match: Mapping[str, str] = field(default_factory=dict)
    param: Mapping[str, Any] = field(default_factory=dict)
    id: int = 0
    seen: int = 0
    picked: int = 0

    def __post_init__(self) -> None:
        if len(self.on.split()) != 2:
            raise ValueError(f"'on' is a method and a path: {self.on!r}")
        if not 0 <= self.probability <= 1:
            raise ValueError(f"not a probability: {self.probability}")
        if not all(isinstance(wanted, str) for wanted in self.match.values()):
            raise ValueError(f"fields are text: {self.match}")
        for name in _NUMBERS:
            # The status of `unknown_status` is a word, not a number.
            if name != "status" or self.fault != "unknown_status":
                float(self.param.get(name, 0))

    @property
    def stage(self) -> Stage:
        if self.fault in NOTICE_FAULTS:
            return "notice"
        is_early = self.fault == DELAY and self.param.get("when") == "before"
        return "early" if is_early else "answer"

    def fits(self, method: str, path: str, about: Mapping[str, str]) -> bool:
        if self.times is not None and self.picked >= self.times:
            return False
        on_method, on_path = self.on.split()
        if not (fnmatchcase(method, on_method) and fnmatchcase(path, on_path)):
            return False
        return all(_equal(about.get(name, ""), wanted) for name, wanted in self.match.items())

    def drawn(self) -> bool:
        """Whether the rule's draw for this request fires; the same seed gives the same draws."""
        if self.probability >= 1:
            return True
        return random.Random(f"{self.seed}/{self.seen}").random() < self.probability


class Faults:
    """The rules, stored in the book. `menu` names the faults that may be ordered."""

    def __init__(self, book: Book, menu: Sequence[str]) -> None:
        self._book = book
        self._menu = menu

    def add(self, ordered: list[dict[str, Any]]) -> list[int]:
        """Add rules. Returns their ids.

        Raises:
            TypeError, ValueError: one of the rules is invalid; none is added.
        """
        if any(name in one for one in ordered for name in _OURS):
            raise ValueError(f"not for you to say: {', '.join(_OURS)}")
        rules = [Rule(**one) for one in ordered]
        for rule in rules:
            if rule.fault not in self._menu:
                there = ", ".join(self._menu)
                raise ValueError(f"not on the menu: {rule.fault}; there are {there}")
        with self._book.transaction():
            return [
                self._book.insert("rules", rule=json.dumps(one))
                for one, _ in zip(ordered, rules, strict=True)
            ]

    def clear(self) -> None:
        """End all rules. The log of faults that fired stays in the book."""
        self._book.run("UPDATE rules SET active = 0")

    def shown(self) -> list[dict[str, Any]]:
        """Every active rule, how often it was picked, and how often its fault really happened."""
        fired = {
            row["rule"]: row["n"]
            for row in self._book.rows("SELECT rule, count(*) n FROM faults_fired GROUP BY rule")
        }
        return [
            {
                **json.loads(row["rule"]),
                "id": row["id"],
                "picked": row["picked"],
                "fired": fired.get(row["id"], 0),
            }
            for row in self._book.rows("SELECT * FROM rules WHERE active ORDER BY id")
        ]

    def fitting(self, method: str, path: str, about: Mapping[str, str], stage: Stage) -> list[Rule]:
        """The rules that fire on this, oldest first. A call draws for rules with a probability."""
        fitting = []
        for row in self._book.rows("SELECT * FROM rules WHERE active ORDER BY id"):
            rule = Rule(
                **json.loads(row["rule"]), id=row["id"], seen=row["seen"], picked=row["picked"]
            )
            if rule.stage != stage or not rule.fits(method, path, about):
                continue
            if rule.probability < 1:
                self._book.run("UPDATE rules SET seen = seen + 1 WHERE id = ?", rule.id)
            if rule.drawn():
                fitting.append(rule)
        return fitting

    def pick(self, rule: Rule) -> None:
        """Count one use of a rule."""
        self._book.run("UPDATE rules SET picked = picked + 1 WHERE id = ?", rule.id)


def _equal(value: str, wanted: str) -> bool:
    return value.startswith(wanted[:-1]) if wanted.endswith("*") else value == wanted
