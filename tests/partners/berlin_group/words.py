"""A Berlin Group bank's words, for the conformance suite."""

from __future__ import annotations

from typing import Final

from partners.registry import Partners
from tests.partners.conformance.words import Words

WORDS: Final = (
    Words(
        registry=Partners,
        name="berlin_group",
        simulator="simulators.berlin_group",
        # A payer who approves unasked, as a page is no part of this suite.
        delays={"psu_acts_after": 1, "check_after": 1, "settle_after": 1},
        settles_after=10,
        pay="POST /v1/payments/sepa-credit-transfers",
        read="GET /v1/payments/*/*",
        cancel="DELETE /v1/payments/*/*",
        refused={"status": 400, "code": "PAYMENT_FAILED"},
        undocumented={"status": 400, "code": "ALREADY_TAKEN_CARE_OF"},
        cancelled="CANC",
    ),
)
