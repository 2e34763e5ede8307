"""Which bookings count, and their sums: one rule for the fold and for the store's table."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Final

from domain.money import Money
from domain.payments.payment import Amounts
from domain.payments.report import Movement, MovementKind, Report, Source


def movements_of(reports: Iterable[Report]) -> tuple[Movement, ...]:
    """All bookings that stand, each once by its own id.

    If two reports say different things about one booking, a statement wins over other reports,
    and otherwise the later report wins. A booking that is missing from the newest complete list
    of its object was undone, and does not stand.
    """
    known = list(reports)
    undone = _undone(known)
    return tuple(one for one in ever_booked(known) if one.movement_id not in undone)


def ever_booked(reports: Iterable[Report]) -> tuple[Movement, ...]:
    """The same, including bookings that were undone later."""
    by_id = {
        movement.movement_id: movement
        for report in _by_strength(reports)
        for movement in report.movements
    }
    return tuple(by_id.values())


def amounts_of(instructed: Money, movements: Iterable[Movement]) -> Amounts:
    """Sums in the order's currency; bookings in other currencies are left out."""
    sums = Counter[MovementKind]()
    for movement in movements:
        if movement.amount.currency == instructed.currency:
            sums[movement.kind] += movement.amount.minor

    def money(minor: int) -> Money:
        return Money(minor=minor, currency=instructed.currency)

    kind = MovementKind
    refunded = sums[kind.REFUND] - sums[kind.REFUND_FAILED]
    disputed = sums[kind.DISPUTE] - sums[kind.REINSTATEMENT]
    out = sums[kind.DEBIT] + sums[kind.FEE] + refunded + disputed
    return Amounts(
        instructed=instructed,
        settled=money(sums[kind.DEBIT]),
        returned=money(sums[kind.RETURN]),
        fees=money(sums[kind.FEE]),
        net=money(out - sums[kind.RETURN] - sums[kind.CAPTURE]),
        authorised=money(sums[kind.AUTHORISATION] - sums[kind.RELEASE]),
        captured=money(sums[kind.CAPTURE]),
        refunded=money(refunded),
        disputed=money(disputed),
    )


#: What each booking of a reversal takes from us (1) or gives back to us (-1).
_TAKING: Final = {
    MovementKind.REFUND: 1,
    MovementKind.DISPUTE: 1,
    MovementKind.REFUND_FAILED: -1,
    MovementKind.REINSTATEMENT: -1,
}


def taken_by(movements: Iterable[Movement], reference: str | None, currency: str) -> Money:
    """What one reversal has taken from us, less what was given back."""
    minor = sum(
        _TAKING.get(movement.kind, 0) * movement.amount.minor
        for movement in movements
        if reference is not None
        and movement.reference == reference
        and movement.amount.currency == currency
    )
    return Money(minor=minor, currency=currency)


def in_another_currency(instructed: Money, movements: Iterable[Movement]) -> tuple[Movement, ...]:
    """Debits and returns that the sums leave out. A fee may be charged in any currency."""
    return tuple(
        movement
        for movement in movements
        if movement.kind is not MovementKind.FEE and movement.amount.currency != instructed.currency
    )


def _undone(reports: Iterable[Report]) -> set[str]:
    """Ids of bookings that are missing from a later complete list.

    A statement's list undoes nothing, because it has no place in that order.
    """
    undone: set[str] = set()
    shown: defaultdict[str | None, set[str]] = defaultdict(set)
    for report in _by_strength(reports):
        named = {movement.movement_id for movement in report.movements}
        if report.lists_all_movements and report.source is not Source.STATEMENT:
            undone |= shown[report.partner_reference] - named
        shown[report.partner_reference] |= named
        undone -= named
    return undone


def _by_strength(reports: Iterable[Report]) -> list[Report]:
    """The reports about bookings. Most have none, and `report_id` is expensive to compute."""
    telling = (one for one in reports if one.movements or one.lists_all_movements)
    return sorted(telling, key=_strength)


def _strength(report: Report) -> tuple[bool, int, datetime, Source, str]:
    return (report.source is Source.STATEMENT, *report.weight, report.report_id)
