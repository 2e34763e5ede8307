"""Every word the published lists have for a payment, a review or a booking has a meaning here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from domain.payments.report import MovementKind, PaymentState, Report, Source
from partners.currencycloud import mapping, wire
from tests.partners.currencycloud.scripted import NOW, SUBJECT, payment, transaction

S = PaymentState
UNRELEASED = ("new", "authorised", "ready_to_send")


@pytest.fixture(scope="module")
def enums(specs: Path) -> dict[str, list[str]]:
    whole: dict[str, Any] = json.loads((specs / "currencycloud" / "enums.json").read_text())
    found: dict[str, list[str]] = whole["enums"]
    return found


@pytest.fixture(scope="module")
def transaction_codes(specs: Path) -> set[str]:
    sets = specs / "iso20022" / "codes" / "sets"
    file = sets / "external_payment_transaction_status_code.json"
    return set(json.loads(file.read_text())["codes"])


def told(status: str, *, is_short: bool = False, **changes: Any) -> Report:
    read = wire.Payment(**payment(status=status, **changes))
    return mapping.report(SUBJECT, read, None, source=Source.READ, as_of=NOW, is_short=is_short)


def failed(*booked: wire.Transaction, **changes: Any) -> Report:
    read = wire.Payment(**payment(status="failed", **changes))
    return mapping.report(SUBJECT, read, mapping.bookings(booked), source=Source.READ, as_of=NOW)


def test_every_status_of_the_list_is_mapped_and_no_other(enums: dict[str, list[str]]) -> None:
    assert set(enums["paths./payments/find.get.parameters.status"]) == mapping.STATUSES


@pytest.mark.parametrize(
    "name",
    [
        "paths./payments/find.get.parameters.review_status",
        "paths./payments/{id}.get.parameters.review_status",
        "definitions.Payment.properties.review_status",
    ],
)
def test_every_word_of_a_review_is_mapped_and_no_other(
    enums: dict[str, list[str]], name: str
) -> None:
    assert set(enums[name]) == set(mapping.REVIEW)


def test_every_booking_that_can_stand_in_the_list_has_a_meaning(
    enums: dict[str, list[str]],
) -> None:
    actions = set(enums["definitions.Transaction.properties.action"])
    assert actions == set(enums["paths./transactions/find.get.parameters.action"])
    of_payments = {action for action, _ in mapping.MOVED} | {mapping.CALLED_BACK[0]}
    assert of_payments | mapping.NOT_OF_PAYMENTS == actions
    assert not of_payments & mapping.NOT_OF_PAYMENTS
    for action in sorted(actions):
        for kind in enums["definitions.Transaction.properties.type"]:
            for status in enums["definitions.Transaction.properties.status"]:
                _check_booking(action, kind, status)


def _check_booking(action: str, kind: str, status: str) -> None:
    booked = mapping.bookings([wire.Transaction(**transaction(1, action, kind, status=status))])
    assert booked.has_pending is (status == "pending")
    is_payments_own = (action, kind) in mapping.MOVED
    if status == "completed":
        assert bool(booked.movements) is is_payments_own
        assert bool(booked.drift) is not is_payments_own
    else:
        assert (booked.movements, booked.drift) == ((), ())


def test_a_booking_in_a_status_nobody_listed_leaves_failed_open() -> None:
    odd = wire.Transaction(**transaction(1, "payment", "debit", status="reversed"))
    booked = mapping.bookings([odd])
    assert booked.drift == ("transaction: unknown status 'reversed'",)
    assert booked.state_if_failed is None


def test_a_released_payment_that_was_called_back_moved_nothing_until_it_leaves_again() -> None:
    debit = wire.Transaction(**transaction(1, "payment", "debit"))
    back = wire.Transaction(**transaction(2, "payment_unrelease", "credit"))
    again = wire.Transaction(**transaction(3, "payment", "debit"))
    assert mapping.bookings([back, debit]).movements == ()
    (movement,) = mapping.bookings([again, back, debit]).movements
    assert (movement.movement_id, movement.kind) == ("transaction-3", MovementKind.DEBIT)


@pytest.mark.parametrize("status", sorted(mapping.STATUSES))
@pytest.mark.parametrize("review", [None, "", *mapping.REVIEW])
def test_before_release_compliance_has_the_say_and_after_it_no_more(
    status: str, review: str | None, transaction_codes: set[str]
) -> None:
    report = told(status, review_status=review)
    if status in UNRELEASED and review in ("in_review", "rejected"):
        expected = S.AWAITING_PARTNER
    else:
        expected = mapping.STATE[status][0] if status != "failed" else S.SUBMITTING
    assert report.state is expected
    assert report.drift == ()
    if status != "failed":
        assert report.transaction_status in transaction_codes


@pytest.mark.parametrize("status", sorted(mapping.STATUSES))
def test_funds_that_are_short_are_ours_to_mend_wherever_that_is_what_it_waits_for(
    status: str,
) -> None:
    short, covered = told(status, is_short=True), told(status)
    if status == "ready_to_send":
        assert (short.state, short.status_reason) == (S.AWAITING_US, "AM04")
        assert "balance" in (short.reason or "")
        assert covered.state is S.ACCEPTED
    else:
        assert short == covered


@pytest.mark.parametrize("steps", ["2", 2, None])
def test_approvals_are_ours_to_give_and_their_number_is_told(steps: object) -> None:
    report = told("awaiting_authorisation", authorisation_steps_required=steps)
    assert (report.state, report.transaction_status) == (S.AWAITING_US, "PATC")
    assert f"({steps} in all)" in (report.reason or "")


def test_a_word_of_a_review_that_nobody_listed_is_told_and_claims_nothing() -> None:
    report = told("ready_to_send", review_status="escalated")
    assert report.state is S.ACCEPTED
    assert report.drift == ("payment.review_status: unknown word",)


@pytest.mark.parametrize("status", ["cancelled", "COMPLETED", "", "paid"])
def test_a_status_nobody_listed_stays_unmapped(status: str) -> None:
    report = told(status)
    assert (report.state, report.transaction_status) == (None, None)
    assert report.partner_status == status


@pytest.mark.parametrize(
    ("text", "review", "code"),
    [
        ("Beneficiary account closed", "passed", "AC04"),
        ("The account of the beneficiary was CLOSED by their bank", None, "AC04"),
        ("Account is blocked", "passed", "AC06"),
        ("Incorrect account number", "passed", "AC01"),
        ("IBAN not found", "passed", "AC01"),
        ("Account holder deceased", "passed", "MD07"),
        ("Insufficient funds", "passed", "AM04"),
        ("Compliance review", "passed", "RR04"),
        ("Beneficiary account closed", "rejected", "RR04"),
        ("ask the beneficiary bank", "passed", "NARR"),
        ("", "passed", "MS03"),
        ("", "rejected", "RR04"),
    ],
)
def test_why_it_failed_is_said_in_a_code_where_their_words_are_plain(
    text: str, review: str | None, code: str, specs: Path
) -> None:
    report = failed(failure_reason=text, review_status=review)
    assert (report.state, report.transaction_status) == (S.REJECTED, "RJCT")
    assert report.status_reason == code
    assert report.reason == (text or None)
    codes = specs / "iso20022" / "codes" / "sets" / "external_status_reason_code.json"
    assert code in json.loads(codes.read_text())["codes"]


def test_what_came_back_says_why_without_being_called_a_rejection() -> None:
    debit = wire.Transaction(**transaction(1, "payment", "debit"))
    report = failed(debit, failure_reason="Account closed", failure_returned_amount="997.50")
    assert (report.state, report.transaction_status) == (S.RETURNED, None)
    assert report.status_reason == "AC04"


@pytest.mark.parametrize(
    ("change", "field", "seen"),
    [
        ({"amount": "1200.00"}, "amount", "1200.00 EUR"),
        ({"currency": "GBP"}, "amount", "1000.00 GBP"),
        ({"currency": "JPY"}, "amount", "1000 JPY"),
        ({"beneficiary_id": "other"}, "beneficiary_is_ours", "False"),
        ({"payment_date": "2026-12-24"}, "requested_execution_date", "2026-12-24"),
    ],
)
def test_what_people_changed_there_is_shown_as_it_now_stands(
    change: dict[str, Any], field: str, seen: str
) -> None:
    before, after = told("ready_to_send").observed, told("ready_to_send", **change).observed
    assert str(getattr(after, field)) == seen
    assert str(getattr(before, field)) != seen
