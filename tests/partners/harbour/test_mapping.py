"""The bank's words: each that its specification has is known, and no other is guessed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

import pytest

from domain.lifecycle.profile import InstructionKind
from domain.money import Money
from domain.payments.answers import Subject
from domain.payments.report import MovementKind, PaymentState, Source
from examples.harbour import mapping, wire
from partners.kit.wire import Unusable, read
from tests.partners.currencycloud.scripted import ORDER

NOW: Final = datetime(2026, 11, 23, 10, tzinfo=UTC)
SUBJECT: Final = Subject("pay_1/pay/1", ORDER, ("KEY",))
#: Of the specification, "Orders" and "Errors".
STATUSES: Final = ("received", "sent", "booked", "returned", "declined", "cancelled")
ERRORS: Final = ("malformed", "insufficient_funds", "invalid_account", "too_late", "key_reused")


def shown(**changes: Any) -> wire.Order:
    """An order as the bank shows it."""
    given = {
        "id": "o-1",
        "key": "KEY",
        "status": "received",
        "created_at": NOW,
        "debited_at": None,
        "returned_at": None,
        **mapping.asked(ORDER),
        **changes,
    }
    return wire.Order.model_validate(given)


def test_every_status_of_the_specification_has_a_state() -> None:
    assert set(mapping.STATES) == set(STATUSES)


def test_every_error_of_the_specification_is_a_refusal_or_is_about_the_key() -> None:
    assert set(ERRORS) <= mapping.REFUSED | mapping.DUPLICATE
    assert not mapping.REFUSED & mapping.DUPLICATE


def test_an_unknown_status_keeps_its_word_and_is_reported() -> None:
    report = mapping.report(SUBJECT, shown(status="elsewhere"), Source.READ, NOW)
    assert report.state is None
    assert report.partner_status == "elsewhere"
    assert any("elsewhere" in each for each in report.drift)


def test_a_booking_is_a_movement_with_an_id_of_its_own() -> None:
    order = shown(status="returned", debited_at="2026-11-23", returned_at="2026-11-24")
    report = mapping.report(SUBJECT, order, Source.READ, NOW)
    assert report.state is PaymentState.RETURNED
    assert {each.kind for each in report.movements} == {MovementKind.DEBIT, MovementKind.RETURN}
    assert len({each.movement_id for each in report.movements}) == 2
    assert {each.amount for each in report.movements} == {Money(minor=100_000, currency="EUR")}


def test_the_creditor_that_the_bank_shows_is_compared_with_ours() -> None:
    report = mapping.report(SUBJECT, shown(account="DE00999"), Source.READ, NOW)
    assert report.observed.creditor_account_ends == "0999"


def test_a_refused_payment_is_rejected_and_a_refused_cancel_says_nothing_of_it() -> None:
    refusal = wire.Refusal(error="too_late")
    assert mapping.refused(SUBJECT, refusal, NOW).state is PaymentState.REJECTED
    cancel = Subject("pay_1/cancel/1", ORDER, ("KEY",), kind=InstructionKind.CANCEL)
    assert mapping.refused(cancel, refusal, NOW).state is None


@pytest.mark.parametrize("missing", ["id", "key", "status", "amount_minor", "currency"])
def test_an_order_without_a_field_that_we_need_is_unusable(missing: str) -> None:
    text = shown().model_dump_json(exclude={missing})
    assert isinstance(read(wire.Order, text), Unusable)
