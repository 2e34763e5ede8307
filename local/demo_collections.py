"""The demo's collections: what each order asks of a payer's card, and what happens to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from domain.lifecycle.resource import Certainty
from domain.money import Money
from domain.payments.order import Captured, Order
from domain.payments.report import PaymentState
from local.simulated_partner import SIMULATOR
from store.records import PaymentRecord
from terminal.collect_options import CollectOptions

#: The partner that collects. The tokens, faults and delays of this module are its simulator's.
PARTNER: Final = "stripe"
#: So soon a dispute is lost without evidence: nobody gives any here.
DELAYS: Final = {"evidence_due": 3}
_CURRENCY: Final = "EUR"
_CARD: Final = "pm_card_visa"
_CONFIRM: Final = "POST /v1/payment_intents/*/confirm"
_CAPTURE: Final = "POST /v1/payment_intents/*/capture"
_REFUND: Final = "POST /v1/refunds"
#: Where the payer's browser is led back to. It is not opened.
_SHOP: Final = "https://shop.example/thanks"


@dataclass(frozen=True)
class Trouble:
    """A fault, or something that people or banks do, in the words of the simulator's rules.

    Attributes:
        match: fields of the request; by default it is the order's own payment that meets it.
    """

    words: str
    fault: str
    on: str
    match: Mapping[str, str] = field(default_factory=dict)
    param: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Sale:
    """One order of the shop. Amounts are in cents.

    Attributes:
        name: the order's number, which the partner shows with the payment.
        card: the partner's token.
        payer_confirms: the card's bank wants the payer to confirm on a page.
        captures: what we capture of the hold; nothing is held if there are none.
        disputes: what the payer's bank takes back for good.
    """

    name: str
    words: str
    amount: int
    card: str = _CARD
    ends: PaymentState = PaymentState.CAPTURED
    payer_confirms: bool = False
    captures: tuple[int, ...] = ()
    refunds: tuple[int, ...] = ()
    disputes: tuple[int, ...] = ()
    trouble: Trouble | None = None

    @property
    def taken(self) -> tuple[int, ...]:
        """The amounts that have to be taken from the payer in the end."""
        if self.ends is not PaymentState.CAPTURED:
            return ()
        return self.captures or (self.amount,)

    def order(self) -> Order:
        """The order as `finality collect` would make it."""
        options = CollectOptions(
            amount=euro(self.amount),
            key=self.name,
            payment_method=self.card,
            captured=Captured.LATER if self.captures else Captured.AT_ONCE,
            return_url=_SHOP,
            end_to_end_id=self.name,
            remittance=self.name,
        )
        return options.order(PARTNER, SIMULATOR)

    def asked(self) -> dict[str, object]:
        """The order for the checker: what the partner's book has to hold in the end."""
        return {
            "order": self.name,
            "amount_minor": self.amount,
            "currency": _CURRENCY,
            "captures": self.taken,
            "refunds": self.refunds,
            "disputes": self.disputes,
        }

    def rule(self) -> dict[str, Any]:
        """The simulator's rule for its trouble."""
        assert self.trouble is not None, "it meets no trouble"
        match = dict(self.trouble.match) or {"description": self.name}
        return {
            "fault": self.trouble.fault,
            "on": self.trouble.on,
            "times": 1,
            "match": match,
            "param": dict(self.trouble.param),
        }

    def is_over(self, record: PaymentRecord) -> bool:
        """Whether all that was to become of it is shown."""
        payment = record.payment
        return (
            payment.state is self.ends
            and payment.certainty is not Certainty.UNKNOWN
            and payment.amounts.captured.minor == sum(self.taken)
            and payment.amounts.refunded.minor == sum(self.refunds)
            and payment.amounts.disputed.minor == sum(self.disputes)
            and len(payment.reversals) == len(self.refunds) + len(self.disputes)
            and not any(reversal.is_open for reversal in payment.reversals)
        )


def euro(cents: int) -> Money:
    return Money(minor=cents, currency=_CURRENCY)


SALES: Final = (
    Sale(
        "ORDER-1", "the payer confirms on a page of the card's bank", 49_00,
        card="pm_card_threeDSecure2Required", payer_confirms=True,
    ),
    Sale(
        "ORDER-2", "held; 75.00 captured; then the hold expires", 120_00, captures=(75_00,),
        trouble=Trouble(
            "a hold expired", "expire_authorisation", _CAPTURE, param={"after_seconds": 2}
        ),
    ),
    Sale(
        "ORDER-3", "refunded twice in part, the reply to one refund lost", 80_00,
        refunds=(30_00, 12_50),
        trouble=Trouble(
            "refund executed, and the reply lost", "reply_lost_after", _REFUND,
            match={"amount": "1250"},
        ),
    ),
    Sale(
        "ORDER-4", "disputed by the payer, and lost without evidence", 64_00, disputes=(64_00,),
        trouble=Trouble("a charge disputed", "dispute", _CONFIRM, param={"after_seconds": 1}),
    ),
    Sale(
        "ORDER-5", "charged, and the reply lost", 35_00,
        trouble=Trouble("charge executed, and the reply lost", "reply_lost_after", _CONFIRM),
    ),
    Sale(
        "ORDER-6", "declined by the card's bank", 18_00, ends=PaymentState.REJECTED,
        card="pm_card_chargeDeclinedInsufficientFunds",
    ),
)  # fmt: skip
#: The sales that meet trouble, in the order of `rules`.
TROUBLED: Final = tuple(sale for sale in SALES if sale.trouble)


def rules() -> list[dict[str, Any]]:
    """The simulator's rules for the troubles of all sales."""
    return [sale.rule() for sale in TROUBLED]
