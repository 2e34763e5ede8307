"""What is due for a consent, and what its user reads."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.consents.display import display
from domain.consents.due import deadline_of, due
from domain.consents.kind import CARE, ConsentKind
from domain.consents.report import Action, ActionKind, ConsentState, Report, Source
from domain.lifecycle.grants import Grant
from domain.lifecycle.next_step import Owed
from domain.lifecycle.sending import Answer, Book, Closed, Move, next_move
from domain.lifecycle.whose import Whose
from tests.domain.consents.samples import (
    ANSWER,
    ASK,
    BARE,
    DAY,
    HOUR,
    NOW,
    RENEW,
    REVOKE,
    SECOND,
    TAKEN,
    attempt,
    book,
    grant,
    instruction,
    report,
    view,
)
from tests.domain.consents.test_fold import besides, books, moments, reports

S = ConsentState
MINUTE = timedelta(minutes=1)


def _asked(**fields: Any) -> Any:
    """The user is at the bank's page."""
    page = Action(kind=ActionKind.REDIRECT, expires_at=NOW + 10 * MINUTE)
    return view(report(S.AWAITING_USER, action=page), **fields)


def test_a_new_request_is_sent() -> None:
    step = due(view(of=book()), NOW)
    assert (step.owed, step.instruction_id) == (Owed.INSTRUCT, ASK)


def test_a_request_in_doubt_is_sent_again_where_nothing_can_tell() -> None:
    lost = book(attempt())
    then = NOW + 12 * SECOND
    assert next_move(BARE, lost, then).move is Move.SEND
    assert (
        next_move(BARE, lost.model_copy(update={"is_harmless": False}), NOW + 12 * SECOND).move
        is Move.PARK
    )
    late = next_move(BARE, lost, NOW + HOUR)
    assert late.move is Move.EXPIRE
    assert (
        next_move(BARE, lost.model_copy(update={"cancel_asked": True}), NOW + 12 * SECOND).move
        is Move.CANCEL
    )
    refused = book(attempt(), attempt(2, answer=Answer.REFUSED))
    assert next_move(BARE, refused, NOW + 12 * SECOND).move is Move.CLOSE
    halted = next_move(BARE, lost, NOW + 12 * SECOND, halted=True)
    assert halted.move is Move.WAIT


def test_a_request_whose_key_is_taken_is_sent_under_the_next_key() -> None:
    duplicate = book(attempt(answer=Answer.DUPLICATE))
    step = next_move(BARE, duplicate, NOW + 12 * SECOND)
    assert (step.move, step.generation) == (Move.SEND, 2)


def test_an_attempt_under_way_is_waited_for() -> None:
    lost = book(attempt())
    step = next_move(BARE, lost, NOW + 5 * SECOND)
    assert step.move is not Move.PARK


def test_while_the_user_is_at_the_bank_it_is_read_often() -> None:
    step = due(_asked(last_asked_at=NOW, reads=30), NOW)
    assert step.owed is Owed.WAIT
    assert step.until is not None
    assert step.until <= NOW + 10 * MINUTE
    later = due(view(report(S.ACTIVE), last_asked_at=NOW, reads=30), NOW)
    assert later.until == NOW + DAY


def test_an_abandoned_request_is_read_once_more_and_then_given_up() -> None:
    end = NOW + 10 * MINUTE
    before = due(_asked(last_asked_at=end - SECOND), end)
    assert (before.owed, before.because) == (Owed.READ, "the user's deadline")
    after = due(_asked(last_asked_at=end + SECOND), end + SECOND)
    assert (after.owed, after.because) == (Owed.GIVE_UP, "the user did not authorise it in time")
    asked = due(_asked(last_asked_at=end + SECOND, cancel_asked=True), end + SECOND)
    assert asked.owed is Owed.WAIT


def test_without_a_deadline_of_the_bank_our_own_counts() -> None:
    waiting: dict[str, Any] = {"last_asked_at": NOW + 3 * HOUR}
    assert due(view(report(S.AWAITING_USER), **waiting), NOW + 3 * HOUR).owed is Owed.GIVE_UP
    others = view(report(S.PARTIALLY_AUTHORISED), **waiting)
    assert due(others, NOW + 3 * HOUR).owed is Owed.WAIT
    assert due(view(report(S.ACTIVE), **waiting), NOW + 3 * HOUR).owed is Owed.WAIT


def test_an_end_in_sight_is_read_at_its_moment() -> None:
    ends = report(S.ACTIVE, grant=grant("a", valid_until=NOW + 20 * DAY))
    told: dict[str, Any] = {"reads": 30}
    for asked_at, until in (
        (5 * DAY + 12 * HOUR, 6 * DAY),
        (16 * DAY + 12 * HOUR, 17 * DAY),
        (19 * DAY + 12 * HOUR, 20 * DAY),
    ):
        step = due(view(ends, last_asked_at=NOW + asked_at, **told), NOW + asked_at)
        assert step.until == NOW + until
    assert due(view(ends, last_asked_at=NOW + 19 * DAY, **told), NOW + 20 * DAY).owed is Owed.READ


def test_nothing_asks_the_user_once_the_end_was_asked_for() -> None:
    beside = (
        instruction(ANSWER, book()),
        instruction(RENEW, book()),
        instruction(REVOKE, book()),
    )
    step = due(view(report(S.ACTIVE), beside=beside, cancel_asked=True, last_asked_at=NOW), NOW)
    assert (step.owed, step.instruction_id) == (Owed.INSTRUCT, REVOKE)
    step = due(view(report(S.ACTIVE), beside=beside[:2], last_asked_at=NOW), NOW)
    assert (step.owed, step.instruction_id) == (Owed.INSTRUCT, ANSWER)


