"""What their reference requires before a payment, and what an order lacks of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from domain.clock import Clock
from domain.lifecycle.answers import Unprepared
from partners.currencycloud import error_bodies, refusals
from partners.kit.calls import Calls
from partners.kit.wire import Unusable

#: Our own choice. Requirements change a few times a year, and a payment that misses a new one is
#: refused with a reason, so an hour-old answer does no harm.
_AGE_MAX: Final = timedelta(hours=1)
_KEPT_MAX: Final = 1_000

#: Lists of fields with their rules; an order has to satisfy one of the lists.
Alternatives = tuple[Mapping[str, str], ...]


class Unfit(NamedTuple):
    """Why they cannot pay an order."""

    code: str
    """ISO 20022 ExternalStatusReason1Code."""
    why: str


@dataclass(frozen=True)
class _Kept:
    asked_at: datetime
    alternatives: Alternatives


class Requirements:
    """Asks each question at most once an hour; no decision about money depends on a kept answer.

    Args:
        path: the endpoint of their reference.
        read: parses its answer.
    """

    def __init__(
        self,
        calls: Calls,
        clock: Clock,
        path: str,
        read: Callable[[str], Alternatives | Unusable],
    ) -> None:
        self._calls = calls
        self._clock = clock
        self._path = path
        self._read = read
        self._kept: dict[tuple[str, ...], _Kept] = {}

    async def of(self, query: Mapping[str, str]) -> Alternatives | Unfit | Unprepared:
        """The alternatives. `Unfit`: they refused the question. `Unprepared`: no usable answer."""
        question = tuple(query.values())
        kept = self._kept.get(question)
        if kept is None or self._clock.now() - kept.asked_at >= _AGE_MAX:
            asked = await self._ask(query)
            if not isinstance(asked, _Kept):
                return asked
            kept = self._keep(question, asked)
        return kept.alternatives

    async def _ask(self, query: Mapping[str, str]) -> _Kept | Unfit | Unprepared:
        reply = await self._calls.get(self._path, query)
        if not reply.is_success:
            refusal = error_bodies.read_refusal(reply.body)
            if reply.status == 400 and refusal:
                return Unfit(refusals.reason_code(refusal), refusal.text)
            return reply.unprepared()
        details = self._read(reply.body)
        if isinstance(details, Unusable):
            return reply.unprepared(details.why)
        return _Kept(reply.asked_at, details)

    def _keep(self, question: tuple[str, ...], asked: _Kept) -> _Kept:
        if len(self._kept) >= _KEPT_MAX:
            del self._kept[next(iter(self._kept))]
        self._kept[question] = asked
        return asked


def lacking(
    alternatives: Iterable[Mapping[str, str]], payment_type: str, given: Mapping[str, str]
) -> list[tuple[str, str]] | None:
    """What is missing for the nearest alternative, as (field, problem).

    Empty if one alternative is satisfied; None if there is none for the payment type.
    """
    nearest: list[tuple[str, str]] | None = None
    for alternative in alternatives:
        if alternative.get("payment_type") != payment_type:
            continue
        found = [
            (name, "missing" if name not in given else "not as they take it")
            for name, rule in alternative.items()
            if name != "payment_type" and not _satisfies(given.get(name), name, rule)
        ]
        if not found:
            return []
        if nearest is None or len(found) < len(nearest):
            nearest = found
    return nearest


def _satisfies(value: str | None, name: str, rule: str) -> bool:
    if value is None:
        return False
    if name.endswith("_entity_type"):
        return value == rule
    if name.endswith("_date_of_birth"):
        # Their recorded rule for dates has lost its backslashes; our dates are always valid.
        return True
    try:
        # Ruby's \z, the end of the text, is Python's \Z.
        return re.search(rule.replace(r"\z", r"\Z"), value) is not None
    except re.error:
        # A rule that Python cannot compile is left for them to apply.
        return True
