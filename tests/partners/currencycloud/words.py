"""Currencycloud's words, for the conformance suite."""

from __future__ import annotations

from typing import Final

from partners.registry import Partners
from tests.partners.conformance.words import Words

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
        token_lasts=30 * 60,
    ),
)
