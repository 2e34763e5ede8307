"""What is checked of an order before anything is recorded."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final, NamedTuple

from domain.order import Order
from domain.profile import Profile

KEY_LENGTH_MAX: Final = 255


class Problem(NamedTuple):
    """One thing wrong: the field, what is wrong with it, and what to do."""

    field: str
    text: str


class InvalidOrder(ValueError):
    """The order cannot be paid; nothing was recorded. `problems` names every field."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("; ".join(f"{problem.field}: {problem.text}" for problem in problems))
        self.problems = tuple(problems)


def check(
    order: Order, key: str, profiles: Mapping[tuple[str, str], Profile], now: datetime
) -> Profile:
    """The profile the payment will keep.

    Raises:
        InvalidOrder: with every problem found, not only the first.
    """
    problems: list[Problem] = []
    if not (0 < len(key) <= KEY_LENGTH_MAX and key.isprintable()):
        problems.append(Problem("key", f"use 1 to {KEY_LENGTH_MAX} printable characters"))
    profile = profiles.get((order.partner, order.partner_account))
    if profile is None:
        known = ", ".join(sorted("/".join(name) for name in profiles)) or "none"
        problems.append(
            Problem(
                "partner_account",
                f"{order.partner}/{order.partner_account} is not in the settings ({known} are); "
                "add it under the partner's name",
            )
        )
    if order.times.submit_before <= now:
        problems.append(Problem("times.submit_before", "is over; give a later moment"))
    if profile is None or problems:
        raise InvalidOrder(problems)
    return profile
