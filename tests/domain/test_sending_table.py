"""Every cell of `next_move`: all books, for every partner there can be, under every brake."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import product
from typing import Any, NamedTuple

import pytest

from domain.lifecycle.profile import IdempotencyKind, LookupKind
from domain.lifecycle.sending import (
    GATE_HOLDS,
    Answer,
    Attempt,
    AttemptResult,
    Book,
    Closed,
    LookedUp,
    LookupResult,
    Move,
    next_move,
)
from tests.domain.samples import HOUR, MINUTE, NOW, SECOND, absent, attempt, book, operation

DAY = timedelta(days=1)
UNKNOWN, NOT_SENT, OPEN = AttemptResult.UNKNOWN, AttemptResult.NOT_SENT, AttemptResult.OPEN
TURNED_AWAY = AttemptResult.TURNED_AWAY
COMPLETE = (LookupKind.STRONG, LookupKind.EVENTUAL, LookupKind.PARENT)


@dataclass(frozen=True)
class Facts:
    """What a reader of docs/promise.md would say of a book, without looking at its rows."""

    closed: bool = False
    answered: bool = False
    live: bool = False
    doubtful: bool = False
    refused: bool = False
    called_duplicate: bool = False
    turned_away: bool = False
    """The partner says so of an attempt, and no lookup has confirmed it."""
    proven_absent: bool = False
    reopened: bool = False
    """It was closed as unsent, before it turned out that it may have been sent."""
    resends_used_up: bool = False
    crashed: bool = False
    """No answer at all was seen, so no 5xx either."""


class Brakes(NamedTuple):
    """What of our own may stand against a send; the gate as (in use, when it passed)."""

    in_time: bool
    halted: bool
    cancel_asked: bool
    too_early: bool
    gate: tuple[bool, datetime | None]

    @property
    def gate_holds(self) -> bool:
        is_gated, passed_at = self.gate
        return not is_gated or (passed_at is not None and NOW - passed_at < GATE_HOLDS)

    def on(self, its_book: Book) -> Book:
        """That book, with them set."""
        is_gated, passed_at = self.gate
        return its_book.model_copy(
            update={
                "submit_before": NOW + HOUR if self.in_time else NOW,
                "submit_from": NOW + MINUTE if self.too_early else NOW - DAY,
                "cancel_asked": self.cancel_asked,
                "is_gated": is_gated,
                "gate_passed_at": passed_at,
            }
        )


FLAGS = (False, True)
GATES = ((False, None), (True, NOW - GATE_HOLDS + SECOND), (True, NOW - GATE_HOLDS))
BRAKES = tuple(Brakes(*each) for each in product(FLAGS, FLAGS, FLAGS, FLAGS, GATES))


class Circumstances(NamedTuple):
    """Everything beside the book and our own brakes."""

    idempotency: IdempotencyKind
    lookup: LookupKind
    window: timedelta | None
    age: timedelta
    caches_errors: bool
    server_error: bool

    @property
    def key_honoured(self) -> bool:
        """Half the window, and an unknown one is a day."""
        half = timedelta(hours=12) if self.window is None else self.window / 2
        return self.idempotency != "none" and self.age < half


def expected(facts: Facts, at: Circumstances, brakes: Brakes) -> tuple[Move, int]:
    """The table of docs/promise.md, row by row, with the key's generation."""
    if facts.closed:
        return Move.NOTHING, 1
    if facts.answered:
        return Move.STORED, 1
    if facts.live:
        return Move.WAIT, 1
    complete = at.lookup in COMPLETE
    if not facts.doubtful:
        asked_first = facts.turned_away and complete
        if facts.refused:
            return (Move.LOOK_UP if asked_first else Move.STORED), 1
        if brakes.cancel_asked:
            return (Move.LOOK_UP if asked_first else Move.CANCEL), 1
        if facts.called_duplicate:
            return Move.PARK, 1
        if asked_first and not (brakes.in_time and at.key_honoured):
            return Move.LOOK_UP, 1  # Before it expires, or goes again where no key protects.
        return sent_anew(brakes, 1)
    burnt = at.caches_errors and at.server_error and not facts.crashed
    told = facts.refused or facts.called_duplicate or burnt or facts.reopened
    same_bytes = brakes.in_time and at.key_honoured and not told and not brakes.cancel_asked
    if same_bytes and not (complete and facts.resends_used_up):
        if not brakes.halted and not brakes.too_early:
            return Move.SEND, 1  # Whatever the gate says: it may have been executed already.
        if not complete:
            return Move.WAIT, 1
    if not complete:
        return Move.PARK, 1
    if not facts.proven_absent:
        return Move.LOOK_UP, 1
    if facts.called_duplicate:
        return Move.PARK, 1
    if brakes.cancel_asked:
        return Move.CANCEL, 1
    if facts.refused or facts.reopened:
        return Move.CLOSE, 1
    return sent_anew(brakes, 2 if burnt else 1)


