"""A model bank that shows accounts: its lists move whenever a test says so."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

from domain.account_data.accounts import Balance, BalanceKind, LinkedAccount
from domain.account_data.answers import (
    Access,
    AccountsShown,
    BalancesShown,
    NoAccess,
    TransactionsPage,
)
from domain.account_data.transactions import Booking, Line, Transaction
from domain.accounts import Account
from domain.clock import Clock
from domain.lifecycle.answers import Unanswered
from domain.money import Money

IBAN = "DE89370400440532013000"
NEIGHBOUR = "DE02120300000000202051"
DAY = date(2026, 3, 2)


def linked(reference: str = "res-1", iban: str = IBAN) -> LinkedAccount:
    """An account at the model bank."""
    return LinkedAccount(
        reference=reference, number=Account(iban=iban), currency="EUR", name="Household",
        owner="Wilhelmina Canary",
    )  # fmt: skip


def line(
    text: str,
    minor: int = -450,
    *,
    reference: str | None = None,
    booking: Booking = Booking.BOOKED,
    day: date | None = DAY,
    **fields: str,
) -> Line:
    """A line that the bank lists."""
    transaction = Transaction(
        amount=Money(minor=minor, currency="EUR"),
        booking=booking,
        reference=reference,
        booked_on=day if booking is Booking.BOOKED else None,
        valued_on=day,
        counterparty="Café Canary",
        counterparty_account=Account(iban=NEIGHBOUR),
        remittance_information=text,
        **fields,
    )
    return Line(transaction, {"text": text, "iban": NEIGHBOUR})


def pending(text: str, minor: int = -450, **fields: Any) -> Line:
    """A line that is not booked yet."""
    return line(text, minor, booking=Booking.PENDING, **fields)


def booked(of: Line, day: date = DAY, reference: str | None = None) -> Line:
    """The line that the bank shows once a pending one is booked."""
    changed = replace(
        of.transaction, booking=Booking.BOOKED, booked_on=day, valued_on=day, reference=reference
    )
    return Line(changed, of.raw)


@dataclass
class ModelAccounts:
    """Lists are the newest first, and cursors count lines: the worst that a bank can do."""

    accounts_: list[LinkedAccount] = field(default_factory=lambda: [linked()])
    lines: list[Line] = field(default_factory=list)
    page_size: int = 3
    balance_minor: int = 100_00
    login: str = "us"
    calls: list[str] = field(default_factory=list)
    accesses: list[Access] = field(default_factory=list)
    answers: deque[Unanswered | NoAccess] = field(default_factory=deque)
    """Given instead of what was asked for, one after the other."""
    clock: Clock | None = None
    begun: list[datetime] = field(default_factory=list)
    """When a listing was begun."""
    after_page: deque[Callable[[], object]] = field(default_factory=deque)
    """What happens at the bank after each page of transactions."""

    def _called(self, what: str, access: Access) -> Unanswered | NoAccess | None:
        self.calls.append(what)
        self.accesses.append(access)
        return self.answers.popleft() if self.answers else None

    async def accounts(self, access: Access) -> AccountsShown | NoAccess | Unanswered:
        return self._called("accounts", access) or AccountsShown(tuple(self.accounts_))

    async def balances(self, access: Access, account: str) -> BalancesShown | NoAccess | Unanswered:
        if answer := self._called("balances", access):
            return answer
        amount = Money(minor=self.balance_minor, currency="EUR")
        return BalancesShown((Balance(BalanceKind.ITAV, amount), Balance(BalanceKind.CLBD, amount)))

    async def transactions(
        self, access: Access, account: str, since: date | None, cursor: str | None
    ) -> TransactionsPage | NoAccess | Unanswered:
        if answer := self._called(f"transactions {since} {cursor}", access):
            return answer
        if cursor is None and self.clock is not None:
            self.begun.append(self.clock.now())
        shown = [
            each
            for each in self.lines
            if since is None or each.transaction.day is None or each.transaction.day >= since
        ]
        start = int(cursor or 0)
        end = start + self.page_size
        page = TransactionsPage(
            tuple(shown[start:end]), cursor=str(end) if end < len(shown) else None
        )
        if self.after_page:
            self.after_page.popleft()()
        return page

    async def close(self) -> None:
        return None
