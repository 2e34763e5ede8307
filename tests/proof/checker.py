"""Lays journal, partner's book and store side by side, and names every flaw.

It imports nothing of the product: what it says must not depend on the rules it checks. Run it
as `python -m tests.proof.checker --journal J.jsonl --book BOOK.json [--store LIST.json]`.
"""

from __future__ import annotations

import argparse
import json
import sys
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tests.proof.books import (
    DONE,
    NO_REFERENCE,
    Booking,
    Ordered,
    Shown,
    read_book,
    read_journal,
    read_store,
    times_moved,
)

SETTLED = frozenset({"settled", "final"})
NOTHING_MOVED = frozenset({"rejected", "cancelled", "expired"})
RETURNED = "returned"
#: Told to the client as an end without the payment: a definitive failure.
FAILED = NOTHING_MOVED | {RETURNED}
#: A person has to say what became of it: listed beside, neither success nor failure.
PARKED = frozenset({"awaiting_us", "unconfirmed"})


@dataclass(frozen=True)
class Comparison:
    """What the three say together; counts of orders unless said otherwise.

    Attributes:
        requested: distinct orders in the journal, `acknowledged` of them told to the client.
        booked: orders whose money has left us for good, once each.
        held: orders the partner holds without having moved money yet.
        returned: orders whose every booking failed or was deleted.
        twice: bookings beyond the first of an order.
        lost: acknowledged, without booking and without a failure told to the client, and
            neither in doubt nor still shown as open.
        changed: booked with another amount, currency, creditor or reference.
        unordered: bookings that nobody ordered.
        disagree: payments of which the store says what the book denies.
        in_doubt: shown by the store as unknown or waiting for a person, whatever the book says.
        open: acknowledged, without booking, and shown by the store as not finished.
    """

    requested: int = 0
    acknowledged: int = 0
    booked: int = 0
    held: int = 0
    returned: int = 0
    twice: int = 0
    lost: int = 0
    changed: int = 0
    unordered: int = 0
    disagree: int = 0
    in_doubt: int = 0
    open: int = 0
    beside: tuple[str, ...] = ()
    """What is no flaw and yet has to be seen: doubt, open ends, orders never acknowledged."""
    flaws: tuple[str, ...] = ()

    @property
    def agrees(self) -> bool:
        return not self.flaws


def compare(
    journal: Iterable[str],
    book: Mapping[str, Any],
    store: Iterable[Mapping[str, Any]] | None = None,
) -> Comparison:
    """Compare a journal's lines with the partner's book and, if given, our list of payments.

    Orders and bookings are matched as multisets of account, amount, currency and reference:
    two equal orders are two. What the product says of itself only tells equals apart.

    Raises:
        KeyError, ValueError: something is no journal, book or list.
    """
    wanted, bank = read_journal(journal), read_book(book)
    shown = None if store is None else {row.payment_id: row for row in read_store(store)}
    sides = _Sides(wanted.orders, bank.bookings, shown)
    sides.flaws += [*wanted.flaws, *bank.flaws]
    sides.beside += wanted.beside
    return sides.compared()


