"""A transaction of an account, and what makes two lines of a bank the same transaction.

Banks list transactions again and again, in pages that move while they are read. A bank that gives
each booking a reference of its own makes that easy. Many give none, or none while it is pending.
Then two lines are the same transaction if the bank shows the same of both, and equal lines are
counted: two equal coffees on one page are two.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any, Final

from domain.accounts import Account
from domain.money import Money


class Booking(StrEnum):
    """Whether the bank has booked it."""

    BOOKED = "booked"
    PENDING = "pending"
    """Announced or reserved. It may still change or vanish."""


@dataclass(frozen=True, slots=True)
class Transaction:
    """One line of an account.

    Attributes:
        amount: positive if the account received it, negative if it paid.
        reference: the bank's own id of the line, if it is the same in each listing; else None.
        booked_on: the day of booking; None while pending, if the bank names none.
        valued_on: the day from which it bears interest.
        counterparty, counterparty_account, counterparty_agent: who paid or was paid, their account
            and the BIC of their bank.
        code: ISO 20022 bank transaction code, such as `PMNT-RCDT-ESCT`.
        own_code: the bank's own code.
        purpose: ISO 20022 ExternalPurpose1Code.
    """

    amount: Money
    booking: Booking
    reference: str | None = None
    booked_on: date | None = None
    valued_on: date | None = None
    counterparty: str = field(default="", repr=False)
    counterparty_account: Account | None = field(default=None, repr=False)
    counterparty_agent: str = ""
    remittance_information: str = field(default="", repr=False)
    end_to_end_id: str = field(default="", repr=False)
    mandate_id: str = ""
    creditor_id: str = ""
    code: str = ""
    own_code: str = ""
    purpose: str = ""

    @property
    def day(self) -> date | None:
        """The day by which it is listed."""
        return self.booked_on or self.valued_on


@dataclass(frozen=True, slots=True)
class Line:
    """A transaction with what the bank wrote of it."""

    transaction: Transaction
    raw: Any = field(repr=False)


#: What is stored sealed: the fields that may name people or accounts, or come from people.
_TEXTS: Final = (
    "counterparty", "counterparty_agent", "remittance_information", "end_to_end_id", "mandate_id",
    "creditor_id", "code", "own_code", "purpose",
)  # fmt: skip


def details_of(line: Transaction) -> dict[str, Any]:
    """The fields that are stored sealed, without empty ones."""
    found: dict[str, Any] = {name: text for name in _TEXTS if (text := getattr(line, name))}
    if line.reference is not None:
        found["reference"] = line.reference
    if (account := line.counterparty_account) is not None:
        found["counterparty_iban" if account.iban else "counterparty_other"] = account.number
    return found


def transaction_of(
    details: Mapping[str, Any],
    *,
    amount: Money,
    booking: Booking,
    booked_on: date | None,
    valued_on: date | None,
) -> Transaction:
    """The transaction whose `details_of` are given."""
    iban, other = details.get("counterparty_iban"), details.get("counterparty_other")
    return Transaction(
        amount=amount,
        booking=booking,
        reference=details.get("reference"),
        booked_on=booked_on,
        valued_on=valued_on,
        counterparty_account=Account(iban=iban, other=other) if iban or other else None,
        **{name: details[name] for name in _TEXTS if name in details},
    )


def identity_of(line: Transaction) -> tuple[str, ...]:
    """What has to be equal for two lines to be the same transaction; store it as a keyed hash.

    With a reference, the amount counts too: some banks give all parts of a batch one reference. A
    line that is pending in one listing and booked in the next may keep its reference, so whether
    it is booked does not count. Without a reference, everything that the bank shows counts.
    """
    money = (str(line.amount.minor), line.amount.currency)
    if line.reference is not None:
        return ("reference", line.reference, *money)
    account = line.counterparty_account
    return (
        "content", line.booking, *money, str(line.booked_on), str(line.valued_on),
        account.number if account else "", *(getattr(line, name) for name in _TEXTS),
    )  # fmt: skip
