"""The bank's JSON in its spelling: strict in what we read, tolerant of the rest."""

from __future__ import annotations

from typing import ClassVar

from pydantic import AwareDatetime

from domain.money import Money
from partners.kit.wire import Wire


class Order(Wire):
    documented = frozenset({"reference", "name"})
    readings: ClassVar[dict[str, str]] = {"amount_minor": "amount"}
    id: str
    key: str
    status: str
    account: str
    amount_minor: int
    currency: str
    created_at: AwareDatetime
    debited_at: str | None
    returned_at: str | None

    @property
    def amount(self) -> Money:
        return Money(minor=self.amount_minor, currency=self.currency)


class Page(Wire):
    orders: tuple[Order, ...]
    more: bool


class Token(Wire):
    access_token: str
    expires_in: int


class Refusal(Wire):
    error: str


class Event(Wire):
    event: str
    kind: str
    order_id: str
