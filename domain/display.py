"""What a payment looks like to the one who ordered it, and what it means for their balance."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from pydantic import BaseModel, ConfigDict

from domain.payment import Certainty, Payment
from domain.report import PaymentState as S


class Funds(StrEnum):
    """What an app does with the amount on its own books."""

    HOLD = "hold"
    DEBIT = "debit"
    RELEASE = "release"
    KEEP_HOLDING = "keep_holding"


class Display(BaseModel):
    """Words and rights for the one who ordered; never more hopeful than the evidence."""

    model_config = ConfigDict(frozen=True)

    headline: str
    detail: str
    final: bool
    may_retry: bool
    may_cancel: bool
    next_action: str | None
    funds: Funds


#: In a word and in a sentence.
HEADLINES: Final = {
    S.CREATED: ("Received", "The payment is recorded; nothing has been sent yet."),
    S.AWAITING_US: ("On hold with us", "The payment waits for a decision on our side."),
    S.SUBMITTING: ("Being sent", "The payment is on its way to our provider."),
    S.AWAITING_USER: ("Waiting for you", "The payment waits for your confirmation."),
    S.AWAITING_PARTNER: ("Being reviewed", "Our provider reviews the payment; this can take days."),
    S.ACCEPTED: ("Accepted", "Our provider has taken the payment on; it can still be refused."),
    S.AUTHORISED: ("Reserved", "The amount is reserved and not taken yet."),
    S.PROCESSING: ("Processing", "The payment has been released to the banks."),
    S.SETTLED: ("Sent by our provider", "Returns are still possible for some days."),
    S.FINAL: ("Completed", "The payment is complete."),
    S.UNCONFIRMED: ("Sent, not confirmed", "The provider can no longer be asked."),
    S.REJECTED: ("Not executed", "The payment was refused; no money was moved."),
    S.CANCELLED: ("Cancelled", "The payment was cancelled; no money was moved."),
    S.EXPIRED: ("Expired", "The payment was not sent in time; no money was moved."),
    S.RETURNED: ("Returned", "The creditor did not keep the money."),
}

#: Until the provider itself has said so.
_FOUND_SENT = ("Sent, as we found out", "Our provider has not confirmed it yet.")

_NEXT_ACTION = {S.AWAITING_USER: "confirm the payment", S.AWAITING_US: "we will be in touch"}
_MONEY_LEFT = frozenset({S.SETTLED, S.FINAL, S.UNCONFIRMED})
_NOTHING_MOVED = frozenset({S.REJECTED, S.CANCELLED, S.EXPIRED})

#: ISO 20022 external reasons after which paying the same again cannot succeed or is not allowed.
NO_RETRY_REASONS = frozenset({"AC04", "AC06", "AG01", "BE04", "MD07", "RR04", "FRAD", "AM05"})


def display(payment: Payment) -> Display:
    """What to show. In doubt it is "we are checking": no success, no retry, keep holding."""
    if payment.certainty is Certainty.UNKNOWN:
        return Display(
            headline="We are checking",
            detail="We do not know yet whether the payment was executed. Please do not pay again.",
            final=False,
            may_retry=False,
            may_cancel=False,
            next_action=None,
            funds=Funds.KEEP_HOLDING,
        )
    state = payment.state
    headline, detail = HEADLINES[state]
    if state is S.SETTLED and payment.is_decided:
        headline, detail = _FOUND_SENT
    if state is S.REJECTED and payment.reason and not payment.is_ours:
        # What our checks found, or operators wrote, is not for the one who ordered.
        detail = f"{detail} Reason: {payment.reason}"
    if state is S.RETURNED and payment.amounts.returned.minor:
        detail = f"{detail} Returned: {payment.amounts.returned}."
    return Display(
        headline=headline,
        detail=detail,
        final=state in _NOTHING_MOVED or state is S.FINAL or state is S.RETURNED,
        may_retry=state in _NOTHING_MOVED and payment.status_reason not in NO_RETRY_REASONS,
        may_cancel=state in (S.CREATED, S.AWAITING_US, S.AWAITING_PARTNER, S.ACCEPTED),
        next_action=_NEXT_ACTION.get(state),
        funds=_funds(payment),
    )


def _funds(payment: Payment) -> Funds:
    if payment.state in _NOTHING_MOVED:
        return Funds.RELEASE
    if payment.state is S.RETURNED:
        # What came back is released by its own credit entry, when that is seen.
        return Funds.RELEASE if payment.funds_back else Funds.KEEP_HOLDING
    return Funds.DEBIT if payment.state in _MONEY_LEFT else Funds.HOLD