def test_an_ended_consent_owes_nothing_but_to_read_its_news() -> None:
    ended = view(report(S.REVOKED_BY_USER), last_asked_at=NOW)
    assert due(ended, NOW + SECOND).owed is Owed.OVER
    news: dict[str, Any] = {"has_news": True, "news_at": NOW + SECOND}
    assert (
        due(view(report(S.REVOKED_BY_USER), last_asked_at=NOW, **news), NOW + SECOND).owed
        is Owed.READ
    )


def test_the_deadline_is_that_of_whoever_is_waited_for() -> None:
    assert deadline_of(view(of=book())) == NOW + HOUR
    assert deadline_of(_asked()) == NOW + 10 * MINUTE
    assert deadline_of(view(report(S.AWAITING_USER))) == NOW + 2 * HOUR
    assert deadline_of(view(report(S.ACTIVE))) == NOW + 180 * DAY
    assert deadline_of(view(report(S.REJECTED))) is None


@given(
    st.lists(reports, max_size=5),
    books,
    besides,
    moments,
    st.booleans(),
    st.one_of(st.none(), moments),
    st.booleans(),
)
def test_something_is_always_due_and_every_wait_has_an_end(
    told: list[Report], of: Book, beside: Any, now: Any, cancel: bool, asked: Any, news: bool
) -> None:
    seen = view(
        *told,
        of=of,
        beside=beside,
        cancel_asked=cancel,
        last_asked_at=asked,
        has_news=news,
        news_at=now if news else None,
    )
    step = due(seen, now)
    match step.owed:
        case Owed.WAIT:
            assert step.until is not None
        case Owed.INSTRUCT:
            assert not (cancel and step.instruction_id in (RENEW, ANSWER))
        case Owed.GIVE_UP:
            assert not cancel
            assert seen.consent.granted_at is None
        case Owed.OVER:
            assert seen.consent.is_over
    shown = display(seen, now)
    assert shown.may_read == (not seen.not_readable(now))
    if shown.may_read:
        assert shown.headline == "Connected"
        assert not cancel
    assert not (shown.final and shown.may_revoke)
    deadline_of(seen)
    kind = ConsentKind()
    assert kind.headline(seen.consent)
    for rung in kind.ladder(seen.consent, ""):
        assert rung.at <= rung.answer_by


def test_after_the_time_to_renew_nothing_is_read_although_the_bank_says_authorised() -> None:
    stale = view(report(S.ACTIVE), last_asked_at=NOW)
    assert display(stale, NOW + 180 * DAY - SECOND).may_read
    late = display(stale, NOW + 180 * DAY)
    assert (late.may_read, late.headline) == (False, "Not read for now")
    assert late.may_renew


def test_people_are_asked_to_renew_it_twice() -> None:
    kind, consent = ConsentKind(), view(report(S.ACTIVE)).consent
    rungs = kind.ladder(consent, "")
    assert [(each.at - NOW, each.owner) for each in rungs] == [(166 * DAY, CARE), (177 * DAY, CARE)]
    assert all(each.answer_by == NOW + 180 * DAY for each in rungs)


def test_a_missing_signature_and_a_suspension_are_questions() -> None:
    kind = ConsentKind()
    (rung,) = kind.ladder(view(report(S.PARTIALLY_AUTHORISED)).consent, "")
    assert rung.at == NOW + 7 * DAY
    suspended = view(report(S.SUSPENDED_BY_PARTNER, reason="fraud")).consent
    assert "fraud" in kind.questions(suspended, 0)["suspended"].text
    assert kind.requires(suspended) is Whose.US
    odd = view(report(None)).consent
    assert kind.requires(odd) is Whose.US


@pytest.mark.parametrize(
    ("said", "headline"),
    [
        (report(S.NEEDS_REAUTH), "Confirm again"),
        (report(None), "We are checking"),
        (report(S.AWAITING_USER), "Waiting for the user"),
    ],
)
def test_the_user_reads_where_it_stands(said: Report, headline: str) -> None:
    assert display(view(said), NOW).headline == headline


def test_a_user_who_declined_reads_that_and_may_still_confirm() -> None:
    no = report(None, SECOND, source=Source.GATE, partner_status="came back without a confirmation")
    shown = display(view(report(S.AWAITING_USER), no), NOW)
    assert "came back without a confirmation" in shown.detail
    assert shown.next_action == "confirm the access at the bank"


def test_a_consent_being_ended_says_so() -> None:
    shown = display(view(report(S.ACTIVE), cancel_asked=True), NOW)
    assert (shown.headline, shown.may_read, shown.may_revoke) == ("Being ended", False, False)


def test_a_lost_answer_of_the_user_matters_only_while_the_bank_still_waits() -> None:
    lost = (instruction(ANSWER, book(attempt(), is_harmless=False)),)
    assert display(view(report(S.AWAITING_USER), beside=lost), NOW).headline == "We are checking"
    assert display(view(report(S.ACTIVE), beside=lost), NOW).may_read


def test_a_late_acceptance_of_a_request_that_expired_goes_on() -> None:
    late = book(attempt(answer=Answer.ACCEPTED), closed=Closed.EXPIRED)
    assert view(report(S.AWAITING_USER), of=late).consent.state is S.AWAITING_USER
    cancelled = book(attempt(answer=Answer.ACCEPTED), closed=Closed.CANCELLED)
    assert view(report(S.AWAITING_USER), of=cancelled).consent.is_frozen


def test_the_grant_of_a_view_says_what_the_bank_said() -> None:
    consent = view(report(S.ACTIVE, grant=Grant(per_day=1)), of=TAKEN).consent
    assert consent.per_day == 1