@dataclass
class _Sides:
    """The working state of one comparison."""

    orders: Sequence[Ordered]
    bookings: Sequence[Booking]
    shown: Mapping[str, Shown] | None
    found: dict[str, Booking] = field(default_factory=dict)
    """By the order's key."""
    changed: set[str] = field(default_factory=set)
    """Keys of orders whose booking is only likely theirs."""
    counts: Counter[str] = field(default_factory=Counter)
    flaws: list[str] = field(default_factory=list)
    beside: list[str] = field(default_factory=list)

    def compared(self) -> Comparison:
        left = self._match([b for b in self.bookings if b.stands])
        left = self._surplus(left)
        left = self._changed(left)
        for booking in left:
            self._flaw("unordered", f"without an order: {booking}")
        dead = self._match([b for b in self.bookings if not b.stands])
        known = {order.identity for order in self.orders}
        for booking in dead:
            if booking.debits and booking.identity not in known and not self._bare(booking):
                self._flaw("unordered", f"without an order, though returned: {booking}")
        self._names()
        for order in self.orders:
            self._judge(order)
        self._references()
        names = {"booked", "held", "returned", "twice", "lost", "changed", "unordered", "disagree"}
        return Comparison(
            requested=len(self.orders),
            acknowledged=sum(order.payment_id is not None for order in self.orders),
            in_doubt=self.counts["in_doubt"],
            open=self.counts["open"],
            beside=tuple(self.beside),
            flaws=tuple(self.flaws),
            **{name: self.counts[name] for name in names},
        )

    def _flaw(self, kind: str, text: str, times: int = 1) -> None:
        self.counts[kind] += times
        self.flaws.append(f"{kind}: {text}")

    def _row(self, order: Ordered) -> Shown | None:
        return self.shown.get(order.payment_id) if self.shown and order.payment_id else None

    def _bare(self, booking: Booking) -> bool:
        """Whether an order without reference wanted just this."""
        return any(
            order.reference == NO_REFERENCE and order.identity[:3] == booking.identity[:3]
            for order in self.orders
        )

    # Which booking is whose

    def _match(self, bookings: Iterable[Booking]) -> list[Booking]:
        """Give each order without a booking one that equals it; returns what is left over."""
        left = []
        for booking in bookings:
            equal = [o for o in self.orders if o.identity == booking.identity] or [
                o
                for o in self.orders
                if o.reference == NO_REFERENCE and o.identity[:3] == booking.identity[:3]
            ]
            free = [order for order in equal if order.key not in self.found]
            if free:
                self.found[min(free, key=lambda o: self._distance(o, booking)).key] = booking
            else:
                left.append(booking)
        return left

    def _distance(self, order: Ordered, booking: Booking) -> int:
        """Between equals only: who says the booking is his, who still may, who denies it."""
        row = self._row(order)
        if row is None:
            return 2
        if row.partner_reference == booking.partner_reference:
            return 0
        return 3 if row.state in FAILED or row.partner_reference else 1

    def _surplus(self, bookings: Iterable[Booking]) -> list[Booking]:
        left = []
        wanted = {order.identity: order for order in self.orders}
        for booking in bookings:
            if booking.identity in wanted:
                self._flaw("twice", f"{wanted[booking.identity]}: also {booking}")
            elif self._bare(booking):
                self._flaw("twice", f"more often than ordered: {booking}")
            else:
                left.append(booking)
        for key, booking in self.found.items():
            if (times := times_moved(booking)) > 1:
                self._flaw("twice", f"{key}: {times} debits for {booking}", times - 1)
        return left

    def _changed(self, bookings: Iterable[Booking]) -> list[Booking]:
        """Pair what is left where two of three agree, or the reference; then look for swaps."""
        left = list(bookings)
        orders = [order for order in self.orders if order.key not in self.found]
        pairs = sorted(
            ((_likeness(o, b), o, b) for o in orders for b in left if _likeness(o, b)),
            key=lambda pair: -pair[0],
        )
        changed: list[tuple[Ordered, Booking]] = []
        for _, order, booking in pairs:
            if order.key not in self.found and booking in left:
                self.found[order.key] = booking
                left.remove(booking)
                changed.append((order, booking))
        self.changed = {order.key for order, _ in changed}
        told: set[str] = set()
        for order, booking in changed:
            if order.key in told:
                continue
            fields = _different(order, booking)
            other = next(
                (o for o, b in changed if o.key not in told | {order.key}
                 and _exchanged(order, booking, o, b)), None)  # fmt: skip
            if other is not None:
                told.add(other.key)
                text = f"swapped, each has the other's {fields}: {order} and {other}"
                self._flaw("changed", text, 2)
            else:
                self._flaw("changed", f"{fields} of {order}: {booking}")
        return left

    def _names(self) -> None:
        for order in self.orders:
            booking = self.found.get(order.key)
            if booking is None or booking.creditor_account != order.creditor_account:
                continue
            if not _same_name(order.creditor, booking.creditor):
                self._flaw("changed", f"creditor's name of {order}: {booking}")

    # What is said of each

    def _judge(self, order: Ordered) -> None:
        booking, row = self.found.get(order.key), self._row(order)
        if booking is None or not booking.stands:
            self._judge_unbooked(order, row, booking)
        if booking is not None:
            self.counts["returned" if not booking.stands else
                        "booked" if booking.moved else "held"] += 1  # fmt: skip
        if row is None:
            if order.payment_id and self.shown is not None:
                self._flaw("disagree", f"{order} was acknowledged as a payment that is not there")
            elif not order.payment_id and booking is not None and booking.stands:
                self.beside.append(f"booked, though never acknowledged: {order}")
            return
        if _is_in_doubt(row):
            self.counts["in_doubt"] += 1
            self.beside.append(f"in doubt: {order}: {row}: {row.reason or 'no reason shown'}")
        else:
            self._judge_state(order, row, booking)
        if (row.amount_minor, row.currency) != (order.amount_minor, order.currency):
            text = f"{row} shows {row.amount_minor} {row.currency} minor units for {order}"
            self._flaw("disagree", text)

    def _judge_unbooked(self, order: Ordered, row: Shown | None, dead: Booking | None) -> None:
        booked = "not booked" if dead is None else f"{dead.status} in the book"
        if order.payment_id is None:
            self.beside.append(f"not acknowledged, {booked}: {order}")
        elif row is None:
            self._flaw("lost", f"{order}: acknowledged, {booked}, and no failure was told")
        elif row.state in SETTLED and not _is_in_doubt(row):
            self._flaw("lost", f"{order}: said to be {row.state}, and {booked}")
        elif row.state not in FAILED and not _is_in_doubt(row):
            self.counts["open"] += 1
            self.beside.append(f"open: {order}: {row}: {row.reason or 'no reason shown'}")

    def _judge_state(self, order: Ordered, row: Shown, booking: Booking | None) -> None:
        """A claim about money has to stand in the book; a state under way claims nothing."""
        word = booking.status if booking else "not there"
        if row.state in SETTLED and (booking is None or booking.status != DONE):
            self._flaw("disagree", f"{row} of {order}, but in the book it is {word}")
        if row.state in NOTHING_MOVED and booking and (booking.stands or booking.net_minor):
            self._flaw("disagree", f"{row} of {order}, but in the book it is {word}")
        if row.state == RETURNED and not (booking and not booking.stands and booking.debits):
            self._flaw("disagree", f"{row} of {order}, but in the book it is {word}")
        if (
            row.state in SETTLED
            and booking is not None
            and order.key not in self.changed
            and row.partner_reference != booking.partner_reference
        ):
            self._flaw("disagree", f"{row} of {order} names {row.partner_reference}: {booking}")

    def _references(self) -> None:
        """One booking belongs to one payment."""
        named = Counter(
            row.partner_reference for row in (self.shown or {}).values() if row.partner_reference
        )
        for reference, times in named.items():
            if times > 1:
                self._flaw("disagree", f"{times} payments name booking {reference}")


