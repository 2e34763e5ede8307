"""Harbour Bank's words, for the conformance suite."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from examples.harbour.account import HarbourAccount
from examples.harbour.registration import HARBOUR
from partners.registry import Partners
from tests.partners.conformance.words import Words


class WithHarbour(Partners):
    """The product's partners and the model partner, which is one line more."""

    harbour: Annotated[dict[str, HarbourAccount], HARBOUR] = Field(default_factory=dict)


WORDS: Final = (
    Words(
        registry=WithHarbour,
        name="harbour",
        simulator="examples.harbour.simulator",
        delays={"send_after": 1, "book_after": 1},
        settles_after=10,
        pay="POST /orders",
        find="GET /orders",
        read="GET /orders/*",
        cancel="POST /orders/*/cancel",
        refused={"status": 400, "error": "malformed"},
        undocumented={"status": 400, "error": "already_taken_care_of"},
        cancelled="cancelled",
        token_lasts=15 * 60,
    ),
)
