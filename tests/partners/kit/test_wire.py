"""Strict in what we read, tolerant of all else, and no value is ever quoted."""

from __future__ import annotations

import json
from typing import Any, ClassVar

import pytest

from domain.money import Money
from partners.kit.wire import Unusable, Wire, read


class Leg(Wire):
    readings: ClassVar[dict[str, str]] = {"amount": "money"}

    amount: str

    @property
    def money(self) -> Money:
        return Money.from_wire(self.amount, "EUR")


class Payment(Wire):
    documented = frozenset({"colour"})

    id: str
    legs: tuple[Leg, ...] = ()
    fee: Leg | None = None


def payment(**changes: Any) -> str:
    return json.dumps({"id": "p", "legs": [{"amount": "1.00"}], **changes})


def test_what_we_do_not_read_may_come_or_go() -> None:
    found = read(Payment, payment(colour="red", mood="gay", zeal=1))
    assert isinstance(found, Payment)
    assert found.drift == ("payment.mood: unknown field", "payment.zeal: unknown field")


def test_many_unknown_fields_are_counted() -> None:
    found = read(Payment, payment(**{f"f{number:02}" * 30: 1 for number in range(12)}))
    assert isinstance(found, Payment)
    assert len(found.drift) == 11
    assert found.drift[-1] == "payment: 2 more unknown fields"
    assert max(map(len, found.drift)) < 120


@pytest.mark.parametrize(
    ("body", "drift"),
    [
        (payment(id=7), "payment.id: string_type"),
        ('{"legs": []}', "payment.id: missing"),
        (payment(id="s3cret" * 100), "payment.id: string_too_long"),
        (payment(legs=[{"amount": 1}]), "payment.legs.0.amount: string_type"),
        (payment(legs=[{"amount": "s3cret"}]), "leg.amount: not readable"),
        (payment(fee={"amount": "1.005"}), "leg.amount: not readable"),
        ("<html>s3cret</html>", "payment: not JSON"),
        ('{"id": "p", "id": "q"}', "payment: a name twice in one object"),
    ],
)
def test_what_cannot_be_read_is_named_without_its_value(body: str, drift: str) -> None:
    found = read(Payment, body)
    assert isinstance(found, Unusable)
    assert found.drift == (drift,)
    assert found.why == f"an answer outside the known contract: {drift}"
