"""Waits of a payment: its deadline, its share of the quota, news and the word of people."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from domain.lifecycle.due import NEWS_PAUSE_MAX, read_line
from domain.lifecycle.next_step import Owed
from domain.lifecycle.profile import Quota
from domain.lifecycle.resource import Certainty
from domain.lifecycle.sending import Closed
from domain.lifecycle.turns import FIRST_READS, Line, ReadTurn
from domain.payments.due import due
from domain.payments.report import PaymentState
from domain.payments.states import CANCELLABLE, ENDS
from domain.payments.view import PaymentView
from tests.domain.samples import (
    HOUR,
    INSTRUCTION,
    MINUTE,
    NOW,
    SECOND,
    attempt,
    book,
    decision,
    report,
    view,
)
from tests.domain.test_payment import REACHED

S = PaymentState
DAY = timedelta(days=1)
#: Of a login that may be asked 500 times a minute, 300 of them reads.
QUOTA = Quota(requests=500, window=MINUTE, reads=300)


def standing_in(state: PaymentState, **fields: Any) -> PaymentView:
    """A payment in that state, of whose book nothing more is to be done."""
    seen = view(of=book(closed=Closed.REFUSED), **fields)
    known = REACHED[state].model_copy(update={"partner_reference": "ref-1"})
    return seen.model_copy(update={"payment": known})


@pytest.mark.parametrize("certainty", Certainty)
@pytest.mark.parametrize("state", PaymentState)
def test_it_is_given_up_once_its_deadline_passed_where_it_can_still_be_taken_back(
    state: PaymentState, certainty: Certainty
) -> None:
    seen = standing_in(state, execute_by=NOW + HOUR, last_asked_at=NOW)
    doubted = seen.payment.model_copy(update={"certainty": certainty})
    seen = seen.model_copy(update={"payment": doubted})
    assert due(seen, NOW + HOUR - SECOND).owed is not Owed.GIVE_UP
    for passed in (timedelta(0), 400 * DAY):
        given_up = due(seen, NOW + HOUR + passed).owed is Owed.GIVE_UP
        assert given_up == (state in CANCELLABLE)
    asked = seen.model_copy(update={"cancel_asked": True})
    assert due(asked, NOW + 2 * HOUR).owed is not Owed.GIVE_UP, "it was asked for already"
    endless = seen.model_copy(update={"execute_by": None})
    assert due(endless, NOW + 2 * HOUR).owed is not Owed.GIVE_UP


def test_what_can_be_given_up_is_no_end() -> None:
    assert not CANCELLABLE & ENDS


@pytest.mark.parametrize("state", sorted(CANCELLABLE))
def test_no_wait_lasts_longer_than_the_deadline(state: PaymentState) -> None:
    seen = standing_in(state, execute_by=NOW + MINUTE, last_asked_at=NOW, reads=99)
    waiting = due(seen, NOW)
    assert (waiting.owed, waiting.until) == (Owed.WAIT, NOW + MINUTE)
    asked = due(seen.model_copy(update={"cancel_asked": True}), NOW)
    assert (asked.owed, asked.until) == (Owed.WAIT, NOW + 15 * MINUTE)


@pytest.mark.parametrize(
    "waits",
    [
        {"of": book(submit_from=NOW + HOUR, submit_before=NOW + DAY)},
        {"of": book(attempt())},
        {"of": book(), "not_before": NOW + DAY},
        {"of": book(submit_before=NOW + DAY), "halted": True},
        {"of": book(closed=Closed.MOOT)},
    ],
    ids=["its day", "parked", "login", "halted", "a person"],
)
def test_whatever_it_waits_for(waits: dict[str, Any]) -> None:
    at = NOW + 10 * MINUTE
    waiting = due(view(execute_by=at + SECOND, **waits), at)
    assert (waiting.owed, waiting.until) == (Owed.WAIT, at + SECOND)
    unhurried = due(view(**waits), at)
    assert unhurried.until is not None
    assert unhurried.until > at + SECOND
    assert unhurried.because == waiting.because


def test_a_deadline_is_due_before_anything_is_sent_or_asked() -> None:
    late = view(of=book(submit_before=NOW + DAY), execute_by=NOW + HOUR)
    assert due(late, NOW).owed is Owed.INSTRUCT
    assert due(late, NOW + HOUR).owed is Owed.GIVE_UP
    frozen = view(report(S.ACCEPTED), report(None, SECOND), execute_by=NOW + HOUR)
    assert due(frozen, NOW + HOUR).owed is Owed.GIVE_UP


def read_at(seen: PaymentView) -> datetime:
    """When it is read, by asking a second before and then."""
    waiting = due(seen, NOW)
    assert waiting.owed is Owed.WAIT
    assert waiting.until is not None
    assert due(seen, waiting.until - timedelta(microseconds=1)).owed is Owed.WAIT
    owed = due(seen, waiting.until)
    assert (owed.owed, owed.instruction_id) == (Owed.READ, INSTRUCTION)
    return waiting.until


def test_a_quota_alone_slows_no_read_down() -> None:
    seen = view(report(S.PROCESSING), last_asked_at=NOW)
    limited = seen.profile.model_copy(update={"quota": QUOTA})
    assert read_at(seen.model_copy(update={"profile": limited})) == NOW + SECOND


def test_a_read_waits_for_its_turn_and_no_longer() -> None:
    turn = ReadTurn(at=NOW + HOUR, line=Line.LATE)
    waits = view(report(S.PROCESSING), last_asked_at=NOW, reads=9, read_turn=turn)
    assert read_at(waits) == NOW + HOUR
    assert "its turn in the partner's quota" in due(waits, NOW).because
    sooner = turn.model_copy(update={"at": NOW + SECOND})
    early = view(report(S.PROCESSING), last_asked_at=NOW, reads=9, read_turn=sooner)
    assert read_at(early) == NOW + 15 * MINUTE - 388 * SECOND, "the pause is the longer one"


def test_news_does_not_wait_for_a_late_turn_but_for_a_soon_one() -> None:
    late, soon = (ReadTurn(at=NOW + HOUR, line=line) for line in (Line.LATE, Line.SOON))
    news: dict[str, Any] = {
        "last_asked_at": NOW - HOUR,
        "reads": 9,
        "has_news": True,
        "news_at": NOW,
    }
    assert due(view(report(S.PROCESSING), read_turn=late, **news), NOW).owed is Owed.READ
    assert read_at(view(report(S.PROCESSING), read_turn=soon, **news)) == NOW + HOUR


@pytest.mark.parametrize(
    ("seen", "line"),
    [
        ({"reads": FIRST_READS - 1}, Line.SOON),
        ({"reads": FIRST_READS}, Line.LATE),
        ({"reads": 99, "has_news": True}, Line.SOON),
        ({"reads": 99, "last_asked_at": None}, Line.SOON),
    ],
)
def test_who_is_waited_for_is_in_the_soon_line(seen: dict[str, Any], line: Line) -> None:
    assert read_line(view(report(S.PROCESSING), **{"last_asked_at": NOW, **seen})) is line


def test_the_one_read_after_the_watch_is_a_late_one() -> None:
    watched = view(report(S.SETTLED), last_asked_at=NOW, reads=9)
    assert read_line(watched) is Line.LATE


def test_what_people_decided_is_soon_compared_with_the_partner_s_own_word() -> None:
    found = view(decision(S.SETTLED, partner_reference="ref-1"), last_asked_at=NOW, reads=99)
    assert found.payment.is_decided
    assert read_at(found) == NOW + NEWS_PAUSE_MAX
    heard = view(
        decision(S.SETTLED, partner_reference="ref-1"), report(S.SETTLED, SECOND),
        last_asked_at=NOW, reads=99,
    )  # fmt: skip
    assert not heard.payment.is_decided
    assert due(heard, NOW + HOUR).because == "the watch for returns"


def test_news_that_came_after_the_last_answer_is_read_at_once() -> None:
    seen = view(report(S.PROCESSING), last_asked_at=NOW, reads=99, has_news=True)
    for came_at, is_read in ((NOW + SECOND, True), (NOW, False), (NOW - SECOND, False)):
        told = seen.model_copy(update={"news_at": came_at})
        assert (due(told, NOW + SECOND).owed is Owed.READ) == is_read
        assert due(told, NOW + NEWS_PAUSE_MAX).owed is Owed.READ


def test_news_dated_in_our_future_is_not_read_in_a_loop() -> None:
    """Its clock runs ahead of ours, and the partner answers with nothing to rely on."""
    ahead = view(report(S.PROCESSING), reads=99, has_news=True, news_at=NOW + HOUR)
    for after in range(3):
        now = NOW + after * SECOND
        waiting = due(ahead.model_copy(update={"last_asked_at": now}), now)
        assert (waiting.owed, waiting.until) == (Owed.WAIT, now + NEWS_PAUSE_MAX)
