"""What the checker reads: a client's journal, the partner's book, our list of payments."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

#: The bank's word for "the client gave no reference": it tells no order from another.
NO_REFERENCE = "NOTPROVIDED"

#: Words of the partner under which a payment has no effect and will have none.
DEAD = frozenset({"failed", "deleted"})
#: Words under which the money has left our account with the partner.
LEFT = frozenset({"released", "submitted", "completed"})
#: The one word that says the partner is done.
DONE = "completed"


@dataclass(frozen=True)
class Ordered:
    """One thing a client wanted, once, however often it asked."""

    key: str
    creditor_account: str
    creditor: str
    amount_minor: int
    currency: str
    reference: str
    payment_id: str | None = None
    """As told to the client; None while nobody acknowledged it."""

    @property
    def identity(self) -> tuple[str, int, str, str]:
        return (self.creditor_account, self.amount_minor, self.currency, self.reference)

    def __str__(self) -> str:
        money = f"{self.amount_minor} {self.currency} minor units"
        return f"{self.key} ({money} to …{self.creditor_account[-4:]}, {self.reference})"


@dataclass(frozen=True)
class Booking:
    """One payment in the partner's book, and what its postings did to our account there."""

    partner_reference: str
    creditor_account: str
    creditor: str
    amount_minor: int
    currency: str
    reference: str
    status: str
    debits: int
    """How often money left our account for it."""
    net_minor: int
    """What left our account for it, less what came back."""
    returned_minor: int

    @property
    def identity(self) -> tuple[str, int, str, str]:
        return (self.creditor_account, self.amount_minor, self.currency, self.reference)

    @property
    def stands(self) -> bool:
        """Whether it had, or will have, an effect that nobody took back."""
        return self.status not in DEAD

    @property
    def moved(self) -> bool:
        """Whether the money is gone and stays gone, as far as the partner knows."""
        return self.status in LEFT

    def __str__(self) -> str:
        money = f"{self.amount_minor} {self.currency} minor units"
        where = f"{money} to …{self.creditor_account[-4:]}, {self.reference}, {self.status}"
        return f"booking {self.partner_reference} ({where})"


@dataclass(frozen=True)
class Shown:
    """What our store shows of one payment."""

    payment_id: str
    state: str
    certainty: str
    partner_reference: str | None
    amount_minor: int
    currency: str
    reason: str | None

    def __str__(self) -> str:
        return f"payment {self.payment_id} ({self.state}, {self.certainty})"


@dataclass(frozen=True)
class Journal:
    """What clients wanted and what they were told."""

    orders: tuple[Ordered, ...]
    flaws: tuple[str, ...]
    beside: tuple[str, ...] = ()


@dataclass(frozen=True)
class Bank:
    """The partner's book."""

    bookings: tuple[Booking, ...]
    flaws: tuple[str, ...] = field(default=())


def read_journal(lines: Iterable[str]) -> Journal:
    """A key is one order, its first content; an unfinished last line was never acted upon.

    Raises:
        ValueError: a line before the last is no JSON object of a journal.
    """
    wanted: dict[str, dict[str, Any]] = {}
    told: dict[str, str] = {}
    flaws, beside = [], []
    entries = [line for line in lines if line.strip()]
    for number, line in enumerate(entries, 1):
        try:
            entry = json.loads(line)
        except ValueError:
            if number == len(entries) and not line.endswith("\n"):
                beside.append("the journal's last line is cut short: its order was not yet given")
                break
            raise ValueError(f"line {number} of the journal is not JSON") from None
        if "intended" in entry:
            first = wanted.setdefault(entry["intended"], entry)
            if first != entry:
                beside.append(f"{entry['intended']} was asked for again with another content")
        elif "acknowledged" in entry:
            key, payment_id = entry["acknowledged"], entry["payment_id"]
            if key not in wanted:
                flaws.append(f"{key} was acknowledged as {payment_id}, but never intended")
            elif told.setdefault(key, payment_id) != payment_id:
                flaws.append(f"{key} became two payments: {told[key]} and {payment_id}")
        else:
            raise ValueError(f"line {number} of the journal is of no known kind")
    keys_of: dict[str, str] = {}
    for key, payment_id in told.items():
        if (other := keys_of.setdefault(payment_id, key)) != key:
            flaws.append(f"{other} and {key} became one payment: {payment_id}")
    orders = tuple(
        Ordered(
            key,
            entry["creditor_account"],
            entry["creditor"],
            entry["amount_minor"],
            entry["currency"],
            entry["end_to_end_id"],
            told.get(key),
        )
        for key, entry in wanted.items()
    )
    return Journal(orders, tuple(flaws), tuple(beside))


