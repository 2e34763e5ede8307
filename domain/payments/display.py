"""What people read about a payment, and what the app does with the amount on its own books."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from pydantic import BaseModel, ConfigDict

from domain.lifecycle.resource import Certainty
from domain.lifecycle.reversals import ReversalKind
from domain.payments.order import Direction
from domain.payments.payment import Payment
from domain.payments.report import PaymentState as S
from domain.payments.states import PROVEN_NOTHING_MOVED, STATES, Where


class Funds(StrEnum):
    """What the app should do with the amount on its own books."""

    HOLD = "hold"
    DEBIT = "debit"
    CREDIT = "credit"
    """Of a collection: what was captured, less what was taken back."""
    RELEASE = "release"
    KEEP_HOLDING = "keep_holding"


class Display(BaseModel):
    """Texts and rights, for payers and operators alike; never more hopeful than the evidence."""

    model_config = ConfigDict(frozen=True)

    headline: str
    detail: str
    final: bool
    may_retry: bool
    may_cancel: bool
    next_action: str | None
    funds: Funds


#: The headline of a payment that operators found to be executed, until the provider says so.
_FOUND_DONE: Final = {
    Direction.OUTGOING: "Sent, according to our check",
    Direction.INCOMING: "Taken, according to our check",
}

#: What the app should do with the amount, by where the money is.
_FUNDS: Final = {
    Where.WITH_US: Funds.HOLD,
    Where.LEFT: Funds.DEBIT,
    Where.NEVER_LEFT: Funds.RELEASE,
}

_IN_WORDS: Final = {
    ReversalKind.REFUND: "Refund",
    ReversalKind.RETURN: "Return",
    ReversalKind.DISPUTE: "Dispute",
    ReversalKind.CHARGEBACK: "Chargeback",
    ReversalKind.CLAWBACK: "Clawback",
}

#: ISO 20022 external reasons after which paying the same again cannot succeed or is not allowed.
NO_RETRY_REASONS = frozenset({"AC04", "AC06", "AG01", "BE04", "MD07", "RR04", "FRAD", "AM05"})


def display(payment: Payment) -> Display:
    """What to show. In doubt it is "We are checking": no success, no retry, keep holding."""
    if payment.certainty is Certainty.UNKNOWN:
        return Display(
            headline="We are checking",
            detail="We do not know yet whether the payment was executed. Do not order it again.",
            final=False,
            may_retry=False,
            may_cancel=False,
            next_action=None,
            funds=Funds.KEEP_HOLDING,
        )
    state, row = payment.state, STATES[payment.state]
    headline, detail = row.headline, row.detail
    if row.is_watched and payment.is_decided:
        headline = _FOUND_DONE[payment.direction]
        detail = "Our provider has not confirmed it yet."
    if state is S.REJECTED and payment.reason and not payment.is_ours:
        # The findings of our checks and the words of operators are not for the payer.
        detail = f"{detail} Reason: {payment.reason}"
    if state is S.RETURNED and payment.amounts.returned.minor:
        detail = f"{detail} Returned: {payment.amounts.returned}."
    for reversal in payment.reversals:
        state_in_words = reversal.state.replace("_", " ")
        detail = f"{detail} {_IN_WORDS[reversal.kind]} of {reversal.amount}: {state_in_words}."
    return Display(
        headline=headline,
        detail=detail,
        final=row.ends and state is not S.UNCONFIRMED and not payment.is_followed,
        may_retry=state in PROVEN_NOTHING_MOVED and payment.status_reason not in NO_RETRY_REASONS,
        may_cancel=row.cancellable,
        next_action=row.next_action,
        funds=_funds(payment),
    )


def _funds(payment: Payment) -> Funds:
    money = STATES[payment.state].money
    if money is Where.CAME_BACK:
        # Money that came back is released only when its credit entry is seen.
        return Funds.RELEASE if payment.funds_back else Funds.KEEP_HOLDING
    if money is Where.LEFT and payment.direction is Direction.INCOMING:
        return Funds.CREDIT
    return _FUNDS[money]
