"""Reads, lookups and lists: complete, or they say nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.lifecycle.answers import (
    Absent,
    Answered,
    CannotTell,
    Found,
    Listed,
    Unanswered,
)
from domain.lifecycle.profile import InstructionKind
from domain.lifecycle.report import Report
from domain.lifecycle.reversals import ReversalKind, ReversalState
from domain.money import Money
from domain.payments.order import Rail
from domain.payments.report import MovementKind, PaymentState
from tests.partners.stripe.scripted import (
    ASKED,
    HELD,
    KEY,
    NEW,
    NEW_PAYOUT,
    NOW,
    SECONDS,
    TAKEN,
    TAKEN_PAYOUT,
    Scripted,
    booking,
    charge,
    dispute,
    intent,
    of_kind,
    page,
    partner,
    payout,
    refund,
    shown,
    warning,
)

K = MovementKind
BOOKINGS = "GET /v1/balance_transactions"
INTENTS = "GET /v1/payment_intents"
ONE = "GET /v1/payment_intents/pi_1"
PAYOUTS = "GET /v1/payouts"
REFUNDS = "GET /v1/refunds"


async def was_read(script: Scripted, subject: Any = TAKEN) -> Report:
    read = await partner(script).read(subject)
    assert isinstance(read, Answered), read
    return read.report


def moved(report: Report) -> list[tuple[str, MovementKind, int]]:
    return [(each.movement_id, each.kind, each.amount.minor) for each in report.movements]


async def test_a_read_brings_every_booking_with_its_fee() -> None:
    report = await was_read(shown(intent(charge()), bookings=(booking(fee=44),)))
    assert moved(report) == [("ch_1-taken", K.CAPTURE, 12_50), ("txn_1-fee", K.FEE, 44)]
    assert report.lists_all_movements
    assert report.drift == ()


async def test_what_is_not_booked_was_not_captured_yet() -> None:
    report = await was_read(shown(intent(charge())))
    assert (report.state, moved(report)) == (PaymentState.CAPTURED, [])


async def test_a_debit_that_failed_after_its_booking_took_nothing() -> None:
    both = (booking(type="payment"), booking(2, type="payment_failure_refund", amount=-12_50))
    report = await was_read(shown(intent(charge()), bookings=both))
    assert moved(report) == []


async def test_before_money_was_taken_nothing_else_is_asked() -> None:
    script = shown(intent(charge(amount_captured=0), status="requires_capture"))
    report = await was_read(script, replace(TAKEN, order=HELD))
    assert moved(report) == [("ch_1-hold", K.AUTHORISATION, 12_50)]
    assert script.routes == [ONE]


async def test_a_partial_capture_that_was_the_last_releases_the_rest() -> None:
    taken = charge(amount_captured=400)
    script = shown(intent(taken, amount_received=400), bookings=(booking(amount=400),))
    report = await was_read(script, replace(TAKEN, order=HELD))
    assert moved(report) == [
        ("ch_1-hold", K.AUTHORISATION, 12_50),
        ("ch_1-rest", K.RELEASE, 8_50),
        ("ch_1-taken", K.CAPTURE, 400),
    ]


async def test_our_balance_in_another_currency_does_not_change_what_the_payer_paid() -> None:
    booked = booking(amount=13_70, currency="usd", fee=60)
    report = await was_read(shown(intent(charge()), bookings=(booked,)))
    amounts = {each.kind: each.amount for each in report.movements}
    assert amounts == {
        K.CAPTURE: Money(minor=12_50, currency="EUR"),
        K.FEE: Money(minor=60, currency="USD"),
    }


async def test_refunds_are_reversals_whoever_asked_for_them_and_the_end_of_a_hold_is_none() -> None:
    report = await was_read(
        shown(
            intent(charge()),
            bookings=(booking(),),
            refunds=(
                refund(1),
                refund(2, metadata={}, status="pending"),
                refund(3, status="failed", failure_balance_transaction="txn_4",
                       failure_reason="lost_or_stolen_card"),
                refund(5, metadata={}, balance_transaction=None),
                refund(6, status="dreaming"),
            ),
        )
    )  # fmt: skip
    assert {each.reference: each.state for each in report.reversals} == {
        "re_1": ReversalState.DONE,
        "re_2": ReversalState.PENDING,
        "re_3": ReversalState.FAILED,
        "re_6": None,
    }
    assert ("txn_4", K.REFUND_FAILED, 500) in moved(report)


TAKEN_BY_IT = booking(7, amount=-12_50, fee=15_00, source="du_1", type="adjustment")
GIVEN_BACK = booking(8, amount=12_50, fee=-15_00, source="du_1", type="adjustment")


@pytest.mark.parametrize(
    ("status", "bookings", "state"),
    [
        ("needs_response", (TAKEN_BY_IT,), ReversalState.NEEDS_EVIDENCE),
        ("lost", (TAKEN_BY_IT,), ReversalState.LOST),
        ("appeal_under_review", (TAKEN_BY_IT,), ReversalState.LOST),
        ("won", (TAKEN_BY_IT,), ReversalState.WON),
        ("won", (TAKEN_BY_IT, GIVEN_BACK), ReversalState.REINSTATED),
        ("won", (), ReversalState.WON),
        ("warning_closed", (), ReversalState.FAILED),
        ("prevented", (), ReversalState.FAILED),
        ("dreaming", (), None),
    ],
)
async def test_a_dispute_has_its_own_state_and_its_own_bookings(
    status: str, bookings: tuple[Any, ...], state: ReversalState | None
) -> None:
    disputed = dispute(status=status, balance_transactions=bookings)
    report = await was_read(shown(intent(charge()), bookings=(booking(),), disputes=(disputed,)))
    (reversal,) = report.reversals
    assert (reversal.kind, reversal.state) == (ReversalKind.DISPUTE, state)
    assert reversal.deadline == NOW + timedelta(days=1)
    kinds = [each.kind for each in report.movements if each.reference == "du_1"]
    assert kinds == [K.DISPUTE, K.REINSTATEMENT][: len(bookings)]
    fees = [each.amount.minor for each in report.movements if each.kind is K.FEE]
    assert fees == [15_00, -15_00][: len(bookings)]


async def test_a_debit_has_returns_instead_of_disputes_and_no_warnings() -> None:
    order = TAKEN.order.model_copy(update={"rail": Rail.SEPA_DIRECT_DEBIT})
    script = shown(intent(charge()), bookings=(booking(),), disputes=(dispute(status="lost"),))
    report = await was_read(script, replace(TAKEN, order=order))
    assert [each.kind for each in report.reversals] == [ReversalKind.RETURN]
    assert "GET /v1/radar/early_fraud_warnings" not in script.routes


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({}, ReversalState.NEEDS_EVIDENCE),
        ({"actionable": False}, ReversalState.FAILED),
        ({"created": SECONDS - 61 * 86_400}, ReversalState.FAILED),
    ],
)
async def test_a_warning_takes_nothing_and_is_open_while_a_refund_helps(
    changes: Any, state: ReversalState
) -> None:
    script = shown(intent(charge()), bookings=(booking(),), warnings=(warning(**changes),))
    report = await was_read(script)
    assert [(each.state, each.amount.minor) for each in report.reversals] == [(state, 0)]


@pytest.mark.parametrize(
    "route",
    [
        ONE, BOOKINGS, REFUNDS, "GET /v1/disputes", "GET /v1/radar/early_fraud_warnings",
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    "answer", [(500, ""), (200, "<html>"), (200, {}), (404, {}), OSError("gone")], ids=str
)
async def test_a_read_of_which_a_part_is_missing_says_nothing(route: str, answer: Any) -> None:
    script = shown(intent(charge()), bookings=(booking(),)).on(route, answer)
    assert isinstance(await partner(script).read(TAKEN), Unanswered)


@pytest.mark.parametrize(
    ("route", "answer"),
    [
        (ONE, (200, intent(id="pi_2"))),
        (BOOKINGS, page(booking(source="ch_2"))),
        (REFUNDS, page(refund(payment_intent="pi_2"))),
        ("GET /v1/disputes", page(dispute(payment_intent="pi_2"))),
    ],
)
async def test_what_belongs_to_another_payment_is_not_taken_for_ours(
    route: str, answer: Any
) -> None:
    script = shown(intent(charge()), bookings=(booking(),)).on(route, answer)
    read = await partner(script).read(TAKEN)
    assert isinstance(read, Unanswered)
    assert read.drift


async def test_unknown_bookings_and_fields_are_drift() -> None:
    script = shown(
        intent(charge()), bookings=(booking(), booking(2, type="dream")), refunds=(refund(new=1),)
    )
    assert (await was_read(script)).drift == (
        "balance_transaction.type: unknown 'dream'",
        "refund.new: unknown field",
    )


# Lists


async def test_a_list_is_followed_to_its_end() -> None:
    first = page(*(booking(number) for number in range(3)), has_more=True)
    script = shown(intent(charge())).on(BOOKINGS, first, page(booking(3)))
    report = await was_read(script)
    assert len(moved(report)) == 1
    asked = [sent.query for sent in script.sent if sent.route == BOOKINGS]
    assert [query.get("starting_after") for query in asked] == [None, "txn_2"]


@pytest.mark.parametrize("items", [(booking(),), ()])
async def test_a_list_without_an_end_is_given_up(items: tuple[Any, ...]) -> None:
    script = shown(intent(charge())).on(BOOKINGS, page(*items, has_more=True))
    read = await partner(script).read(TAKEN)
    assert isinstance(read, Unanswered)
    assert read.drift


# Lookups


@pytest.mark.parametrize(
    ("whole", "answer"),
    [
        (intent(status="requires_confirmation"), Absent),
        (intent(status="requires_payment_method"), Absent),
        (intent(status="requires_action"), Found),
        (intent(), Found),
        (intent(status="canceled"), Found),
        (intent(status="parked_elsewhere"), CannotTell),
        (intent(id="pi_2"), CannotTell),
    ],
)
async def test_the_intent_shows_whether_it_was_confirmed(whole: Any, answer: type) -> None:
    assert isinstance(await partner(shown(whole)).find(ASKED), answer)


async def test_an_intent_that_the_database_has_forgotten_is_in_the_list() -> None:
    mine, other = intent(), intent(id="pi_2", metadata={})
    script = shown(mine).on(INTENTS, page(other, mine))
    assert isinstance(await partner(script).find(NEW), Found)
    assert isinstance(await partner(Scripted().on(INTENTS, page(other))).find(NEW), Absent)
    twice = Scripted().on(INTENTS, page(mine, intent(id="pi_3")))
    assert isinstance(await partner(twice).find(NEW), CannotTell)
    lost = Scripted().on(INTENTS, (500, ""))
    assert isinstance(await partner(lost).find(NEW), CannotTell)


@pytest.mark.parametrize(
    ("whole", "answer"),
    [
        (intent(amount_received=500, metadata={f"capture_{KEY}": "500"}), Found),
        (intent(amount_received=0), Absent),
        (intent(amount_received=500), CannotTell),
        (intent(amount_received=0, metadata={f"capture_{KEY}": "500"}), CannotTell),
    ],
)
async def test_a_capture_is_found_by_its_mark(whole: Any, answer: type) -> None:
    capture = replace(of_kind(InstructionKind.CAPTURE), prepared={"captured_before": "0"})
    assert isinstance(await partner(shown(whole)).find(capture), answer)


@pytest.mark.parametrize(
    ("refunds", "answer"),
    [
        ((), Absent),
        ((refund(metadata={}), refund(2, metadata={"finality_key": "x"})), Absent),
        ((refund(2, metadata={}), refund(1)), Found),
        ((refund(1), refund(2)), CannotTell),
        ((refund(1, payment_intent="pi_2"),), CannotTell),
    ],
)
async def test_a_refund_is_found_by_our_key_in_the_list_of_its_payment(
    refunds: tuple[Any, ...], answer: type
) -> None:
    script = Scripted().on(REFUNDS, page(*refunds))
    assert isinstance(await partner(script).find(of_kind(InstructionKind.REFUND)), answer)
    assert script.sent[0].query == {"payment_intent": "pi_1", "limit": "100"}


@pytest.mark.parametrize(
    ("payouts", "answer"),
    [
        ((), Absent),
        ((payout(metadata={}),), Absent),
        ((payout(), payout(id="po_2", metadata={})), Found),
        ((payout(), payout(id="po_2")), CannotTell),
    ],
)
async def test_a_payout_is_found_by_our_key_in_the_list_since_it_was_prepared(
    payouts: tuple[Any, ...], answer: type
) -> None:
    script = Scripted().on(PAYOUTS, page(*payouts))
    asked = replace(TAKEN_PAYOUT, partner_reference=None)
    assert isinstance(await partner(script).find(asked), answer)
    assert script.sent[0].query["created[gte]"] == str(SECONDS - 600)


async def test_a_payout_that_the_database_has_forgotten_is_looked_for_in_the_whole_list() -> None:
    script = Scripted().on(PAYOUTS, page(payout()))
    assert isinstance(await partner(script).find(NEW_PAYOUT), Found)
    assert "created[gte]" not in script.sent[0].query


@pytest.mark.parametrize(
    ("whole", "answer"),
    [
        (payout(status="canceled"), Found),
        (payout(), Absent),
        (payout(status="parked_elsewhere"), CannotTell),
        (payout(id="po_2"), CannotTell),
    ],
)
async def test_a_payout_shows_whether_it_was_cancelled(whole: Any, answer: type) -> None:
    script = Scripted().on("GET /v1/payouts/po_1", (200, whole))
    cancel = of_kind(InstructionKind.CANCEL, TAKEN_PAYOUT)
    assert isinstance(await partner(script).find(cancel), answer)


@pytest.mark.parametrize("subject", [TAKEN, TAKEN_PAYOUT])
async def test_without_a_reference_there_is_nothing_to_read(subject: Any) -> None:
    nothing = replace(subject, partner_reference=None)
    assert isinstance(await partner(Scripted()).read(nothing), Unanswered)


async def test_a_payout_whose_failure_is_not_booked_yet_says_nothing() -> None:
    out = booking(source="po_1", type="payout", amount=-12_50)
    back = booking(2, source="po_1", type="payout_failure")
    script = Scripted().on("GET /v1/payouts/po_1", (200, payout(status="failed")))
    assert isinstance(await partner(script.on(BOOKINGS, page(out))).read(TAKEN_PAYOUT), Unanswered)
    report = await was_read(script.on(BOOKINGS, page(back, out)), TAKEN_PAYOUT)
    assert report.state is PaymentState.RETURNED
    report = await was_read(script.on(BOOKINGS, page()), TAKEN_PAYOUT)
    assert (report.state, report.movements) == (PaymentState.REJECTED, ())


async def test_a_payout_that_is_found_failed_is_not_over_before_its_money_is_back() -> None:
    script = Scripted().on(PAYOUTS, page(payout(status="failed")))
    found = await partner(script).find(NEW_PAYOUT)
    assert isinstance(found, Found)
    assert found.report.state is PaymentState.PROCESSING


async def test_a_payout_to_another_account_is_noticed() -> None:
    elsewhere = payout(destination="ba_2")
    script = Scripted().on("GET /v1/payouts/po_1", (200, elsewhere))
    report = await was_read(script, TAKEN_PAYOUT)
    assert report.observed.beneficiary_is_ours is False


# What was made under our account


async def listed(script: Scripted, since: datetime = NOW) -> Listed:
    found = await partner(script).created_since(since)
    assert isinstance(found, Listed), found
    return found


async def test_what_was_confirmed_or_paid_out_is_listed_by_its_moment() -> None:
    script = Scripted()
    script.on(
        INTENTS,
        page(
            intent(charge(created=SECONDS + 9), created=SECONDS - 60),
            intent(id="pi_2", status="requires_confirmation", created=SECONDS + 1),
            intent(id="pi_3", status="requires_action", metadata={}, created=SECONDS + 2),
            intent(charge(created=SECONDS - 1), id="pi_4", created=SECONDS - 2),
        ),
    ).on(PAYOUTS, page(payout(created=SECONDS + 4)))
    # A refund that a restored database has forgotten would be made again.
    script.on(REFUNDS, page(refund(created=SECONDS + 6)))
    found = await listed(script)
    assert found.is_complete
    assert [(each.partner_reference, each.key) for each in found.payments] == [
        ("pi_3", None), ("po_1", KEY), ("re_1", KEY), ("pi_1", KEY),
    ]  # fmt: skip
    assert found.payments[-1].created_at == datetime.fromtimestamp(SECONDS + 9, UTC)


async def test_a_list_that_is_too_long_is_listed_in_parts() -> None:
    """Everything has more than ten pages, but the first quarter of the time."""
    since = NOW - timedelta(days=4)
    begin = int(since.timestamp())
    early = payout(id="po_0", created=begin + 5)
    endless = [
        page(payout(id=f"po_{number}", created=begin + 1), has_more=True) for number in range(20)
    ]
    script = Scripted().on(INTENTS, page()).on(PAYOUTS, *endless, page(early))
    script.on(REFUNDS, page())
    found = await listed(script, since)
    assert not found.is_complete
    assert [each.partner_reference for each in found.payments] == ["po_0"]
    ends = [sent.query.get("created[lte]") for sent in script.sent if sent.route == PAYOUTS]
    assert list(dict.fromkeys(ends)) == [
        None, str(begin + 2 * 86_400), str(begin + 86_400),
    ]  # fmt: skip


@pytest.mark.parametrize("route", [INTENTS, PAYOUTS, REFUNDS])
@pytest.mark.parametrize("answer", [(500, ""), (200, {}), OSError("gone")], ids=str)
async def test_a_list_that_is_not_whole_is_no_list(route: str, answer: Any) -> None:
    script = Scripted().on(INTENTS, page()).on(PAYOUTS, page()).on(REFUNDS, page())
    script.on(route, answer)
    assert isinstance(await partner(script).created_since(NOW), Unanswered)


async def test_a_list_that_does_not_heed_its_beginning_is_no_list() -> None:
    old = payout(created=SECONDS - 1)
    script = Scripted().on(INTENTS, page()).on(PAYOUTS, page(old))
    assert isinstance(await partner(script).created_since(NOW), Unanswered)


async def test_the_balance_is_what_can_be_paid_out_now() -> None:
    funds = [{"amount": 700, "currency": "eur"}, {"amount": 5, "currency": "usd"}]
    script = Scripted().on("GET /v1/balance", (200, {"available": funds, "pending": []}))
    assert await partner(script).available("EUR", None) == Money(minor=700, currency="EUR")
    script.on("GET /v1/balance", (500, ""), (200, {}))
    for _ in range(2):
        assert isinstance(await partner(script).available("EUR", None), Unanswered)