def sent_anew(brakes: Brakes, generation: int) -> tuple[Move, int]:
    """Where nothing is in doubt, every brake holds."""
    if not brakes.in_time:
        return Move.EXPIRE, 1
    if brakes.too_early or brakes.halted:
        return Move.WAIT, 1
    return (Move.SEND if brakes.gate_holds else Move.CHECK), generation


def situations(first: datetime, server_error: bool) -> Iterator[tuple[str, Book, Facts]]:
    """Books whose first attempt was opened at `first`, each with what is true of it."""

    def sent(number: int = 1, result: AttemptResult = UNKNOWN, **fields: Any) -> Attempt:
        opened_at = first + (number - 1) * 2 * MINUTE
        failed = server_error and result is UNKNOWN
        return attempt(number, result, opened_at=opened_at, server_error=failed, **fields)

    def looked(result: LookupResult) -> tuple[LookedUp, ...]:
        return (LookedUp(asked_at=later, result=result),)

    later = first + 10 * MINUTE
    twice = absent(later, later + MINUTE)
    early = absent(first + 20 * SECOND, first + 44 * SECOND)
    accepted, refused, duplicate = Answer.ACCEPTED, Answer.REFUSED, Answer.DUPLICATE
    doubt = Facts(doubtful=True)
    yield "nothing", book(), Facts()
    for why in Closed:
        yield f"closed {why}", book(sent(), closed=why), Facts(closed=True, doubtful=True)
    yield "accepted", book(sent(answer=accepted)), Facts(answered=True)
    yield "accepted late", book(sent(), sent(2, answer=accepted)), Facts(answered=True)
    yield "found", book(sent(), lookups=looked(LookupResult.FOUND)), Facts(answered=True)
    yield "held", book(sent(), held=True), Facts(answered=True)
    yield "not sent", book(sent(1, NOT_SENT)), Facts()
    yield "never sent", book(*(sent(n, NOT_SENT) for n in (1, 2, 3))), Facts()
    yield "refused", book(sent(answer=refused)), Facts(refused=True)
    yield "refused at last", book(sent(1, NOT_SENT), sent(2, answer=refused)), Facts(refused=True)
    content = sent(1, TURNED_AWAY, answer=duplicate)
    yield "content", book(content), Facts(called_duplicate=True, turned_away=True)
    yield "turned away", book(sent(1, TURNED_AWAY)), Facts(turned_away=True)
    yield (
        "turned away, not sent",
        book(sent(1, TURNED_AWAY), sent(2, NOT_SENT)),
        Facts(turned_away=True),
    )
    yield "turned away, absent", book(sent(1, TURNED_AWAY), lookups=absent(later)), Facts()
    yield (
        "turned away, empty too early",
        book(sent(1, TURNED_AWAY), lookups=early),
        Facts(turned_away=True),
    )
    yield (
        "turned away, refused",
        book(sent(1, TURNED_AWAY), sent(2, answer=refused)),
        Facts(turned_away=True, refused=True),
    )
    yield (
        "turned away, refused, absent",
        book(sent(1, TURNED_AWAY), sent(2, answer=refused), lookups=absent(later)),
        Facts(refused=True),
    )
    yield "unknown, turned away", book(sent(), sent(2, TURNED_AWAY)), doubt
    yield "unknown", book(sent()), doubt
    yield "crashed", book(sent(1, OPEN)), Facts(doubtful=True, crashed=True)
    yield "unknown, not sent", book(sent(), sent(2, NOT_SENT)), doubt
    yield "unknown twice", book(sent(), sent(2)), doubt
    yield "one empty answer", book(sent(), lookups=absent(later)), doubt
    yield "empty too early", book(sent(), lookups=early), doubt
    yield "cannot tell", book(sent(), lookups=looked(LookupResult.CANNOT_TELL) * 3), doubt
    yield (
        "resent",
        book(*(sent(n) for n in (1, 2, 3, 4))),
        Facts(doubtful=True, resends_used_up=True),
    )
    yield "absent", book(sent(), lookups=twice), Facts(doubtful=True, proven_absent=True)
    yield (
        "crashed, absent",
        book(sent(1, OPEN), lookups=twice),
        Facts(doubtful=True, proven_absent=True, crashed=True),
    )
    yield (
        "repeat refused",
        book(sent(), sent(2, answer=refused)),
        Facts(doubtful=True, refused=True),
    )
    yield (
        "repeat refused, absent",
        book(sent(), sent(2, answer=refused), lookups=twice),
        Facts(doubtful=True, refused=True, proven_absent=True),
    )
    for why in (Closed.CANCELLED, Closed.EXPIRED, Closed.REFUSED, Closed.NOT_EXECUTED):
        again = Facts(doubtful=True, reopened=True)
        yield f"reopened, {why}", book(sent(), reopened=why), again
        yield (
            f"reopened, {why}, absent",
            book(sent(), reopened=why, lookups=twice),
            Facts(doubtful=True, reopened=True, proven_absent=True),
        )
    yield "duplicate", book(sent(answer=duplicate)), Facts(doubtful=True, called_duplicate=True)
    yield (
        "duplicate, absent",
        book(sent(), sent(2, answer=duplicate), lookups=twice),
        Facts(doubtful=True, called_duplicate=True, proven_absent=True),
    )


