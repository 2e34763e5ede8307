"""Whole lives of payments on a server that skips time: weeks pass in moments."""

from __future__ import annotations

from pathlib import Path

from domain.lifecycle.answers import NotReady
from domain.lifecycle.profile import IdempotencyKind, LookupKind, Profile
from domain.lifecycle.resource import Certainty
from domain.payments.payment import FINAL_BY_WATCH
from domain.payments.report import PaymentState
from tests.fakes import WATCH, profile
from tests.words import COMPLETED, RELEASED, REVIEW, SURPRISE, OnFind, OnSend, Word
from tests.workflows.life import DAY, HOUR, MINUTE, life, patient

RETURNED = Word("failed", PaymentState.RETURNED, returned_minor=12_000, fee_minor=345)


async def test_settled_becomes_final_when_the_watch_is_over_and_not_before(tmp_path: Path) -> None:
    async with life(tmp_path, patient()) as lived:
        payment_id = (await lived.pay()).payment_id
        await lived.pass_by(HOUR)
        assert (await lived.payment(payment_id)).state is PaymentState.SETTLED
        reads = lived.partner.count("read")
        await lived.pass_by(WATCH - DAY)
        assert (await lived.payment(payment_id)).state is PaymentState.SETTLED
        await lived.pass_by(DAY)
        payment = await lived.payment(payment_id)
        assert (payment.state, payment.basis) == (PaymentState.FINAL, FINAL_BY_WATCH)
        assert lived.partner.count("read") == reads + 1
        assert await (await lived.handle(payment_id)).result() == "final: Completed"
        assert len(lived.partner.effects) == 1


async def test_completed_then_failed_weeks_later_less_a_fee_is_returned(tmp_path: Path) -> None:
    async with life(tmp_path, patient()) as lived:
        payment_id = (await lived.pay()).payment_id
        await lived.pass_by(10 * DAY)
        assert (await lived.payment(payment_id)).state is PaymentState.SETTLED
        lived.partner.says(RETURNED)
        await lived.pass_by(5 * DAY)
        payment = await lived.payment(payment_id)
        assert payment.state is PaymentState.RETURNED
        assert payment.amounts.settled.minor == 12_345
        assert payment.amounts.returned.minor == 12_000
        assert payment.amounts.fees.minor == 345
        assert payment.funds_back
        assert (await (await lived.handle(payment_id)).result()).startswith("returned: Returned")


async def test_a_review_of_three_weeks_is_waited_for(tmp_path: Path) -> None:
    async with life(tmp_path, patient()) as lived:
        lived.partner.says(REVIEW)
        payment_id = (await lived.pay()).payment_id
        await lived.pass_by(21 * DAY)
        assert (await lived.payment(payment_id)).state is PaymentState.AWAITING_PARTNER
        assert lived.partner.count("read") < 60, "a reviewer is not asked every minute"
        lived.partner.says(RELEASED, COMPLETED)
        await lived.pass_by(2 * DAY)
        assert (await lived.payment(payment_id)).state is PaymentState.SETTLED
        assert not any(lived.tasks().values()), "who was asked meanwhile is asked no more"


async def test_an_unknown_word_calls_a_person_and_a_known_one_goes_on(tmp_path: Path) -> None:
    async with life(tmp_path, patient()) as lived:
        lived.partner.says(SURPRISE)
        payment_id = (await lived.pay()).payment_id
        await lived.pass_by(3 * DAY)
        payment = await lived.payment(payment_id)
        assert (payment.state, payment.certainty) == (PaymentState.ACCEPTED, Certainty.UNKNOWN)
        assert lived.tasks() == {"unmapped": True}
        lived.partner.says(COMPLETED)
        await lived.pass_by(DAY)
        payment = await lived.payment(payment_id)
        assert (payment.state, payment.certainty) == (PaymentState.SETTLED, Certainty.SENT)
        assert lived.tasks() == {"unmapped": False}
        await lived.pass_by(WATCH)
        assert (await lived.payment(payment_id)).state is PaymentState.FINAL


async def test_an_order_the_partner_was_away_for_expires_unsent(tmp_path: Path) -> None:
    async with life(tmp_path, patient()) as lived:
        lived.partner.not_ready = NotReady(
            "the partner is being maintained", lived.server_clock.now() + DAY
        )
        payment_id = (await lived.pay()).payment_id
        await lived.pass_by(30 * MINUTE)
        assert (await lived.payment(payment_id)).state is PaymentState.CREATED
        await lived.pass_by(HOUR)
        payment = await lived.payment(payment_id)
        assert (payment.state, payment.certainty) == (PaymentState.EXPIRED, Certainty.NOT_SENT)
        assert lived.partner.effects == []
        assert (await (await lived.handle(payment_id)).result()).startswith("expired: ")


async def test_what_is_parked_waits_for_a_person_and_is_never_sent_again(tmp_path: Path) -> None:
    async with life(tmp_path, patient_without_help()) as lived:
        lived.partner.on_send.append(OnSend.LOST_AFTER)
        payment_id = (await lived.pay()).payment_id
        await lived.pass_by(30 * DAY)
        payment = await lived.payment(payment_id)
        assert (payment.state, payment.certainty) == (PaymentState.SUBMITTING, Certainty.UNKNOWN)
        assert lived.partner.count("submit") == 1
        assert lived.tasks() == {"parked": True}


def patient_without_help() -> Profile:
    """Neither keys nor a lookup."""
    made = profile(IdempotencyKind.NONE, LookupKind.NONE)
    return made.model_copy(update={"read_pause_max": 12 * HOUR})


async def test_a_lost_reply_is_found_though_the_first_answers_are_wrongly_empty(
    tmp_path: Path,
) -> None:
    async with life(tmp_path, patient()) as lived:
        lived.partner.on_send.append(OnSend.LOST_AFTER)
        lived.partner.on_find.extend([OnFind.EMPTY, OnFind.CANNOT_TELL])
        payment_id = (await lived.pay()).payment_id
        await lived.pass_by(DAY)
        payment = await lived.payment(payment_id)
        assert (payment.state, payment.certainty) == (PaymentState.SETTLED, Certainty.SENT)
        assert len(lived.partner.effects) == 1
        assert lived.partner.count("submit") == 1


async def test_a_duplicate_word_on_the_second_send_is_looked_up(tmp_path: Path) -> None:
    rejects = profile(IdempotencyKind.REJECT_DUPLICATE)
    async with life(tmp_path, rejects) as lived:
        lived.partner.on_send.append(OnSend.LOST_AFTER)
        payment_id = (await lived.pay()).payment_id
        await lived.pass_by(HOUR)
        assert (await lived.payment(payment_id)).state is PaymentState.SETTLED
        assert lived.partner.count("submit") == 2
        assert lived.partner.count("find") == 1
        assert len(lived.partner.effects) == 1


async def test_a_day_of_failures_before_the_effect_ends_with_one_effect(tmp_path: Path) -> None:
    async with life(tmp_path, patient()) as lived:
        lived.partner.on_send.extend(
            [OnSend.FAILS_BEFORE, OnSend.NOTHING_LEFT, OnSend.FAILS_BEFORE]
        )
        payment_id = (await lived.pay()).payment_id
        await lived.pass_by(HOUR)
        assert (await lived.payment(payment_id)).certainty is Certainty.SENT
        assert len(lived.partner.effects) == 1
