"""Rules that hold for any book at all, those included that no run of ours could have written."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.lifecycle.profile import IdempotencyKind, LookupKind, Operation
from domain.lifecycle.sending import (
    GATE_HOLDS,
    Answer,
    Attempt,
    AttemptResult,
    Book,
    LookupResult,
    Move,
    NextMove,
    next_move,
)
from tests.domain.arbitrary import any_books, moments, operations
from tests.domain.samples import HOUR, MINUTE, NOW, SECOND, absent, attempt, book, operation

UNPROVEN = (AttemptResult.OPEN, AttemptResult.UNKNOWN)
STRONG = operation(IdempotencyKind.NONE, LookupKind.STRONG)
KEYED = operation(IdempotencyKind.REPLAY_STATE, LookupKind.NONE)
BARE = operation()
SETTLED = NOW + 45 * SECOND
PROOF = absent(SETTLED, SETTLED + MINUTE)
#: Any moment, and with luck one at which what the lookups prove is proven.
late = st.one_of(moments, st.integers(410, 420).map(lambda n: NOW + n * HOUR))


def may_have_had_effect(one: Attempt) -> bool:
    return one.result in UNPROVEN or (
        one.result is AttemptResult.ANSWERED and one.answer is Answer.DUPLICATE
    )


def is_known_to_be_held(of: Book) -> bool:
    accepted = any(a.answer is Answer.ACCEPTED for a in of.attempts)
    return of.held or accepted or any(k.result is LookupResult.FOUND for k in of.lookups)


def nothing_unproven(op: Operation, of: Book) -> bool:
    """No attempt can have had an effect: each is proven not sent, or all are proven absent.

    The partner's word that it turned one away needs one empty answer beside it, a doubt two.
    """
    doubtful = [a for a in of.attempts if may_have_had_effect(a)]
    reached = [a for a in of.attempts if a.result is not AttemptResult.NOT_SENT]
    turned_away = [a for a in of.attempts if a.result is AttemptResult.TURNED_AWAY]
    if op.lookup.kind in (LookupKind.NONE, LookupKind.STATEMENT_ONLY):
        return not doubtful
    if not doubtful and not turned_away:
        return True
    ended = max(max(a.ends_by, a.closed_at or a.ends_by) for a in reached)
    counting = sorted(
        looked.asked_at
        for looked in of.lookups
        if looked.result is LookupResult.ABSENT
        and looked.asked_at >= ended + op.lookup.settle_delay
    )
    if not doubtful:
        return bool(counting)
    return len(counting) >= 2 and counting[-1] - counting[0] >= op.lookup.pause


def is_live(of: Book, now: datetime) -> bool:
    return any(a.result is AttemptResult.OPEN and now < a.ends_by for a in of.attempts)


@settings(max_examples=150)
@given(operations, any_books, late, st.booleans())
def test_a_move_is_never_made_against_what_the_book_says(
    op: Operation, of: Book, now: datetime, halted: bool
) -> None:
    step = next_move(op, of, now, halted=halted)
    assert step.because
    assert (step.until is not None) == (step.move is Move.WAIT)
    if step.until is not None:
        assert step.until > now
    if of.closed:
        assert step.move is Move.NOTHING
    elif is_known_to_be_held(of):
        assert step.move is Move.STORED
    elif is_live(of, now):
        assert step.move is Move.WAIT
    if step.move in (Move.SEND, Move.CHECK):
        assert not halted
        assert not of.cancel_asked
        assert now < of.submit_before
        assert of.submit_from is None or now >= of.submit_from
    if step.move in (Move.CANCEL, Move.EXPIRE, Move.CLOSE):
        assert nothing_unproven(op, of)
    if step.move is Move.CLOSE:
        assert of.reopened or of.was_refused
    if step.move in (Move.SEND, Move.CHECK):
        assert not of.reopened
    if step.move is Move.CHECK:
        assert nothing_unproven(op, of) or not of.in_doubt
    if step.move is Move.CANCEL:
        assert of.cancel_asked
    if step.move is Move.EXPIRE:
        assert now >= of.submit_before
        assert not of.cancel_asked, "then it was cancelled, which says more"
    if step.move is Move.SEND and not nothing_unproven(op, of):
        assert op.idempotency.kind is not IdempotencyKind.NONE
        assert step.generation == of.generation, "in doubt only the same key may go again"
    if step.move is Move.SEND and not of.in_doubt:
        assert of.gate_holds(now)


@settings(max_examples=150)
@given(operations, any_books, late, st.booleans())
def test_after_a_cancel_nothing_is_sent_and_what_is_in_doubt_is_still_resolved(
    op: Operation, of: Book, now: datetime, halted: bool
) -> None:
    def step(*, cancel_asked: bool) -> Move:
        asked = of.model_copy(update={"cancel_asked": cancel_asked})
        return next_move(op, asked, now, halted=halted).move

    cancelled = step(cancel_asked=True)
    assert cancelled not in (Move.SEND, Move.CHECK, Move.EXPIRE)
    uncancelled = step(cancel_asked=False)
    if uncancelled in (Move.NOTHING, Move.STORED, Move.LOOK_UP):
        assert cancelled is uncancelled
    if uncancelled is Move.EXPIRE:
        assert cancelled is Move.CANCEL
    if nothing_unproven(op, of) and uncancelled in (Move.SEND, Move.CHECK):
        assert cancelled is Move.CANCEL


@settings(max_examples=150)
@given(operations, any_books, late)
def test_a_halt_stops_sends_and_nothing_that_resolves(
    op: Operation, of: Book, now: datetime
) -> None:
    free, halted = next_move(op, of, now), next_move(op, of, now, halted=True)
    if free.move in (Move.SEND, Move.CHECK):
        assert halted.move in (Move.WAIT, Move.LOOK_UP)
        if nothing_unproven(op, of):
            assert halted.move is Move.WAIT
    elif free.move is not Move.WAIT:
        assert halted == free


@settings(max_examples=150)
@given(operations, any_books, late, st.booleans())
def test_the_gate_stands_before_a_send_without_doubt_and_before_nothing_else(
    op: Operation, of: Book, now: datetime, halted: bool
) -> None:
    def step(**gate: object) -> NextMove:
        return next_move(op, of.model_copy(update=gate), now, halted=halted)

    ungated = step(is_gated=False)
    for passed_at in (None, now - GATE_HOLDS):
        gated = step(is_gated=True, gate_passed_at=passed_at)
        if ungated.move is Move.SEND and nothing_unproven(op, of):
            assert (gated.move, gated.generation) == (Move.CHECK, ungated.generation)
        else:
            assert gated == ungated
    assert step(is_gated=True, gate_passed_at=now) == ungated


@given(operations, any_books, late, st.booleans())
def test_before_its_day_nothing_is_sent_and_what_is_in_doubt_is_still_resolved(
    op: Operation, of: Book, now: datetime, halted: bool
) -> None:
    def step(submit_from: datetime | None) -> Move:
        held = of.model_copy(update={"submit_from": submit_from})
        return next_move(op, held, now, halted=halted).move

    early, due = step(now + SECOND), step(None)
    assert early not in (Move.SEND, Move.CHECK)
    if due not in (Move.SEND, Move.CHECK, Move.WAIT):
        assert early is due
    assert step(now) is due, "its day is there"


@pytest.mark.parametrize("its_book", [book(), book(attempt(), lookups=PROOF)], ids=["new", "again"])
def test_passed_checks_hold_for_their_time_and_not_a_moment_longer(its_book: Book) -> None:
    long = NOW + 100 * HOUR
    gated = its_book.model_copy(update={"is_gated": True, "submit_before": long})
    assert next_move(STRONG, gated, NOW + HOUR).move is Move.CHECK, "never passed"
    passed = gated.model_copy(update={"gate_passed_at": NOW + HOUR})
    over = NOW + HOUR + GATE_HOLDS
    assert next_move(STRONG, passed, NOW + HOUR).move is Move.SEND
    assert next_move(STRONG, passed, over - timedelta(microseconds=1)).move is Move.SEND
    assert next_move(STRONG, passed, over).move is Move.CHECK


@pytest.mark.parametrize("passed_at", [None, NOW - 30 * HOUR])
def test_in_doubt_the_same_key_goes_again_without_asking_the_checks(
    passed_at: datetime | None,
) -> None:
    doubted = book(attempt(), is_gated=True, gate_passed_at=passed_at)
    assert next_move(KEYED, doubted, NOW + 5 * MINUTE).move is Move.SEND
    bare = next_move(STRONG, doubted, NOW + 5 * MINUTE)
    assert bare.move is Move.LOOK_UP, "nor does the gate keep a question back"


@pytest.mark.parametrize("of", [book(submit_from=NOW + MINUTE), book(attempt(), lookups=PROOF)])
def test_its_day_is_waited_for_and_no_longer_than_it_may_be_sent(of: Book) -> None:
    day, now = NOW + 40 * MINUTE, NOW + 30 * MINUTE
    early = of.model_copy(update={"submit_from": day})
    step = next_move(STRONG, early, now)
    assert (step.move, step.until) == (Move.WAIT, day)
    assert next_move(STRONG, early, day).move is Move.SEND
    never = of.model_copy(update={"submit_from": day, "submit_before": day - MINUTE})
    assert next_move(STRONG, never, now).until == day - MINUTE
    assert next_move(STRONG, never, day - MINUTE).move is Move.EXPIRE


def test_a_cancel_with_an_attempt_alive_waits_for_its_end() -> None:
    live = book(attempt(1, AttemptResult.OPEN), cancel_asked=True)
    step = next_move(STRONG, live, NOW + SECOND)
    assert (step.move, step.until) == (Move.WAIT, NOW + 40 * SECOND)
    assert next_move(STRONG, live, NOW + MINUTE).move is Move.LOOK_UP
    assert next_move(BARE, live, NOW + MINUTE).move is Move.PARK
    assert next_move(KEYED, live, NOW + MINUTE).move is Move.PARK, "the key is no help any more"


def test_a_cancel_in_doubt_needs_the_whole_proof() -> None:
    for proof in ((), PROOF[:1]):
        doubted = book(attempt(), lookups=proof, cancel_asked=True)
        assert next_move(STRONG, doubted, NOW + 10 * MINUTE).move is Move.LOOK_UP
    proven = book(attempt(), lookups=PROOF, cancel_asked=True)
    assert next_move(STRONG, proven, NOW + 10 * MINUTE).move is Move.CANCEL
    assert next_move(STRONG, proven, NOW + 10 * HOUR).move is Move.CANCEL


def test_a_cancelled_content_duplicate_is_cancelled_and_one_of_our_key_is_not() -> None:
    called = attempt(1, AttemptResult.TURNED_AWAY, answer=Answer.DUPLICATE)
    content = book(called, cancel_asked=True)
    assert next_move(STRONG, content, NOW + 10 * MINUTE).move is Move.LOOK_UP
    confirmed = book(called, lookups=PROOF[:1], cancel_asked=True)
    assert next_move(STRONG, confirmed, NOW + 10 * MINUTE).move is Move.CANCEL
    ours = book(attempt(answer=Answer.DUPLICATE), lookups=PROOF, cancel_asked=True)
    assert next_move(STRONG, ours, NOW + 10 * MINUTE).move is Move.PARK


@pytest.mark.parametrize("held_by", ["a halt", "its day"])
def test_in_doubt_a_wait_of_ours_does_not_outlive_the_key(held_by: str) -> None:
    """Then the same bytes may not go any more, and a person has to know."""
    op = operation(IdempotencyKind.REPLAY_STATE, LookupKind.NONE, window=HOUR)
    day = NOW + 5 * HOUR if held_by == "its day" else None
    doubted = book(attempt(), submit_before=NOW + 9 * HOUR, submit_from=day)
    halted = held_by == "a halt"
    step = next_move(op, doubted, NOW + MINUTE, halted=halted)
    assert (step.move, step.until) == (Move.WAIT, NOW + HOUR / 2)
    assert next_move(op, doubted, NOW + HOUR / 2, halted=halted).move is Move.PARK
    soon = doubted.model_copy(update={"submit_from": NOW + 10 * MINUTE})
    assert next_move(op, soon, NOW + MINUTE).until == NOW + 10 * MINUTE
    assert next_move(op, soon, NOW + 10 * MINUTE).move is Move.SEND
