"""Stripe's words and ours, as tables. An unknown word is never guessed; a person is asked."""

from __future__ import annotations

from typing import Final

from domain.lifecycle.reversals import ReversalState
from domain.payments.order import Rail
from domain.payments.report import ActionKind, MovementKind, PaymentState

_S = PaymentState
_R = ReversalState

#: The metadata of whatever we make there: our key, by which it is found and known to be ours.
OUR_KEY: Final = "finality_key"

#: Rail -> `payment_method_types` of a PaymentIntent.
METHODS: Final = {
    Rail.CARD: "card",
    Rail.SEPA_DIRECT_DEBIT: "sepa_debit",
    Rail.ACH_DEBIT: "us_bank_account",
}

# PaymentIntents: guide "How PaymentIntents work", and the enum `PaymentIntent.status`.

CANCELED: Final = "canceled"
UNPAID: Final = "requires_payment_method"
UNCONFIRMED: Final = "requires_confirmation"
HELD: Final = "requires_capture"
INTENT: Final[dict[str, PaymentState]] = {
    UNCONFIRMED: _S.ACCEPTED,
    "requires_action": _S.AWAITING_USER,
    "processing": _S.PROCESSING,
    HELD: _S.AUTHORISED,
    "succeeded": _S.CAPTURED,
    # Without an error the payer still has to name a means of payment. With one, the payer's bank
    # has refused the only means that the order names (`mapping.state_of`).
    UNPAID: _S.AWAITING_USER,
    CANCELED: _S.CANCELLED,
}
#: After these nothing of the hold is left to be captured.
HOLD_IS_OVER: Final = frozenset({"succeeded", CANCELED})
#: `cancellation_reason` -> the state. Without a reason it was cancelled all the same.
CANCELED_BECAUSE: Final[dict[str, PaymentState]] = {
    "requested_by_customer": _S.CANCELLED,
    "duplicate": _S.CANCELLED,
    "fraudulent": _S.CANCELLED,
    "void_invoice": _S.CANCELLED,
    "failed_invoice": _S.REJECTED,
    "abandoned": _S.EXPIRED,
    "automatic": _S.EXPIRED,
    "expired": _S.EXPIRED,
}
#: The payer has to confirm in person, and was not there (off-session): guide "Save and reuse".
COME_BACK: Final = "authentication_required"
#: `next_action.type` on our rails -> what the payer has to do. `use_stripe_sdk` has no page.
NEXT_ACTION: Final[dict[str, ActionKind]] = {
    "redirect_to_url": ActionKind.REDIRECT,
    "verify_with_microdeposits": ActionKind.REDIRECT,
    "use_stripe_sdk": ActionKind.CONFIRM,
    "card_await_notification": ActionKind.CONFIRM,
}

#: A charge whose money is held or taken; the others have taken nothing.
CHARGED: Final = "succeeded"
CHARGE_STATUSES: Final = frozenset({CHARGED, "pending", "failed"})

# Reversals

#: `Refund.status`: the reference names these in words; the object's schema has no enum.
REFUND: Final[dict[str, ReversalState]] = {
    "pending": _R.PENDING,
    "requires_action": _R.PENDING,
    "succeeded": _R.DONE,
    "failed": _R.FAILED,
    CANCELED: _R.FAILED,
}
REFUNDED: Final = "succeeded"
#: `Dispute.status`. An inquiry ("warning") takes no money. The appeal of a dispute that was lost
#: changes nothing until its money is given back.
DISPUTE: Final[dict[str, ReversalState]] = {
    "warning_needs_response": _R.NEEDS_EVIDENCE,
    "warning_under_review": _R.PENDING,
    "warning_closed": _R.FAILED,
    "needs_response": _R.NEEDS_EVIDENCE,
    "under_review": _R.PENDING,
    "won": _R.WON,
    "lost": _R.LOST,
    "prevented": _R.FAILED,
    "appeal_needs_response": _R.LOST,
    "appeal_under_review": _R.LOST,
}
WON: Final = "won"

# Payouts: reference, "The Payout object", `status`; its schema has no enum.

FAILED: Final = "failed"
PAYOUT: Final[dict[str, PaymentState]] = {
    "pending": _S.ACCEPTED,
    "in_transit": _S.PROCESSING,
    "paid": _S.SETTLED,
    CANCELED: _S.CANCELLED,
    # Money that left and was booked back; if none was booked at all, none left.
    FAILED: _S.RETURNED,
}
#: Until it is submitted to the bank, the money is only set aside on our balance.
HAS_LEFT: Final = frozenset({"in_transit", "paid", FAILED})

#: `BalanceTransaction.type` of a charge or a payout -> what it moved.
BOOKED: Final[dict[str, MovementKind]] = {
    "charge": MovementKind.CAPTURE,
    "payment": MovementKind.CAPTURE,
    "payout": MovementKind.DEBIT,
    "payout_failure": MovementKind.RETURN,
    "payout_cancel": MovementKind.RETURN,
}
#: They undo the booking of a bank debit that failed in the end.
UNDOES: Final = frozenset({"payment_failure_refund", "payment_reversal"})
#: Types that refunds and disputes have; they are shown there.
OF_REVERSALS: Final = frozenset({"refund", "refund_failure", "payment_refund", "adjustment"})
#: Types of other products, of our account as a whole, or of what we never do.
NOT_OF_PAYMENTS: Final = frozenset(
    {
        "advance", "advance_funding", "anticipation_repayment", "application_fee",
        "application_fee_refund", "climate_order_purchase", "climate_order_refund",
        "connect_collection_transfer", "contribution", "fee_credit_funding", "inbound_transfer",
        "inbound_transfer_reversal", "issuing_authorization_hold",
        "issuing_authorization_release", "issuing_dispute", "issuing_transaction",
        "obligation_outbound", "obligation_reversal_inbound", "payment_network_reserve_hold",
        "payment_network_reserve_release", "payment_unreconciled", "payout_minimum_balance_hold",
        "payout_minimum_balance_release", "reserve_hold", "reserve_release",
        "reserve_transaction", "reserved_funds", "stripe_balance_payment_debit",
        "stripe_balance_payment_debit_reversal", "stripe_fee", "stripe_fx_fee", "tax_fee",
        "tax_fund", "topup", "topup_reversal", "transfer", "transfer_cancel", "transfer_failure",
        "transfer_refund",
    }
)  # fmt: skip

#: Why a bank or a card's issuer refused -> ISO 20022 ExternalStatusReason1Code. Other words are in
#: the reason alone.
ISO_REASON: Final = {
    "account_closed": "AC04",
    "amount_too_large": "AM02",
    "amount_too_small": "AM01",
    "balance_insufficient": "AM04",
    "bank_account_restricted": "AC06",
    "card_velocity_exceeded": "AM21",
    "debit_not_authorized": "MD01",
    "fraudulent": "FR01",
    "insufficient_funds": "AM04",
    "invalid_account": "AC01",
    "lost_card": "AC06",
    "no_account": "AC01",
    "payment_intent_mandate_invalid": "MD01",
    "pickup_card": "AC06",
    "stolen_card": "AC06",
    "withdrawal_count_limit_exceeded": "AM21",
}
NARRATIVE: Final = "NARR"
