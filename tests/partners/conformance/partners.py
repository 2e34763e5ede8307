"""The partners that the suite runs for: one entry each."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from examples.harbour.registration import HARBOUR, HarbourAccount
from partners.registry import Partners
from tests.partners.conformance.words import Words


class WithHarbour(Partners):
    """The product's partners and the model partner, which is one line more."""

    harbour: Annotated[dict[str, HarbourAccount], HARBOUR] = Field(default_factory=dict)


WORDS: Final = (
    Words(
        registry=Partners,
        name="currencycloud",
        simulator="simulators.currencycloud",
        delays=dict.fromkeys(
            ("review_after", "release_after", "submit_after", "complete_after"), 1
        ),
        settles_after=10,
        pay="POST /v2/payments/create",
        find="GET /v2/payments/find",
        read="GET /v2/payments/*-*",
        cancel="POST /v2/payments/*/delete",
        refused={"status": 400, "field": "reference", "code": "reference_is_too_long"},
        undocumented={"status": 400, "field": "x", "code": "already_taken_care_of"},
        cancelled="deleted",
    ),
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
    ),
)
