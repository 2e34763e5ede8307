"""A lost initiation that nobody can approve has no effect, so the next one may be sent."""

from __future__ import annotations

from datetime import datetime

import pytest

from domain.lifecycle.absence import is_proven_absent
from domain.lifecycle.profile import Operation
from domain.lifecycle.sending import (
    Answer,
    Attempt,
    AttemptResult,
    Closed,
    Move,
    is_refused,
    may_be_executed,
    next_move,
)
from tests.domain.samples import HOUR, MINUTE, NOW, SECOND, attempt, book, operation

CAREFUL = operation()
INERT = CAREFUL.model_copy(update={"lost_is_inert": True})
LOST = attempt()
DIED = attempt(result=AttemptResult.OPEN)
LATER = NOW + 2 * MINUTE


@pytest.mark.parametrize("lost", [LOST, DIED], ids=["lost", "never recorded"])
@pytest.mark.parametrize(("op", "move"), [(CAREFUL, Move.PARK), (INERT, Move.SEND)])
def test_only_an_inert_one_is_sent_anew(op: Operation, move: Move, lost: Attempt) -> None:
    assert next_move(op, book(lost), LATER).move is move


def test_while_an_answer_may_still_come_nothing_is_sent() -> None:
    step = next_move(INERT, book(DIED), NOW + 20 * SECOND)
    assert (step.move, step.until) == (Move.WAIT, DIED.ends_by)


@pytest.mark.parametrize(
    ("now", "move"), [(NOW + HOUR, Move.EXPIRE), (NOW + 41 * SECOND, Move.WAIT)]
)
def test_it_expires_when_its_time_is_over_and_pauses_before_the_next(
    now: datetime, move: Move
) -> None:
    lost = attempt(not_before=LATER)
    assert next_move(INERT, book(lost), now).move is move


def test_a_cancel_of_a_lost_one_needs_no_partner() -> None:
    assert next_move(INERT, book(LOST, cancel_asked=True), LATER).move is Move.CANCEL
    assert next_move(CAREFUL, book(LOST, cancel_asked=True), LATER).move is Move.PARK


def test_a_halt_stops_the_next_send() -> None:
    assert next_move(INERT, book(LOST), LATER, halted=True).move is Move.WAIT


def test_a_refusal_of_the_second_counts_for_both() -> None:
    refused = attempt(2, answer=Answer.REFUSED, opened_at=LATER)
    assert is_refused(INERT, book(LOST, refused))
    assert not is_refused(CAREFUL, book(LOST, refused))


def test_a_live_attempt_may_still_be_executed() -> None:
    assert may_be_executed(INERT, book(LOST, attempt(2, AttemptResult.OPEN, opened_at=LATER)))
    assert not is_proven_absent(INERT, book(DIED))


def test_a_duplicate_without_its_first_is_for_people() -> None:
    assert next_move(INERT, book(attempt(answer=Answer.DUPLICATE)), LATER).move is Move.PARK


def test_what_was_accepted_or_closed_is_never_sent_again() -> None:
    accepted = book(LOST, attempt(2, answer=Answer.ACCEPTED, opened_at=LATER))
    assert next_move(INERT, accepted, NOW + 30 * MINUTE).move is Move.STORED
    closed = book(LOST, closed=Closed.CANCELLED)
    assert next_move(INERT, closed, LATER).move is Move.NOTHING