def live_situations(server_error: bool) -> Iterator[tuple[str, Book, Facts]]:
    young = NOW - 39 * SECOND
    yield "live", book(attempt(1, OPEN, opened_at=young)), Facts(live=True)
    doubtful = attempt(opened_at=NOW - 3 * MINUTE, server_error=server_error)
    yield "live again", book(doubtful, attempt(2, OPEN, opened_at=young)), Facts(live=True)


@pytest.mark.parametrize("lookup", LookupKind)
@pytest.mark.parametrize("idempotency", IdempotencyKind)
def test_every_book_gets_the_move_of_the_table(
    idempotency: IdempotencyKind, lookup: LookupKind
) -> None:
    windows = ((2 * DAY, HOUR), (2 * DAY, 25 * HOUR), (None, HOUR), (None, 13 * HOUR))
    for (window, age), failed in product(windows, FLAGS):
        known = (*situations(NOW - age, failed), *live_situations(failed))
        partners = [
            (
                Circumstances(idempotency, lookup, window, age, caches, failed),
                operation(idempotency, lookup, window=window, caches_errors=caches),
            )
            for caches in FLAGS
        ]
        for (name, its_book, facts), brakes in product(known, BRAKES):
            braked = brakes.on(its_book)
            for at, op in partners:
                step = next_move(op, braked, NOW, halted=brakes.halted)
                assert (step.move, step.generation) == expected(facts, at, brakes), (
                    *(name, at, brakes, step),
                )
                if step.move is Move.WAIT:
                    assert step.until is not None, name
                    assert step.until > NOW, name
