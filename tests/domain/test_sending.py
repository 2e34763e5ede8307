"""`next_move` is the design's table, for every partner there can be, and may not be outwitted."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from domain.lifecycle.profile import DuplicateMeans, IdempotencyKind, Lookup, LookupKind, Operation
from domain.lifecycle.sending import (
    Answer,
    Attempt,
    AttemptResult,
    Book,
    LookedUp,
    LookupResult,
    Move,
    doubted_besides,
    duplicate_is_refusal,
    is_refused,
    next_move,
)
from tests.domain.samples import HOUR, MINUTE, NOW, SECOND, absent, attempt, book, operation

DAY = timedelta(days=1)
UNKNOWN, NOT_SENT, OPEN = AttemptResult.UNKNOWN, AttemptResult.NOT_SENT, AttemptResult.OPEN
COMPLETE = (LookupKind.STRONG, LookupKind.EVENTUAL, LookupKind.PARENT)


STRONG = operation(IdempotencyKind.REJECT_DUPLICATE, LookupKind.STRONG)
KEYED = operation(IdempotencyKind.REPLAY_STATE, LookupKind.NONE)
BARE = operation(IdempotencyKind.NONE, LookupKind.NONE)
ASKED = operation(IdempotencyKind.NONE, LookupKind.STRONG)
#: When the attempt opened at NOW can no longer have an effect that a lookup would miss.
SETTLED = NOW + 45 * SECOND


def moves(op: Operation, its_book: Book, *, after: timedelta, halted: bool = False) -> Move:
    return next_move(op, its_book, NOW + after, halted=halted).move


def test_without_key_and_lookup_a_doubtful_send_is_never_followed_by_another() -> None:
    for after in (40 * SECOND, HOUR, 400 * DAY):
        assert moves(BARE, book(attempt()), after=after) is Move.PARK


def test_one_attempt_in_doubt_keeps_it_in_doubt_whatever_a_later_one_says() -> None:
    later = attempt(2, NOT_SENT, opened_at=NOW + MINUTE)
    assert moves(BARE, book(attempt(), later), after=5 * MINUTE) is Move.PARK
    assert book(attempt(), later).in_doubt


def test_half_of_the_window_is_the_end_of_relying_on_a_key() -> None:
    op = operation(IdempotencyKind.REPLAY_STATE, LookupKind.NONE, window=2 * HOUR)
    its_book = book(attempt(), submit_before=NOW + 5 * HOUR)
    assert moves(op, its_book, after=HOUR - SECOND) is Move.SEND
    assert moves(op, its_book, after=HOUR) is Move.PARK


def test_the_window_counts_from_the_first_send_not_the_last() -> None:
    op = operation(IdempotencyKind.REPLAY_STATE, LookupKind.NONE, window=2 * HOUR)
    resent = attempt(2, opened_at=NOW + 50 * MINUTE)
    its_book = book(attempt(), resent, submit_before=NOW + 5 * HOUR)
    assert moves(op, its_book, after=61 * MINUTE) is Move.PARK


def test_time_running_out_in_mid_doubt_ends_sending_and_not_asking() -> None:
    assert moves(KEYED, book(attempt()), after=59 * MINUTE) is Move.SEND
    assert moves(KEYED, book(attempt()), after=HOUR) is Move.PARK
    assert moves(STRONG, book(attempt()), after=HOUR) is Move.LOOK_UP


def test_an_empty_answer_asked_before_everything_ended_and_settled_does_not_count() -> None:
    too_early = absent(SETTLED - SECOND, SETTLED + MINUTE)
    assert moves(ASKED, book(attempt(), lookups=too_early), after=10 * MINUTE) is Move.LOOK_UP
    in_time = absent(SETTLED, SETTLED + MINUTE)
    assert moves(ASKED, book(attempt(), lookups=in_time), after=10 * MINUTE) is Move.SEND


def test_an_attempt_that_broke_off_early_may_still_have_effect_until_its_end() -> None:
    broken = attempt(closed_at=NOW + SECOND)
    lookups = absent(NOW + 7 * SECOND, NOW + 30 * SECOND)
    assert moves(ASKED, book(broken, lookups=lookups), after=10 * MINUTE) is Move.LOOK_UP


def test_an_attempt_closed_after_its_end_puts_the_proof_off() -> None:
    stalled = attempt(closed_at=NOW + 10 * MINUTE)
    lookups = absent(SETTLED, NOW + 10 * MINUTE)
    assert moves(ASKED, book(stalled, lookups=lookups), after=20 * MINUTE) is Move.LOOK_UP


def test_one_answer_recorded_twice_is_one_answer() -> None:
    same = absent(SETTLED + MINUTE, SETTLED + MINUTE)
    assert moves(ASKED, book(attempt(), lookups=same), after=10 * MINUTE) is Move.LOOK_UP


def test_two_answers_asked_at_once_are_no_better_than_one() -> None:
    at_once = absent(SETTLED, SETTLED + timedelta(milliseconds=3))
    assert moves(ASKED, book(attempt(), lookups=at_once), after=10 * MINUTE) is Move.LOOK_UP


def test_one_answer_is_no_proof_even_where_no_pause_is_declared() -> None:
    hasty = ASKED.model_copy(update={"lookup": Lookup(kind=LookupKind.STRONG, pause=timedelta(0))})
    assert moves(hasty, book(attempt(), lookups=absent(SETTLED)), after=HOUR / 2) is Move.LOOK_UP


def test_proof_about_one_attempt_is_none_about_the_next() -> None:
    lookups = absent(SETTLED, SETTLED + MINUTE)
    again = attempt(2, opened_at=NOW + 5 * MINUTE)
    assert moves(ASKED, book(attempt(), again, lookups=lookups), after=10 * MINUTE) is Move.LOOK_UP


def test_found_after_empty_answers_is_found() -> None:
    lookups = (
        *absent(SETTLED, SETTLED + MINUTE),
        LookedUp(asked_at=SETTLED + 2 * MINUTE, result=LookupResult.FOUND),
    )
    assert moves(ASKED, book(attempt(), lookups=lookups), after=10 * MINUTE) is Move.STORED


def test_a_clock_set_back_asks_in_a_measured_way_and_proves_nothing() -> None:
    back = NOW - 5 * HOUR
    asked_now = book(attempt(), lookups=absent(back))
    step = next_move(ASKED, asked_now, back)
    assert step.move is Move.WAIT
    assert step.until == back + 2 * SECOND
    asked_often = absent(*(back + n * MINUTE for n in range(9)))
    many = next_move(ASKED, book(attempt(), lookups=asked_often), back + 9 * MINUTE)
    assert (many.move, many.until) == (Move.WAIT, back + 8 * MINUTE + 2**8 * 2 * SECOND)
    later = next_move(ASKED, book(attempt(), lookups=asked_often), back + HOUR)
    assert later.move is Move.LOOK_UP


def test_a_generation_moves_only_past_a_stored_failure_proven_without_effect() -> None:
    op = operation(IdempotencyKind.REPLAY_RESPONSE, LookupKind.STRONG, caches_errors=True)
    failed = attempt(server_error=True)
    assert moves(op, book(failed), after=5 * MINUTE) is Move.LOOK_UP
    proof = absent(SETTLED, SETTLED + MINUTE)
    assert next_move(op, book(failed, lookups=proof), NOW + 5 * MINUTE).generation == 2
    assert next_move(op, book(attempt(), lookups=proof), NOW + 5 * MINUTE).generation == 1


def test_each_generation_needs_a_proof_of_its_own() -> None:
    op = operation(IdempotencyKind.REPLAY_RESPONSE, LookupKind.STRONG, caches_errors=True)
    second = attempt(2, opened_at=NOW + 5 * MINUTE, generation=2, server_error=True)
    proof = absent(SETTLED, SETTLED + MINUTE)
    in_doubt_again = book(attempt(server_error=True), second, lookups=proof)
    assert moves(op, in_doubt_again, after=10 * MINUTE) is Move.LOOK_UP
    proofs = (*proof, *absent(NOW + 7 * MINUTE, NOW + 8 * MINUTE))
    proven = in_doubt_again.model_copy(update={"lookups": proofs})
    step = next_move(op, proven, NOW + 10 * MINUTE)
    assert (step.move, step.generation) == (Move.SEND, 3)


def test_an_untouched_new_generation_is_used_and_not_counted_on() -> None:
    """Its key has protected nothing yet; the proof about the older one is what counts."""
    op = operation(IdempotencyKind.REPLAY_RESPONSE, LookupKind.STRONG, caches_errors=True)
    not_sent = attempt(2, NOT_SENT, opened_at=NOW + 5 * MINUTE, generation=2)
    its_book = book(attempt(server_error=True), not_sent)
    assert moves(op, its_book, after=10 * MINUTE) is Move.LOOK_UP
    proof = absent(SETTLED, SETTLED + MINUTE)
    step = next_move(op, its_book.model_copy(update={"lookups": proof}), NOW + 10 * MINUTE)
    assert (step.move, step.generation) == (Move.SEND, 2)


@pytest.mark.parametrize("op", [KEYED, STRONG], ids=["no lookup", "lookup"])
def test_a_long_wish_to_wait_does_not_outlive_the_key(op: Operation) -> None:
    patient = attempt(not_before=NOW + 300 * DAY)
    step = next_move(op, book(patient), NOW + 5 * MINUTE)
    if op.lookup.is_complete:
        assert step.move is Move.LOOK_UP
    else:
        assert (step.move, step.until) == (Move.WAIT, NOW + HOUR)


def test_halted_nothing_new_leaves_and_what_is_in_doubt_is_still_asked_about() -> None:
    assert moves(KEYED, book(), after=MINUTE, halted=True) is Move.WAIT
    assert moves(KEYED, book(attempt()), after=MINUTE, halted=True) is Move.WAIT
    assert moves(STRONG, book(attempt()), after=MINUTE, halted=True) is Move.LOOK_UP
    proven = book(attempt(), lookups=absent(SETTLED, SETTLED + MINUTE))
    assert moves(STRONG, proven, after=5 * MINUTE, halted=True) is Move.WAIT
    assert moves(STRONG, proven, after=HOUR, halted=True) is Move.EXPIRE


def test_a_refusal_speaks_for_the_instruction_only_where_nothing_was_in_doubt() -> None:
    refused = attempt(2, opened_at=NOW + 5 * MINUTE, answer=Answer.REFUSED)
    assert not doubted_besides(STRONG, book(attempt(1, NOT_SENT), refused), 2)
    assert doubted_besides(STRONG, book(attempt(), refused), 2)
    proof = absent(SETTLED, SETTLED + MINUTE)
    assert not doubted_besides(STRONG, book(attempt(), refused, lookups=proof), 2)


@pytest.mark.parametrize(
    "known",
    [
        book(attempt(answer=Answer.ACCEPTED), attempt(2, OPEN)),
        book(attempt(), attempt(2, OPEN), held=True),
        book(
            attempt(),
            attempt(2, OPEN),
            lookups=(LookedUp(asked_at=NOW + MINUTE, result=LookupResult.FOUND),),
        ),
    ],
    ids=["accepted", "held", "found"],
)
def test_a_refusal_that_comes_late_does_not_speak_against_what_is_held(known: Book) -> None:
    op = operation(
        IdempotencyKind.REJECT_DUPLICATE,
        LookupKind.STRONG,
        duplicate_means=DuplicateMeans.CONTENT,
    )
    assert doubted_besides(op, known, 2)
    assert not duplicate_is_refusal(op, known, 2)


def test_a_duplicate_by_content_is_a_refusal_on_a_first_send_only() -> None:
    by_content = operation(
        IdempotencyKind.REJECT_DUPLICATE, LookupKind.NONE, duplicate_means=DuplicateMeans.CONTENT
    )
    first = book(attempt(1, NOT_SENT), attempt(2, answer=Answer.DUPLICATE))
    again = book(attempt(), attempt(2, answer=Answer.DUPLICATE))
    assert duplicate_is_refusal(by_content, first, 2)
    assert not duplicate_is_refusal(by_content, again, 2)
    assert not duplicate_is_refusal(STRONG, first, 2), "about our key it means: somebody holds it"


def turned_away(**fields: Any) -> Attempt:
    return attempt(1, AttemptResult.TURNED_AWAY, **fields)


def test_what_the_partner_turned_away_goes_again_at_once_where_its_key_protects() -> None:
    assert moves(STRONG, book(turned_away()), after=MINUTE) is Move.SEND
    late = book(turned_away(), submit_before=NOW + 50 * HOUR)
    assert moves(STRONG, late, after=13 * HOUR) is Move.LOOK_UP, "the key may be forgotten"


def test_what_was_turned_away_is_looked_up_once_before_it_is_cancelled_or_expires() -> None:
    for fields, closes in (({"cancel_asked": True}, Move.CANCEL), ({}, Move.EXPIRE)):
        unasked = book(turned_away(closed_at=NOW + SECOND), submit_before=NOW + MINUTE, **fields)
        early = next_move(STRONG, unasked, NOW + 41 * SECOND)
        if "cancel_asked" in fields:
            assert (early.move, early.until) == (Move.WAIT, SETTLED)
        assert moves(STRONG, unasked, after=2 * MINUTE) is Move.LOOK_UP
        too_early = unasked.model_copy(update={"lookups": absent(SETTLED - SECOND)})
        assert moves(STRONG, too_early, after=2 * MINUTE) is Move.LOOK_UP
        asked = unasked.model_copy(update={"lookups": absent(SETTLED)})
        assert moves(STRONG, asked, after=2 * MINUTE) is closes
        vague = LookedUp(asked_at=SETTLED, result=LookupResult.CANNOT_TELL)
        assert (
            moves(STRONG, unasked.model_copy(update={"lookups": (vague,)}), after=2 * MINUTE)
            is Move.LOOK_UP
        )
        found = LookedUp(asked_at=SETTLED, result=LookupResult.FOUND)
        assert (
            moves(STRONG, unasked.model_copy(update={"lookups": (found,)}), after=2 * MINUTE)
            is Move.STORED
        )


def test_what_never_left_is_closed_without_asking_anybody() -> None:
    never_left = book(attempt(1, NOT_SENT), cancel_asked=True)
    assert moves(STRONG, never_left, after=SECOND) is Move.CANCEL
    assert moves(STRONG, book(attempt(1, NOT_SENT)), after=HOUR) is Move.EXPIRE


def test_without_a_lookup_the_documented_word_of_the_partner_closes() -> None:
    for op in (BARE, KEYED):
        assert moves(op, book(turned_away(), cancel_asked=True), after=MINUTE) is Move.CANCEL
        assert moves(op, book(turned_away()), after=HOUR) is Move.EXPIRE


def test_without_keys_what_was_turned_away_is_looked_up_before_it_goes_again() -> None:
    assert moves(ASKED, book(turned_away()), after=MINUTE) is Move.LOOK_UP
    asked = book(turned_away(), lookups=absent(SETTLED))
    assert moves(ASKED, asked, after=MINUTE) is Move.SEND
    assert moves(ASKED, asked, after=MINUTE, halted=True) is Move.WAIT
    assert moves(ASKED, book(turned_away()), after=MINUTE, halted=True) is Move.LOOK_UP


def test_a_refusal_speaks_for_one_turned_away_before_it_only_after_a_lookup() -> None:
    refused = attempt(2, opened_at=NOW + MINUTE, answer=Answer.REFUSED)
    both = book(turned_away(), refused)
    assert doubted_besides(STRONG, both, 2)
    assert not is_refused(STRONG, both)
    assert moves(STRONG, both, after=10 * MINUTE) is Move.LOOK_UP
    asked = both.model_copy(update={"lookups": absent(NOW + 3 * MINUTE)})
    assert is_refused(STRONG, asked)
    assert moves(STRONG, asked, after=10 * MINUTE) is Move.STORED
    assert not doubted_besides(BARE, both, 2), "nothing could tell more than its word"


def test_in_doubt_it_is_said_what_the_partner_does_with_a_repeat() -> None:
    words = {
        kind: next_move(
            operation(kind, LookupKind.STRONG), book(attempt()), NOW + 5 * MINUTE
        ).because
        for kind in IdempotencyKind
        if kind is not IdempotencyKind.NONE
    }
    assert "refuses a key that it has seen" in words[IdempotencyKind.REJECT_DUPLICATE]
    assert "used only once" in words[IdempotencyKind.NATURAL_KEY]
    assert "executes nothing twice" in words[IdempotencyKind.REPLAY_STATE]
