"""Bugs: what may be sent again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import temporalio.activity

import activities.partner_steps as partner_steps
import domain.lifecycle.sending as sending
import store.folding
import store.inbox
import store.sending
import store.views
from domain.lifecycle.profile import Idempotency, IdempotencyKind
from domain.lifecycle.sending import Answer, AttemptResult, Move
from store.tables.lifecycles import AttemptRow
from tests.proof.planted.bug import everywhere, planted


@planted("what is in doubt is sent again instead of looked up")
def the_book_is_ignored() -> None:
    original = sending.next_move

    def careless(*given: Any, **options: Any) -> Any:
        step = original(*given, **options)
        return step._replace(move=Move.SEND) if step.move is Move.LOOK_UP else step

    everywhere(original, careless)


@planted("the attempt is written after the call, not before it")
def the_row_comes_after_the_byte() -> None:
    begin, record = store.sending.SendBook.begin, store.sending.SendBook.record
    unwritten: dict[tuple[str, int], dict[str, Any]] = {}

    async def begins(self: Any, instruction_id: str, now: Any, **options: Any) -> Any:
        turn = await begin(self, instruction_id, now, **{**options, "known": 0})
        if turn.move is Move.SEND:

            def forget(session: Any) -> None:
                row = session.get(AttemptRow, (instruction_id, turn.attempt))
                unwritten[instruction_id, turn.attempt] = row.model_dump()
                session.delete(row)

            self._database.write_now(forget)
        return turn

    async def records(self: Any, told: Any) -> Any:
        row = unwritten.pop((told.instruction_id, told.attempt), None)
        if row is not None:
            self._database.write_now(lambda session: session.merge(AttemptRow(**row)))
        return await record(self, told)

    store.sending.SendBook.begin = begins  # type: ignore[method-assign,assignment]
    store.sending.SendBook.record = records  # type: ignore[method-assign,assignment]


@planted("an attempt that was not sent ends the doubt about the one before it")
def not_sent_ends_all_doubt() -> None:
    def in_doubt(book: sending.Book) -> bool:
        last = book.attempts[-1:]
        return not book.closed and not book.answered and any(a.in_doubt for a in last)

    sending.Book.in_doubt = property(in_doubt)  # type: ignore[method-assign,assignment]


@planted("each attempt goes out under a key of its own")
def a_new_key_for_each_attempt() -> None:
    _send_with(lambda turn: str(turn.attempt))


def _send_with(something: Callable[[Any], str]) -> None:
    """Put it into the key of every send."""
    send = partner_steps.PartnerSteps._send

    async def sends(self: Any, request: Any, partner: Any, turn: Any, moments: Any) -> Any:
        key = turn.request.key
        other = f"{key[:-6]}{something(turn)[-6:]:0>6}"
        body = turn.request.body.replace(key.encode(), other.encode())
        changed = replace(turn, request=replace(turn.request, body=body, key=other))
        return await send(self, request, partner, changed, moments)

    partner_steps.PartnerSteps._send = sends  # type: ignore[method-assign]


@planted("the key is made of the run's id")
def the_key_depends_on_the_run() -> None:
    _send_with(lambda turn: str(temporalio.activity.info().workflow_run_id))


@planted("a partner without keys is taken for one that honours them")
def keys_are_believed_in_where_there_are_none() -> None:
    original = sending._key_protects_until

    def believed(op: Any, book: Any) -> Any:
        if op.idempotency.kind is IdempotencyKind.NONE:
            honoured = Idempotency(kind=IdempotencyKind.REPLAY_STATE)
            op = op.model_copy(update={"idempotency": honoured})
        return original(op, book)

    everywhere(original, believed)


@planted("the same bytes go again after the partner has forgotten their key",
         "tests/domain/test_sending_rules.py", "tests/domain/test_sending.py",
         "tests/domain/test_sending_machine.py")  # fmt: skip
def keys_are_believed_in_for_ever() -> None:
    Idempotency.honoured_for = property(  # type: ignore[method-assign,assignment]
        lambda _: timedelta(days=365)
    )


@planted("an attempt that is open counts as not sent once its time is over")
def an_open_attempt_is_nothing() -> None:
    def doubtful(attempt: Any) -> bool:
        return attempt.result is AttemptResult.UNKNOWN or attempt.answer is Answer.DUPLICATE

    sending.Attempt.in_doubt = property(doubtful)  # type: ignore[method-assign,assignment]


@planted("nobody waits for the end of an attempt under way")
def two_attempts_at_a_time() -> None:
    original = sending.next_move

    def impatient(op: Any, book: Any, now: Any, **options: Any) -> Any:
        seen = tuple(
            attempt.model_copy(update={"ends_by": attempt.opened_at}) for attempt in book.attempts
        )
        return original(op, book.model_copy(update={"attempts": seen}), now, **options)

    everywhere(original, impatient)