def read_book(book: Mapping[str, Any]) -> Bank:
    """The partner's payments with the effects of their postings, and where those do not add up."""
    own = {balance["account_id"] for balance in book.get("balances", ())}
    own |= {payment["account_id"] for payment in book["payments"]}
    creditors = {one["id"]: one for one in book["beneficiaries"]}
    moved: dict[str, list[int]] = {}
    for posting in book["postings"]:
        if posting["account"] in own and posting["payment_id"]:
            moved.setdefault(posting["payment_id"], []).append(-posting["amount_minor"])
    bookings = []
    for payment in book["payments"]:
        creditor, steps = creditors.get(payment["beneficiary_id"], {}), moved.get(payment["id"], [])
        bookings.append(
            Booking(
                partner_reference=payment["id"],
                creditor_account=_account(creditor),
                creditor=creditor.get("bank_account_holder_name") or "",
                amount_minor=payment["amount_minor"],
                currency=payment["currency"],
                reference=payment["reference"],
                status=payment["status"],
                debits=sum(step > 0 for step in steps),
                net_minor=sum(steps),
                returned_minor=payment["returned_minor"],
            )
        )
    return Bank(tuple(bookings), (*unbalanced(book), *_unowned(book), *_unequal(bookings)))


def read_store(rows: Iterable[Mapping[str, Any]]) -> tuple[Shown, ...]:
    """`finality list --json`; rows without a payment id were refused and are no payments."""
    return tuple(
        Shown(
            row["payment_id"],
            row["state"],
            row["certainty"],
            row["partner_reference"],
            row["amount_minor"],
            row["currency"],
            row["reason"],
        )
        for row in rows
        if row["payment_id"] is not None
    )


def _account(creditor: Mapping[str, Any]) -> str:
    """The IBAN, or the account number of one that has none."""
    number: str = creditor.get("iban") or creditor.get("details", {}).get("account_number") or ""
    return number


def unbalanced(book: Mapping[str, Any]) -> list[str]:
    """Entries that do not add up to zero, and balances that are not the sum of their postings."""
    entries: dict[tuple[str, str], int] = {}
    accounts: dict[tuple[str, str], int] = {}
    for posting in book["postings"]:
        entry = (posting["entry"], posting["currency"])
        entries[entry] = entries.get(entry, 0) + posting["amount_minor"]
        account = (posting["account"], posting["currency"])
        accounts[account] = accounts.get(account, 0) + posting["amount_minor"]
    flaws = [
        f"postings: entry {entry} adds up to {total} {currency} minor units instead of 0"
        for (entry, currency), total in entries.items()
        if total
    ]
    for balance in book.get("balances", ()):
        total = accounts.get((balance["account_id"], balance["currency"]), 0)
        if total != balance["amount_minor"]:
            flaws.append(
                f"postings: the {balance['currency']} balance of {balance['account_id']} is "
                f"{balance['amount_minor']}, its postings add up to {total}"
            )
    return flaws


def _unowned(book: Mapping[str, Any]) -> list[str]:
    known = {payment["id"] for payment in book["payments"]}
    named = dict.fromkeys(posting["payment_id"] for posting in book["postings"])
    return [f"postings: of payment {one}, which is not in the book"
            for one in named if one and one not in known]  # fmt: skip


def _unequal(bookings: Iterable[Booking]) -> list[str]:
    """Bookings whose postings do not say what their status says."""
    flaws = []
    for booking in bookings:
        expected = booking.amount_minor if booking.moved else 0
        if booking.status == "failed" and booking.debits:
            expected = booking.amount_minor - booking.returned_minor
        times = _times(booking)
        if booking.net_minor != expected and times < 2:  # More than once is told as "twice".
            flaws.append(
                f"postings: {booking} has cost us {booking.net_minor} instead of {expected}"
            )
    return flaws


def _times(booking: Booking) -> int:
    whole, rest = (
        divmod(booking.net_minor, booking.amount_minor) if booking.amount_minor else (0, 0)
    )
    return whole if not rest else 0


def times_moved(booking: Booking) -> int:
    """How often its full amount has left us for good; 1 where it is to leave or does not fit."""
    return max(_times(booking), 1) if booking.stands else max(_times(booking), 0)
