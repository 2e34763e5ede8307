"""A token that ends in the middle of a payment: the attempt ends, the token is replaced, and the
send book alone decides what is sent again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from domain.lifecycle.answers import (
    Absent,
    Accepted,
    CannotTell,
    Found,
    InDoubt,
    NotSent,
    Submitted,
    TurnedAway,
    Unanswered,
)
from domain.lifecycle.book import Answer, Attempt, AttemptResult, Book
from domain.lifecycle.sending import Move, next_move
from partners.interface import PaymentPartner
from tests.partners.conformance.bench import Bank, Instruction

#: What the book records of each answer to a send.
_RESULTS = {
    Accepted: (AttemptResult.ANSWERED, Answer.ACCEPTED),
    InDoubt: (AttemptResult.UNKNOWN, None),
    NotSent: (AttemptResult.NOT_SENT, None),
    TurnedAway: (AttemptResult.TURNED_AWAY, None),
}


@pytest.fixture
def dead_token(bank: Bank) -> Callable[[], None]:
    """Lets the partner forget the token in use, by the partner's own clock."""

    def die() -> None:
        assert bank.logins.held is not None, "there is a token that can die"
        bank.later(bank.words.token_lasts + 1)

    return die


def _moves(pay: Instruction, *answers: Submitted) -> Move:
    """What the send book decides after these attempts, once their pauses are over."""
    now = datetime.now(UTC)
    attempts = []
    for number, answer in enumerate(answers, 1):
        result, word = _RESULTS[type(answer)]
        if isinstance(answer, TurnedAway):
            assert answer.status in pay.operation.refusals_without_effect
        attempts.append(
            Attempt(number=number, opened_at=now, write_before=now, ends_by=now, closed_at=now,
                    result=result, answer=word)
        )  # fmt: skip
    book = Book(submit_before=now + timedelta(hours=1), attempts=tuple(attempts))
    return next_move(pay.operation, book, now + timedelta(minutes=30)).move


async def test_an_account_that_logs_in_says_how_long_its_token_lasts(
    bank: Bank, adapter: PaymentPartner
) -> None:
    """Without that word, the tests of dead tokens would pass the partner by."""
    assert await adapter.ready() is None
    if adapter.profile.payer_first is not None:
        assert not bank.words.token_lasts, "a payer's token ends with the approval, and is theirs"
        return
    assert bool(bank.logins.calls) == bool(bank.words.token_lasts)


async def test_a_token_that_dies_before_the_send_ends_the_attempt_and_nothing_is_sent(
    pay: Instruction, bank: Bank, dead_token: Callable[[], None]
) -> None:
    dead = bank.logins.held
    dead_token()
    first = await pay.submit()
    assert isinstance(first, TurnedAway), first
    assert pay.held == []
    # The dead token is not offered again, and only `ready` gets another one.
    second = await pay.submit()
    assert isinstance(second, NotSent), second
    assert bank.logins.calls.count("succeeded") == 1
    assert _moves(pay, first, second) in (Move.SEND, Move.LOOK_UP)
    assert await pay.adapter.ready() is None
    assert bank.logins.held not in (None, dead)
    if pay.operation.lookup.is_complete:
        assert isinstance(await pay.adapter.find(pay.subject), Absent)
    third = await pay.submit()
    assert _moves(pay, first, second, third) is Move.STORED
    assert len(pay.held) == 1
    assert bank.logins.calls.count("succeeded") == 2, "one login for one dead token"


async def test_a_token_that_dies_after_a_lost_reply_leaves_the_doubt_to_the_look_up(
    pay: Instruction, bank: Bank, dead_token: Callable[[], None]
) -> None:
    bank.fault("reply_lost_after")
    first = await pay.submit(seconds=1)
    assert isinstance(first, InDoubt)
    dead_token()
    # Neither a dead token nor a missing one says anything about the payment.
    for _ in range(2):
        assert isinstance(await pay.adapter.find(pay.subject), CannotTell)
    again = await pay.submit()
    assert isinstance(again, NotSent), "there is no token to send with"
    assert _moves(pay, first, again) is not Move.STORED, "the first attempt stays in doubt"
    assert await pay.adapter.ready() is None
    if pay.operation.lookup.is_complete:
        assert isinstance(await pay.adapter.find(pay.subject), Found)
    assert len(pay.held) == 1


async def test_a_token_that_dies_before_a_read_changes_no_state(
    pay: Instruction, dead_token: Callable[[], None]
) -> None:
    await pay.accepted()
    dead_token()
    for _ in range(2):
        assert isinstance(await pay.adapter.read(pay.subject), Unanswered)
    assert await pay.adapter.ready() is None
    assert (await pay.was_read()).partner_reference == pay.held[0]["id"]
