"""What may happen to an object, and the faults that only Stripe has."""

from __future__ import annotations

INTERVENTIONS = (
    "payer_completes",
    "payer_fails",
    "settle_debit",
    "decline_debit",
    "expire_authorisation",
    "decline_increments",
    "cancel_by_hand",
    "refund_by_hand",
    "settle_refund",
    "require_refund_action",
    "fail_refund",
    "dispute",
    "decide_dispute",
    "early_fraud_warning",
    "fail_payout",
)
#: A 500 that its key replays; two refusals without effect; a reply so slow that its key is in use.
OWN_FAULTS = ("error_500_cached", "key_in_use", "lock_timeout", "in_flight")
