"""Every word that the published lists have for these flows has a meaning here."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from domain.payments.order import Rail
from domain.payments.report import ActionKind, PaymentState, Report, Source
from partners.kit.wire import read
from partners.stripe import errors, mapping, wire, words
from partners.stripe.events import REFERENCE
from regimes.rails import COLLECTING
from tests.partners.stripe.openapi import properties
from tests.partners.stripe.scripted import NOW, SECONDS, TAKEN, charge, intent

S = PaymentState


@pytest.fixture(scope="module")
def enums(specs: Path) -> dict[str, set[str]]:
    (file,) = (specs / "stripe").glob("enums.*.json")
    whole: dict[str, dict[str, list[str]]] = json.loads(file.read_text())["enums"]
    return {name: set(found) for kinds in whole.values() for name, found in kinds.items()}


def told(whole: dict[str, Any]) -> Report:
    found = read(wire.PaymentIntent, json.dumps(whole))
    assert isinstance(found, wire.PaymentIntent), found
    return mapping.intent_report(
        TAKEN, found, Source.READ, NOW, acts_within=timedelta(hours=1), around=None
    )


def test_every_status_of_an_intent_is_mapped_and_no_other(enums: dict[str, set[str]]) -> None:
    assert enums["PaymentIntent.status"] == set(words.INTENT)


def test_every_reason_of_a_cancellation_is_mapped_and_no_other(enums: dict[str, set[str]]) -> None:
    assert enums["PaymentIntent.cancellation_reason"] == set(words.CANCELED_BECAUSE)


def test_every_status_of_a_charge_is_known(enums: dict[str, set[str]]) -> None:
    assert enums["Charge.status"] == words.CHARGE_STATUSES


def test_every_status_of_a_dispute_is_mapped(enums: dict[str, set[str]]) -> None:
    appeals = {"appeal_needs_response", "appeal_under_review"}  # From the changelog after the list.
    assert enums["Dispute.status"] | appeals == set(words.DISPUTE)


@pytest.mark.parametrize(("object_", "table"), [("refund", words.REFUND), ("payout", words.PAYOUT)])
def test_every_status_that_the_reference_describes_is_mapped(
    specs: Path, object_: str, table: dict[str, Any]
) -> None:
    """Their schemas have no enum, only a sentence that quotes every word."""
    described = properties(specs, object_)["status"]["description"]
    quoted = set(described.split("`")[1::2])
    assert quoted == set(table)


def test_every_type_of_booking_is_in_one_table(enums: dict[str, set[str]]) -> None:
    tables = [set(words.BOOKED), words.UNDOES, words.OF_REVERSALS, words.NOT_OF_PAYMENTS]
    assert enums["BalanceTransaction.type"] == set().union(*tables)
    assert len(enums["BalanceTransaction.type"]) == sum(map(len, tables))


def test_every_error_code_is_in_one_group(enums: dict[str, set[str]]) -> None:
    codes = enums["PaymentIntent.LastPaymentError.code"]
    others = {code for code in codes if code.startswith(errors.NOT_MET_PREFIXES)}
    groups = [errors.TURNED_AWAY, errors.OUR_ACCESS, errors.CHANGED, errors.REFUSED,
              errors.NOT_MET, others]  # fmt: skip
    assert codes == set().union(*groups)
    assert len(codes) == sum(map(len, groups))


def test_every_type_of_error_proves_something_known(enums: dict[str, set[str]]) -> None:
    """An error of the API itself comes with 500, or proves nothing."""
    types = enums["PaymentIntent.LastPaymentError.type"]
    assert types == {"api_error", "card_error", "idempotency_error", "invalid_request_error"}
    proven = {
        kind: errors.proven(400, wire.ApiError(type=kind, code="parameter_missing"))
        for kind in types
    }
    assert proven == {
        "api_error": errors.Proves.NOTHING,
        "card_error": errors.Proves.REFUSED,
        "idempotency_error": errors.Proves.DUPLICATE,
        "invalid_request_error": errors.Proves.REFUSED,
    }


def test_a_card_allows_several_captures_only_by_the_word_for_it(
    enums: dict[str, set[str]],
) -> None:
    known = enums["Charge.PaymentMethodDetails.Card.Multicapture.status"]
    assert known == {"available", "unavailable"}
    for status in {*known, "of a new kind"}:
        card = {"type": "card", "card": {"multicapture": {"status": status}}}
        found = read(wire.Charge, json.dumps(charge(payment_method_details=card)))
        assert isinstance(found, wire.Charge), found
        assert found.allows_several_captures is (status == "available")


def test_every_rail_that_collects_has_a_kind_of_method() -> None:
    assert set(words.METHODS) == set(COLLECTING)
    assert Rail.CARD in words.METHODS


def test_every_event_that_can_be_about_a_payment_of_ours_names_it(
    enums: dict[str, set[str]],
) -> None:
    rooms = ("payment_intent.", "payout.", "charge.", "refund.", "radar.", "review.")
    ours = {kind for kind in enums["Event.type"] if kind.startswith(rooms)}
    assert {kind for kind in ours if kind.startswith(tuple(REFERENCE))} == ours


@pytest.mark.parametrize(
    ("whole", "state"),
    [
        (intent(status="requires_payment_method"), S.AWAITING_USER),
        (intent(status="requires_confirmation"), S.ACCEPTED),
        (intent(status="requires_action"), S.AWAITING_USER),
        (intent(status="processing"), S.PROCESSING),
        (intent(status="requires_capture", amount_capturable=1250), S.AUTHORISED),
        (intent(status="requires_capture", amount_received=250), S.PARTLY_CAPTURED),
        (intent(), S.CAPTURED),
        (intent(status="canceled"), S.CANCELLED),
        (intent(status="canceled", cancellation_reason="automatic"), S.EXPIRED),
        (intent(status="canceled", cancellation_reason="failed_invoice"), S.REJECTED),
        (intent(status="canceled", cancellation_reason="of a new kind"), S.CANCELLED),
        (intent(status="canceled", amount_received=250), S.CAPTURED),
        (intent(status="parked_elsewhere"), None),
    ],
    ids=str,
)
def test_a_status_with_what_stands_beside_it_is_one_state(
    whole: dict[str, Any], state: PaymentState | None
) -> None:
    assert told(whole).state is state


@pytest.mark.parametrize(
    ("failed", "state", "code"),
    [
        ({"code": "card_declined", "decline_code": "insufficient_funds"}, S.REJECTED, "AM04"),
        ({"code": "card_declined", "decline_code": "do_not_honor"}, S.REJECTED, "NARR"),
        ({"code": "debit_not_authorized"}, S.REJECTED, "MD01"),
        ({"code": "payment_intent_authentication_failure"}, S.REJECTED, "NARR"),
        ({}, S.REJECTED, "NARR"),
        ({"code": "authentication_required"}, S.AWAITING_USER, None),
        (
            {"code": "card_declined", "decline_code": "authentication_required"},
            S.AWAITING_USER,
            None,
        ),
    ],
    ids=str,
)
def test_without_a_means_of_payment_the_last_error_decides(
    failed: dict[str, str], state: PaymentState, code: str | None
) -> None:
    error = {"type": "card_error", "message": "No.", **failed}
    report = told(intent(status="requires_payment_method", last_payment_error=error))
    assert (report.state, report.status_reason) == (state, code)
    assert (
        report.reason == f"{failed.get('decline_code') or failed.get('code') or 'card_error'}: No."
    )
    assert (report.action is not None) == (state is S.AWAITING_USER)


def test_an_account_number_in_a_decline_is_masked() -> None:
    error = {"type": "card_error", "message": "Account DE89370400440532013000 is closed."}
    report = told(intent(status="requires_payment_method", last_payment_error=error))
    assert "…3000" in (report.reason or "")
    assert "0440532013" not in (report.reason or "")


def test_unknown_words_and_fields_are_drift() -> None:
    whole = intent(
        charge(status="dreaming"), status="parked_elsewhere", cancellation_reason="because", new=1
    )
    assert told(whole).drift == (
        "payment_intent.new: unknown field",
        "payment_intent.status: unknown 'parked_elsewhere'",
        "payment_intent.cancellation_reason: unknown 'because'",
        "charge.status: unknown 'dreaming'",
    )


URL = "https://hooks.stripe.com/redirect/authenticate/src_1?client_secret=src_client_secret_1"


@pytest.mark.parametrize(
    ("following", "kind", "url", "seconds", "drift"),
    [
        ({"type": "redirect_to_url", "redirect_to_url": {"url": URL}},
         ActionKind.REDIRECT, URL, 3600, 0),
        ({"type": "use_stripe_sdk"}, ActionKind.CONFIRM, None, 3600, 0),
        ({"type": "verify_with_microdeposits",
          "verify_with_microdeposits": {"hosted_verification_url": URL, "arrival_date": SECONDS}},
         ActionKind.REDIRECT, URL, 10 * 86_400, 0),
        ({"type": "sing_a_song"}, ActionKind.CONFIRM, None, 3600, 1),
        ({"type": "redirect_to_url", "redirect_to_url": {"url": "javascript:alert(1)"}},
         ActionKind.CONFIRM, None, 3600, 1),
        (None, ActionKind.CONFIRM, None, 3600, 0),
    ],
)  # fmt: skip
def test_the_payer_is_told_what_to_do_and_until_when(
    following: Any, kind: ActionKind, url: str | None, seconds: int, drift: int
) -> None:
    report = told(intent(status="requires_action", next_action=following))
    assert report.action is not None
    assert (report.action.kind, report.action.url) == (kind, url)
    assert report.action.expires_at == NOW + timedelta(seconds=seconds)
    assert len(report.drift) == drift


def test_the_end_of_a_hold_is_said() -> None:
    card = {"type": "card", "card": {"capture_before": SECONDS + 86_400}}
    held = charge(amount_captured=0, payment_method_details=card)
    report = told(intent(held, status="requires_capture"))
    assert report.reason == "held until 2026-11-24 10:00 UTC"
