"""The words of the API that this release of the client knows.

Answers have plain texts in these places, so a word that a later server adds raises nothing. A
member equals its text: `payment.state == PaymentState.SETTLED`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class PaymentState(StrEnum):
    """The states of payments and collections; docs/states.md says what each means."""

    CREATED = "created"
    SUBMITTING = "submitting"
    AWAITING_US = "awaiting_us"
    AWAITING_USER = "awaiting_user"
    AWAITING_PARTNER = "awaiting_partner"
    ACCEPTED = "accepted"
    AUTHORISED = "authorised"
    PARTLY_CAPTURED = "partly_captured"
    PROCESSING = "processing"
    CAPTURED = "captured"
    SETTLED = "settled"
    UNCONFIRMED = "unconfirmed"
    FINAL = "final"
    RETURNED = "returned"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


#: States after which the server owes nothing more.
ENDS: Final = frozenset(
    {
        PaymentState.FINAL,
        PaymentState.UNCONFIRMED,
        PaymentState.RETURNED,
        PaymentState.REJECTED,
        PaymentState.CANCELLED,
        PaymentState.EXPIRED,
    }
)


class Certainty(StrEnum):
    """Whether it was sent. Never treat `unknown` as a failure: the payment may have been made."""

    NOT_SENT = "not_sent"
    SENT = "sent"
    UNKNOWN = "unknown"


class Funds(StrEnum):
    """What to do with the amount on your own books."""

    HOLD = "hold"
    DEBIT = "debit"
    CREDIT = "credit"
    RELEASE = "release"
    KEEP_HOLDING = "keep_holding"