def _is_in_doubt(row: Shown) -> bool:
    return row.certainty == "unknown" or row.state in PARKED


def _likeness(order: Ordered, booking: Booking) -> int:
    """0 where nothing says that they belong together; the reference says most."""
    reference = order.reference == booking.reference and order.reference != NO_REFERENCE
    account = order.creditor_account == booking.creditor_account
    money = (order.amount_minor, order.currency) == (booking.amount_minor, booking.currency)
    if not reference and not (account and money):
        return 0
    return 4 * reference + 2 * account + money


def _different(order: Ordered, booking: Booking) -> str:
    names = ("creditor account", "amount", "currency", "reference")
    sides = zip(names, order.identity, booking.identity, strict=True)
    return ", ".join(name for name, ours, theirs in sides if ours != theirs)


def _exchanged(order: Ordered, booking: Booking, other: Ordered, its: Booking) -> bool:
    """Whether each of two bookings has in its one wrong field what belongs in the other's."""
    wrong = [i for i in range(4) if order.identity[i] != booking.identity[i]]
    same = [i for i in range(4) if other.identity[i] != its.identity[i]]
    return wrong == same and all(
        order.identity[i] == its.identity[i] and other.identity[i] == booking.identity[i]
        for i in wrong
    )


def _same_name(ordered: str, booked: str) -> bool:
    """Banks drop accents and signs and cut names; another name is none of that."""
    ours, theirs = _letters(ordered), _letters(booked)
    return ours == theirs or (len(theirs) >= 20 and ours.startswith(theirs))


def _letters(name: str) -> str:
    bare = unicodedata.normalize("NFKD", name.casefold())
    return "".join(character for character in bare if character.isascii() and character.isalnum())


def report(comparison: Comparison) -> str:
    """For a person: the counts, what has to be seen beside them, and the flaws."""
    lists = ("beside", "flaws")
    lines = [f"{n:<14}{v:>7}" for n, v in asdict(comparison).items() if n not in lists]
    lines += [f"  beside: {text}" for text in comparison.beside]
    lines += [f"  FLAW {text}" for text in comparison.flaws]
    lines.append("the books agree" if comparison.agrees else "THE BOOKS DO NOT AGREE")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.proof.checker", description=__doc__)
    parser.add_argument("--journal", type=Path, required=True)
    parser.add_argument("--book", type=Path, required=True)
    parser.add_argument("--store", type=Path, help="the output of `finality list --json`")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args(arguments)
    with given.journal.open() as journal:
        lines = given.store.read_text().splitlines() if given.store else ()
        store = [json.loads(line) for line in lines] if given.store else None
        comparison = compare(journal, json.loads(given.book.read_text()), store)
    text = json.dumps(asdict(comparison)) if given.json else report(comparison)
    sys.stdout.write(text + "\n")
    return 0 if comparison.agrees else 1


if __name__ == "__main__":
    sys.exit(main())
