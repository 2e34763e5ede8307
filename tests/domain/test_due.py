"""What is owed: every row, never a send of what is frozen, never a wait that does not wait."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings

from domain.lifecycle.due import NEWS_PAUSE_MAX
from domain.lifecycle.next_step import Owed
from domain.lifecycle.profile import IdempotencyKind, LookupKind, Operation
from domain.lifecycle.resource import Certainty
from domain.lifecycle.sending import Answer, AttemptResult, Book, Closed
from domain.payments.due import deadline_of, due
from domain.payments.report import MovementKind, Observed, PaymentState, Report, Source
from domain.payments.states import CANCELLABLE, ENDS
from domain.payments.view import PaymentView
from tests.domain.arbitrary import moments, views
from tests.domain.samples import (
    ACCEPTED_BOOK,
    CANCEL,
    HOUR,
    INSTRUCTION,
    MINUTE,
    NOW,
    SECOND,
    WATCH,
    absent,
    attempt,
    book,
    movement,
    operation,
    report,
    view,
)

S = PaymentState
DAY = timedelta(days=1)
ASKED = operation(IdempotencyKind.REJECT_DUPLICATE, LookupKind.STRONG)
LATER = NOW + 10 * MINUTE


@settings(max_examples=150)
@given(views, moments)
def test_whatever_the_view_what_is_owed_keeps_the_rules(seen: PaymentView, now: datetime) -> None:
    owed, payment = due(seen, now), seen.payment
    over = payment.state in ENDS and payment.certainty is not Certainty.UNKNOWN
    can_still_be_given_up = (
        seen.execute_by is not None and not seen.cancel_asked and payment.state in CANCELLABLE
    )
    assert owed.because
    match owed.owed:
        case Owed.WAIT:
            assert owed.until is not None
            assert owed.until > now
            if can_still_be_given_up:
                assert seen.execute_by is not None
                assert now < owed.until <= seen.execute_by
        case Owed.INSTRUCT:
            assert not over
            assert owed.instruction_id == CANCEL or not payment.is_frozen
            book_in_hand = next(
                i.book for i in seen.instructions if i.instruction_id == owed.instruction_id
            )
            assert not book_in_hand.closed
        case Owed.READ:
            assert owed.instruction_id == INSTRUCTION, "only it holds the partner's object"
            assert payment.partner_reference is not None
            assert seen.not_before is None or seen.not_before <= now
            fruitless = seen.model_copy(update={"last_asked_at": now})
            assert due(fruitless, now).owed is not Owed.READ, "a loop without a pause"
        case Owed.OVER:
            assert over
        case Owed.GIVE_UP:
            assert can_still_be_given_up
    given_up = can_still_be_given_up and seen.execute_by is not None and now >= seen.execute_by
    assert (owed.owed is Owed.GIVE_UP) == given_up
    assert not (given_up and over), "nothing of an end can be given up"


def owed_to(
    *told: Report,
    of: Book = ACCEPTED_BOOK,
    after: timedelta = timedelta(0),
    pay: Operation | None = None,
    **fields: Any,
) -> Owed:
    fields.setdefault("last_asked_at", NOW)
    return due(view(*told, of=of, pay=pay, **fields), NOW + after).owed


def test_a_fresh_payment_is_instructed() -> None:
    owed = due(view(of=book()), NOW)
    assert (owed.owed, owed.instruction_id) == (Owed.INSTRUCT, INSTRUCTION)


def test_an_attempt_under_way_is_waited_for() -> None:
    live = book(attempt(1, AttemptResult.OPEN))
    assert due(view(of=live), NOW).until == NOW + 40 * SECOND


def test_doubt_that_can_be_asked_about_is_asked_about() -> None:
    in_doubt = book(attempt(answer=Answer.DUPLICATE))
    assert owed_to(of=in_doubt, pay=ASKED, after=HOUR) is Owed.INSTRUCT


def test_doubt_that_cannot_is_parked_until_somebody_decides() -> None:
    owed = due(view(of=book(attempt())), LATER)
    assert (owed.owed, owed.until) == (Owed.WAIT, LATER + DAY)
    assert owed.because.startswith("parked")


def test_time_that_ran_out_is_recorded_even_while_our_login_is_locked() -> None:
    locked: dict[str, Any] = {"not_before": NOW + 30 * DAY}
    assert owed_to(of=book(), after=HOUR, **locked) is Owed.INSTRUCT
    waiting = due(view(of=book(), not_before=NOW + 30 * DAY), NOW)
    assert (waiting.owed, waiting.until) == (Owed.WAIT, NOW + HOUR)


def test_without_a_login_nothing_is_sent_asked_or_read() -> None:
    locked: dict[str, Any] = {"not_before": NOW + 2 * HOUR}
    assert owed_to(of=book(), **locked) is Owed.WAIT
    assert owed_to(of=book(attempt()), pay=ASKED, after=MINUTE, **locked) is Owed.WAIT
    assert owed_to(report(S.PROCESSING), after=HOUR, **locked) is Owed.WAIT
    assert owed_to(report(None), after=HOUR, **locked) is Owed.WAIT


def test_what_is_held_is_read_on_a_growing_pause() -> None:
    held = view(report(S.PROCESSING), last_asked_at=NOW, reads=3)
    assert due(held, NOW).until == NOW + 8 * SECOND
    assert due(held, NOW + 8 * SECOND).owed is Owed.READ
    tired = held.model_copy(update={"reads": 10**9})
    assert due(tired, NOW).until == NOW + 15 * MINUTE


def test_what_was_never_asked_is_read_now() -> None:
    assert owed_to(report(S.PROCESSING), last_asked_at=None) is Owed.READ


def test_news_is_read_soon_and_not_in_a_loop() -> None:
    news: dict[str, Any] = {"has_news": True, "reads": 1000}
    assert owed_to(report(S.PROCESSING), after=NEWS_PAUSE_MAX, **news) is Owed.READ
    assert owed_to(report(S.PROCESSING), after=SECOND, **news) is Owed.WAIT


def test_the_watch_ends_with_a_read_asked_after_it() -> None:
    settled = view(report(S.SETTLED), last_asked_at=NOW + SECOND, reads=1)
    waiting = due(settled, NOW + HOUR)
    assert (waiting.owed, waiting.until) == (Owed.WAIT, NOW + WATCH)
    assert due(settled, NOW + WATCH).owed is Owed.READ
    final = view(report(S.SETTLED), report(S.SETTLED, WATCH))
    assert due(final, NOW + WATCH).owed is Owed.OVER


def test_news_within_the_watch_is_read() -> None:
    assert owed_to(report(S.SETTLED), after=HOUR, has_news=True) is Owed.READ


def test_a_rail_without_a_watch_is_read_on_and_never_final() -> None:
    seen = view(report(S.SETTLED), last_asked_at=NOW)
    unwatched = seen.profile.model_copy(update={"watch": {}})
    owed = due(seen.model_copy(update={"profile": unwatched}), NOW + 400 * DAY)
    assert owed.owed is Owed.READ


@pytest.mark.parametrize("state", sorted(ENDS))
def test_an_end_owes_nothing_until_there_is_news_of_it(state: PaymentState) -> None:
    assert owed_to(report(state), after=HOUR) is Owed.OVER
    assert owed_to(report(state), after=HOUR, has_news=True) is Owed.READ
    unread = report(state, source=Source.REPLY, partner_reference=None)
    assert owed_to(unread, of=book(), after=HOUR, has_news=True) is Owed.OVER


@pytest.mark.parametrize("state", sorted(set(PaymentState) - ENDS))
def test_nothing_else_is_over(state: PaymentState) -> None:
    assert owed_to(report(state), after=HOUR) is not Owed.OVER


def test_news_of_an_end_is_read_and_not_an_occasion_to_send() -> None:
    """A statement may show what our own book knows nothing of."""
    assert owed_to(report(S.RETURNED), of=book(), has_news=True, after=MINUTE) is Owed.READ
    assert owed_to(report(S.RETURNED), of=book(), after=MINUTE) is Owed.OVER


def test_an_end_in_doubt_is_not_over() -> None:
    in_doubt = book(attempt())
    assert owed_to(report(S.RETURNED), of=in_doubt, after=MINUTE) is Owed.WAIT
    debit = report(None, source=Source.STATEMENT, movements=(movement(MovementKind.DEBIT, 10_000),))
    assert owed_to(report(S.REJECTED), debit, after=MINUTE) is Owed.READ


FREEZING = [
    (report(None),),
    (report(S.REJECTED), report(S.PROCESSING, SECOND)),
    (report(S.PROCESSING, observed=Observed(beneficiary_is_ours=False)),),
]


@pytest.mark.parametrize("told", FREEZING, ids=["unmapped", "contradiction", "differs"])
@pytest.mark.parametrize("of", [book(), book(attempt()), book(attempt(1, AttemptResult.NOT_SENT))])
def test_a_frozen_payment_is_read_and_never_instructed(told: tuple[Report, ...], of: Book) -> None:
    assert view(*told, of=of).payment.is_frozen
    for after in (MINUTE, HOUR, 400 * DAY):
        assert owed_to(*told, of=of, pay=ASKED, after=after) is Owed.READ
    unnamed = [r.model_copy(update={"partner_reference": None}) for r in told]
    waiting = due(view(*unnamed, of=of, pay=ASKED), LATER)
    assert waiting.owed is Owed.WAIT
    assert "a person has to look (" in waiting.because


def test_what_a_feed_showed_is_read_and_not_sent_again() -> None:
    shown = book(attempt(), held=True)
    assert owed_to(report(S.PROCESSING), of=shown, pay=ASKED, after=10 * MINUTE) is Owed.READ


def test_halted_it_waits_and_what_is_in_doubt_is_asked_about() -> None:
    waiting = due(view(of=book(), halted=True), NOW)
    assert (waiting.owed, waiting.until) == (Owed.WAIT, NOW + HOUR)
    assert owed_to(of=book(attempt()), pay=ASKED, after=MINUTE, halted=True) is Owed.INSTRUCT
    proven = book(attempt(), lookups=absent(NOW + MINUTE, NOW + 2 * MINUTE))
    assert owed_to(of=proven, pay=ASKED, after=5 * MINUTE, halted=True) is Owed.WAIT


def test_a_closed_instruction_is_never_instructed() -> None:
    for why in Closed:
        closed = book(attempt(), closed=why)
        assert owed_to(of=closed, pay=ASKED, after=HOUR) is not Owed.INSTRUCT


def test_without_its_instruction_a_payment_waits_for_people() -> None:
    """Somebody took it out of the database. Commands show the payment all the same."""
    bare = view(report(S.PROCESSING)).model_copy(update={"instructions": ()})
    waiting = due(bare, NOW)
    assert (waiting.owed, waiting.is_for_people) == (Owed.WAIT, True)
    assert "its instruction is missing from the database" in waiting.because
    assert deadline_of(bare) is None
