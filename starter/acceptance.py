"""What is checked of an order before anything is recorded."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from domain.accounts import AccountError, check_bic
from domain.order import Order, Rail
from domain.profile import Profile
from regimes.accounts import check_account
from regimes.sepa import check_credit_transfer

KEY_LENGTH_MAX = 255


class Problem(NamedTuple):
    """One thing wrong: the field, what is wrong with it, and what to do."""

    field: str
    text: str


class InvalidOrder(ValueError):
    """The order cannot be paid; nothing was recorded. `problems` names every field."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("; ".join(f"{problem.field}: {problem.text}" for problem in problems))
        self.problems = tuple(problems)
