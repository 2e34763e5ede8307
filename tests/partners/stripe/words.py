"""Stripe's words, for the conformance suite: debits of bank accounts, and payouts."""

from __future__ import annotations

from typing import Final

from partners.registry import Partners
from tests.partners.conformance.words import Words
from tests.partners.stripe.payers import debit

WORDS: Final = (
    Words(
        registry=Partners,
        name="stripe",
        title="stripe-debits",
        simulator="simulators.stripe",
        delays={"debit_after": 1, "book_after": 0},
        settles_after=10,
        pay="POST /v1/payment_intents/*/confirm",
        find="GET /v1/payment_intents/*",
        read="GET /v1/payment_intents/*",
        feed="GET /v1/events",
        listing="GET /v1/payment_intents",
        refund="POST /v1/refunds",
        refused={"status": 400, "type": "invalid_request_error", "code": "parameter_missing"},
        undocumented={"status": 400, "type": "invalid_request_error", "code": "taken_care_of"},
        order=debit,
    ),
    Words(
        registry=Partners,
        name="stripe",
        title="stripe-payouts",
        simulator="simulators.stripe",
        delays={"payout_sent_after": 1, "payout_paid_after": 1},
        settles_after=10,
        pay="POST /v1/payouts",
        find="GET /v1/payouts",
        read="GET /v1/payouts/*",
        feed="GET /v1/events",
        cancel="POST /v1/payouts/*/cancel",
        refused={"status": 400, "type": "invalid_request_error", "code": "balance_insufficient"},
        undocumented={"status": 400, "type": "invalid_request_error", "code": "taken_care_of"},
        cancelled="canceled",
        held="payouts",
    ),
)
