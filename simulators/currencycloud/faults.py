"""The fault menu: rules that decide which request goes wrong, and how a reply is spoilt."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from simulators.currencycloud import wire
from simulators.currencycloud.book import Book
from simulators.currencycloud.lifecycle import FATES
from simulators.currencycloud.wire import NOT_A_STATUS, Reply

#: Instead of doing what was asked.
BEFORE = (
    "reply_lost_before",
    "error_500_before",
    "unauthorised",
    "rate_limited",
    "duplicate_word",
    "html_502",
)
#: Done as asked, then answered like this.
AFTER = (
    "reply_lost_after",
    "error_500_after",
    "unknown_status",
    "missing_field",
    "number_for_string",
    "html_200",
    "hidden_from_find",
    "finds_another",
)
DELAY = "delay"
MENU = (*BEFORE, *AFTER, DELAY, *FATES)
_SECONDS = ("seconds", "after_seconds", "resume_after_seconds")
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_OURS = ("id", "seen", "picked")
CUT = ("reply_lost_before", "reply_lost_after")


@dataclass(frozen=True)
class Rule:
    """One line of the menu as somebody ordered it.

    Attributes:
        on: "METHOD path", both with `*` and `?` as wildcards.
        times: how often at most; None, no limit.
        probability: of firing on a request that fits, drawn from `seed`.
        match: fields of the request, or of the payment it is about; `*` at the end: begins with.
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
        if self.fault not in MENU:
            raise ValueError(f"not on the menu: {self.fault}; there are {', '.join(MENU)}")
        if len(self.on.split()) != 2:
            raise ValueError(f"'on' is a method and a path: {self.on!r}")
        if not 0 <= self.probability <= 1:
            raise ValueError(f"not a probability: {self.probability}")
        if not all(isinstance(wanted, str) for wanted in self.match.values()):
            raise ValueError(f"fields are text: {self.match}")
        for name in _SECONDS:
            float(self.param.get(name, 0))

    @property
    def early(self) -> bool:
        return self.fault == DELAY and self.param.get("when") == "before"

    def fits(self, method: str, path: str, about: Mapping[str, str]) -> bool:
        if self.times is not None and self.picked >= self.times:
            return False
        on_method, on_path = self.on.split()
        if not (fnmatchcase(method, on_method) and fnmatchcase(path, on_path)):
            return False
        return all(_equal(about.get(name, ""), wanted) for name, wanted in self.match.items())

    def drawn(self) -> bool:
        """Whether chance wants it for the request now seen; the same for the same seed."""
        if self.probability >= 1:
            return True
        return random.Random(f"{self.seed}/{self.seen}").random() < self.probability


class Faults:
    def __init__(self, book: Book) -> None:
        self._book = book

    def add(self, ordered: list[dict[str, Any]]) -> list[int]:
        """Their ids.

        Raises:
            TypeError, ValueError: a rule that cannot be; none of them is added.
        """
        if any(name in one for one in ordered for name in _OURS):
            raise ValueError(f"not for you to say: {', '.join(_OURS)}")
        rules = [Rule(**one) for one in ordered]
        with self._book.transaction():
            return [
                self._book.insert("rules", rule=json.dumps(one))
                for one, _ in zip(ordered, rules, strict=True)
            ]

    def clear(self) -> None:
        """No rule is in force any more; what fired stays in the book."""
        self._book.run("UPDATE rules SET active = 0")

    def shown(self) -> list[dict[str, Any]]:
        """Every rule in force, how often it was picked, and how often it really happened."""
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

    def fitting(
        self, method: str, path: str, about: Mapping[str, str], *, early: bool
    ) -> list[Rule]:
        """The rules that want this request, oldest first. Looking is what throws the dice.

        Args:
            early: those that act before the request is looked at; else the others.
        """
        fitting = []
        for row in self._book.rows("SELECT * FROM rules WHERE active ORDER BY id"):
            rule = Rule(
                **json.loads(row["rule"]), id=row["id"], seen=row["seen"], picked=row["picked"]
            )
            if rule.early is not early or not rule.fits(method, path, about):
                continue
            if rule.probability < 1:
                self._book.run("UPDATE rules SET seen = seen + 1 WHERE id = ?", rule.id)
            if rule.drawn():
                fitting.append(rule)
        return fitting

    def pick(self, rule: Rule) -> None:
        """It is used up by one."""
        self._book.run("UPDATE rules SET picked = picked + 1 WHERE id = ?", rule.id)


def _equal(value: str, wanted: str) -> bool:
    return value.startswith(wanted[:-1]) if wanted.endswith("*") else value == wanted


def instead(rule: Rule) -> Reply:
    """The reply of a fault that happens instead of what was asked."""
    match rule.fault:
        case "error_500_before":
            return _error_500(rule)
        case "unauthorised":
            return wire.unauthorised().reply()
        case "rate_limited":
            return wire.too_many_requests().reply()
        case "duplicate_word":
            return wire.duplicate_request().reply()
        case _:
            return wire.html(502, "502 Bad Gateway")


def spoil(rule: Rule, reply: Reply, another: wire.Json | None) -> Reply | None:
    """The reply as the fault makes it; None where it has nothing to take hold of.

    Args:
        another: a payment the search was not for.
    """
    match rule.fault:
        case "reply_lost_after":
            return reply
        case "error_500_after":
            return _error_500(rule)
        case "html_200":
            return wire.html(200, "Welcome")
        case "hidden_from_find" | "finds_another":
            return _another_page(reply, another if rule.fault == "finds_another" else None, rule)
    if reply.status != 200 or not isinstance(reply.body, dict):
        return None
    name = str(rule.param.get("field", "status" if rule.fault == "missing_field" else "amount"))
    spoilt = json.loads(reply.payload())
    items = next((value for value in spoilt.values() if isinstance(value, list)), [spoilt])
    items = [item for item in items if isinstance(item, dict)]
    changed = False
    for item in items:
        if rule.fault == "unknown_status" and "status" in item:
            item["status"] = rule.param.get("status", NOT_A_STATUS)
        elif rule.fault == "missing_field" and name in item:
            del item[name]
        elif rule.fault == "number_for_string" and _NUMBER.fullmatch(str(item.get(name))):
            item[name] = json.loads(item[name])
        else:
            continue
        changed = True
    return Reply(reply.status, spoilt) if changed else None


def _error_500(rule: Rule) -> Reply:
    if rule.param.get("body") == "html":
        return wire.html(500, "500 Internal Server Error")
    return wire.internal_error().reply()


def _another_page(reply: Reply, another: wire.Json | None, rule: Rule) -> Reply | None:
    """Their search is wrong: it finds nothing, or what was not looked for."""
    if not isinstance(reply.body, dict) or "pagination" not in reply.body:
        return None
    name = next(iter(reply.body))
    if rule.fault == "finds_another" and (another is None or name != "payments"):
        return None
    if rule.fault == "hidden_from_find" and not reply.body[name]:
        return None
    found = [] if another is None else [another]
    total = len(found)
    pagination = {
        **reply.body["pagination"],
        "total_entries": total,
        "total_pages": total,
        "next_page": -1,
    }
    return Reply(200, wire.page(name, found, pagination))
