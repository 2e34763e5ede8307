"""What makes two orders the same payment, whatever keys they come under."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Final

from domain.order import Order
from domain.report import PaymentState
from domain.statement import Signed, Statement, StatementKind

#: How long an earlier payment is compared with. A reference says what is paid, so a repetition
#: is one for a day; without one only a double click can be told from a second payment.
WITH_REFERENCE: Final = timedelta(hours=24)
WITHOUT_REFERENCE: Final = timedelta(minutes=10)

#: What stands where there is no reference: of ISO 20022, and of the older MT messages.
_NO_REFERENCE: Final = frozenset({"notprovided", "nonref"})


@dataclass(frozen=True)
class Intent:
    """What is wanted: tenant, both accounts, amount, day asked for or none, and reference.

    Two orders of equal `content` are the same payment, wanted once or twice. Not compared, as
    they change when an order is repeated by hand: names, an IBAN's bank, instruction id, UETR,
    purpose, and which partner pays.

    The reference is the end-to-end id, unless that says NOTPROVIDED, together with the
    remittance information: what the creditor sees. Who writes another end-to-end id or another
    invoice number says that it is another payment, so a program which makes a new end-to-end id
    for each try is not caught. Letter case, accents, spaces and punctuation do not count.
    """

    tenant: str
    content: str = field(repr=False)
    """Canonical text, with account numbers: never kept, only hashed with a key."""
    has_reference: bool
    batch: str | None = None
    """The file an order came with. Its lines are all meant, so they are not compared."""

    @classmethod
    def of(cls, order: Order, *, requested: date | None = None, batch: str | None = None) -> Intent:
        """The intent of an order.

        Args:
            requested: the day the caller asked for, where the order's was moved: a file given
                again after the cut-off asks for the same payments.
            batch: one text per file, the same whenever that file is given.
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
        """How old a payment of the same content may be and still be asked about."""
        return WITH_REFERENCE if self.has_reference else WITHOUT_REFERENCE


@dataclass(frozen=True)
class Earlier:
    """A payment an order might repeat."""

    payment_id: str
    created_at: datetime
    state: PaymentState
    in_doubt: bool
    """Whether it moved money is not known."""

    def __str__(self) -> str:
        doubt = ", in doubt" if self.in_doubt else ""
        return (
            f"{self.payment_id} of {self.created_at:%Y-%m-%d %H:%M} UTC ({self.state.value}{doubt})"
        )


@dataclass(frozen=True)
class Acknowledgement:
    """Somebody's word that an order does not repeat these payments, but is meant besides."""

    of: frozenset[str] = frozenset()
    operator: str | None = None
    """Who answers for it, where one of those is in doubt."""
    signed: Signed | None = None
    """What that operator signed."""

    def statement(self, order: Order, payment_id: str, at: datetime) -> Statement:
        """What the operator signs: that this payment of the order is meant besides those."""
        return Statement(
            kind=StatementKind.ACKNOWLEDGE,
            by=self.operator or "",
            at=at,
            subject=payment_id,
            tenant=order.tenant,
            content=",".join(sorted(self.of)),
        )


class PossibleDuplicate(ValueError):
    """The same payment was ordered before under another key, and nobody said that both are meant.

    Nothing was stored and the key is still free: the same call with the acknowledgement goes on.
    """

    def __init__(self, earlier: Sequence[Earlier]) -> None:
        self.earlier = tuple(earlier)
        self.payment_ids = tuple(one.payment_id for one in self.earlier)
        self.needs_operator = any(one.in_doubt for one in self.earlier)
        """Whether money may be moving unseen: then only an operator may acknowledge."""
        remedy = (
            "; if both are meant, repeat the call and acknowledge exactly "
            f"{', '.join(self.payment_ids)}"
        )
        if self.needs_operator:
            remedy += ", as an operator: a payment in doubt may yet turn out to be this one"
        listed = ", ".join(map(str, self.earlier))
        super().__init__(f"may repeat {listed}; nothing was done{remedy}")


def require_acknowledged(earlier: Sequence[Earlier], said: Acknowledgement) -> None:
    """Let an order pass that repeats nothing, or of which exactly that was said.

    A payment that appeared, or ended, since the caller looked makes the question another one.

    Raises:
        PossibleDuplicate: other payments were named than are found, or one of them is in doubt
            and no operator answers for it.
    """
    if not earlier:
        return
    unanswered = PossibleDuplicate(earlier)
    if said.of != frozenset(unanswered.payment_ids):
        raise unanswered
    if unanswered.needs_operator and said.operator is None:
        raise unanswered


def normalised(reference: str) -> str:
    """Letters and digits only, without case or accents: how people and banks rewrite references.

    "INV-2026/17" and "inv 2026 17" are one; so are "1-11" and "11-1", which is asked about once
    too often rather than paid once too often.
    """
    folded = unicodedata.normalize("NFKD", reference).casefold()
    return "".join(letter for letter in unicodedata.normalize("NFKD", folded) if letter.isalnum())


def _creditor_account(order: Order) -> str:
    """An IBAN names its bank; another number is one only together with the bank."""
    number = _account(order.creditor_account.number)
    if order.creditor_account.iban is not None:
        return number
    member = order.creditor_agent_member
    bank = member.number if member else order.creditor_agent or ""
    return f"{number} at {_account(bank)}"


def _account(number: str) -> str:
    return "".join(number.split()).upper()
