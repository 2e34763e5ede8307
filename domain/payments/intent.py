"""When two orders under different keys are the same payment: a possible duplicate."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Final

from domain.lifecycle.statement import Signed, Statement, StatementKind
from domain.payments.order import Order
from domain.payments.report import PaymentState

#: How old an earlier payment may be to count as repeated. A reference says what is paid, so a
#: repetition within a day counts. Without one, only a double click can be recognised.
WITH_REFERENCE: Final = timedelta(hours=24)
WITHOUT_REFERENCE: Final = timedelta(minutes=10)

#: Placeholders for "no reference", of ISO 20022 and of the older MT messages.
_NO_REFERENCE: Final = frozenset({"notprovided", "nonref"})


@dataclass(frozen=True)
class Intent:
    """What an order pays: tenant, both accounts, amount, requested day or none, and reference.

    Two orders with equal `content` are the same payment, intended once or twice. Names, an IBAN's
    bank, instruction id, UETR, purpose and the partner that pays are not compared, because they
    change when a person repeats an order by hand.

    The reference is what the creditor sees: the end-to-end id, unless it is a placeholder such as
    NOTPROVIDED, the remittance information and the creditor's reference. Another end-to-end id or
    invoice number means another payment. So a program that makes a new end-to-end id for each try
    is not caught. Letter case, accents, spaces and punctuation do not count.
    """

    tenant: str
    content: str = field(repr=False)
    """Canonical text with account numbers: never stored, only hashed with a key."""
    has_reference: bool
    batch: str | None = None
    """The file that the order came in. All its lines are intended, so they are not compared."""

    @classmethod
    def of(cls, order: Order, *, requested: date | None = None, batch: str | None = None) -> Intent:
        """The intent of an order.

        Args:
            order: the order.
            requested: the day that the caller asked for, if the order's day was moved. A file
                given again after the cut-off still asks for the same payments.
            batch: identifies the file; the same each time that file is given.
        """
        day = requested or order.times.requested_execution_date
        end_to_end_id = normalised(order.end_to_end_id)
        reference = (
            "" if end_to_end_id in _NO_REFERENCE else end_to_end_id,
            normalised(f"{order.remittance_information} {order.creditor_reference or ''}"),
        )
        content = (
            order.tenant,
            _account(order.debtor_account.number),
            _creditor_account(order),
            order.instructed_amount.minor,
            order.instructed_amount.currency,
            day.isoformat() if day else None,
            *reference,
        )
        return cls(order.tenant, json.dumps(content), has_reference=any(reference), batch=batch)

    @property
    def window(self) -> timedelta:
        """How old a payment with the same content may be to count as a possible duplicate."""
        return WITH_REFERENCE if self.has_reference else WITHOUT_REFERENCE


@dataclass(frozen=True)
class Earlier:
    """A payment that an order may repeat."""

    payment_id: str
    created_at: datetime
    state: PaymentState
    in_doubt: bool
    """We do not know whether it moved money."""

    def __str__(self) -> str:
        doubt = ", in doubt" if self.in_doubt else ""
        return (
            f"{self.payment_id} of {self.created_at:%Y-%m-%d %H:%M} UTC ({self.state.value}{doubt})"
        )


@dataclass(frozen=True)
class Acknowledgement:
    """The caller's word that an order is intended as well as these payments, not a repetition."""

    of: frozenset[str] = frozenset()
    operator: str | None = None
    """The operator who answers for it; needed if one of the payments is in doubt."""
    signed: Signed | None = None
    """The statement that this operator signed."""

    def statement(self, order: Order, payment_id: str, at: datetime) -> Statement:
        """The statement for the operator to sign: this payment is intended as well as those."""
        return Statement(
            kind=StatementKind.ACKNOWLEDGE,
            by=self.operator or "",
            at=at,
            subject=payment_id,
            tenant=order.tenant,
            content=",".join(sorted(self.of)),
        )


class PossibleDuplicate(ValueError):
    """The same payment was ordered before under another key, and the caller did not acknowledge it.

    Nothing was stored and the key is still free: repeat the call with the acknowledgement.
    """

    def __init__(self, earlier: Sequence[Earlier]) -> None:
        self.earlier = tuple(earlier)
        self.payment_ids = tuple(one.payment_id for one in self.earlier)
        self.needs_operator = any(one.in_doubt for one in self.earlier)
        """Whether an earlier payment is in doubt. Then only an operator may acknowledge."""
        remedy = (
            "; if both are meant, repeat the call and acknowledge exactly "
            f"{', '.join(self.payment_ids)}"
        )
        if self.needs_operator:
            remedy += ", as an operator: a payment in doubt may yet turn out to be this one"
        listed = ", ".join(map(str, self.earlier))
        super().__init__(f"may repeat {listed}; nothing was done{remedy}")


def require_acknowledged(earlier: Sequence[Earlier], said: Acknowledgement) -> None:
    """Let an order pass if it repeats nothing, or if exactly what it repeats is acknowledged.

    If a payment appeared or ended since the caller looked, the caller has to acknowledge anew.

    Raises:
        PossibleDuplicate: the acknowledged payments are not those that were found, or one of them
            is in doubt and no operator answers for it.
    """
    if not earlier:
        return
    unanswered = PossibleDuplicate(earlier)
    if said.of != frozenset(unanswered.payment_ids):
        raise unanswered
    if unanswered.needs_operator and said.operator is None:
        raise unanswered


def normalised(reference: str) -> str:
    """Letters and digits only, without case or accents, since people and banks rewrite references.

    "INV-2026/17" and "inv 2026 17" are equal. So are "1-11" and "11-1": one question too many is
    better than one payment too many.
    """
    folded = unicodedata.normalize("NFKD", reference).casefold()
    return "".join(letter for letter in unicodedata.normalize("NFKD", folded) if letter.isalnum())


def _creditor_account(order: Order) -> str:
    """An IBAN includes its bank. Any other number identifies an account only with its bank."""
    number = _account(order.creditor_account.number)
    if order.creditor_account.iban is not None:
        return number
    member = order.creditor_agent_member
    bank = member.number if member else order.creditor_agent or ""
    return f"{number} at {_account(bank)}"


def _account(number: str) -> str:
    return "".join(number.split()).upper()
