"""The partners that the suite runs for: one entry each."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from examples.harbour.registration import HARBOUR, HarbourAccount
from partners.registry import Partners
from tests.partners.conformance.words import Words
from tests.partners.stripe.payers import debit


class WithHarbour(Partners):
    """The product's partners and the model partner, which is one line more."""

    harbour: Annotated[dict[str, HarbourAccount], HARBOUR] = Field(default_factory=dict)


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
