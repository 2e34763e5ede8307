"""What takes a payment back is driven beside everything else, and holds up nothing."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from domain.lifecycle.next_step import Due, Owed
from domain.lifecycle.resource import Certainty
from domain.lifecycle.sending import Answer, AttemptResult, Book, Closed
from domain.payments.due import due
from domain.payments.report import Observed, PaymentState
from tests.domain.samples import (
    CANCEL,
    CANCEL_BARE,
    HOUR,
    INSTRUCTION,
    MINUTE,
    NOW,
    SECOND,
    attempt,
    book,
    report,
    view,
)

S = PaymentState
DAY = timedelta(days=1)
UNSENT = book(submit_before=NOW + 7 * DAY)
LIVE = book(attempt(1, AttemptResult.OPEN), submit_before=NOW + 7 * DAY)
DOUBTED = book(attempt(), submit_before=NOW + 7 * DAY)
HELD = report(S.ACCEPTED)
FROZEN = {
    "unmapped": (HELD, report(None, SECOND)),
    "contradiction": (report(S.PROCESSING), report(S.AUTHORISED, SECOND)),
    "differs": (report(S.ACCEPTED, observed=Observed(beneficiary_is_ours=False)),),
}


def owed_with(cancel: Book, *told: Any, after: timedelta = MINUTE, **fields: Any) -> Due:
    """What is owed, whichever of the instructions the store lists first."""
    fields = {"last_asked_at": NOW, "cancel_asked": True, **fields}
    seen = view(*(told or (HELD,)), cancel=cancel, **fields)
    turned = seen.model_copy(update={"instructions": seen.instructions[::-1]})
    assert due(turned, NOW + after) == due(seen, NOW + after)
    return due(seen, NOW + after)


@pytest.mark.parametrize("told", FROZEN.values(), ids=FROZEN)
def test_a_frozen_payment_is_still_taken_back(told: tuple[Any, ...]) -> None:
    owed = owed_with(UNSENT, *told)
    assert (owed.owed, owed.instruction_id) == (Owed.INSTRUCT, CANCEL)
    doubted = owed_with(DOUBTED, *told, reads=0)
    assert (doubted.owed, doubted.instruction_id) == (Owed.INSTRUCT, CANCEL)


@pytest.mark.parametrize("cancel", [UNSENT, DOUBTED])
def test_a_halt_does_not_stop_it(cancel: Book) -> None:
    owed = owed_with(cancel, halted=True)
    assert (owed.owed, owed.instruction_id) == (Owed.INSTRUCT, CANCEL)


def test_without_a_login_it_waits_like_everything_else() -> None:
    owed = owed_with(UNSENT, not_before=NOW + HOUR, waiting_for="our login")
    assert (owed.owed, owed.because) == (Owed.WAIT, "our login")


def test_while_it_waits_the_payment_is_read() -> None:
    read = owed_with(LIVE, after=20 * SECOND)
    assert (read.owed, read.instruction_id) == (Owed.READ, INSTRUCTION)
    waiting = owed_with(LIVE, after=20 * SECOND, reads=99)
    assert (waiting.owed, waiting.until) == (Owed.WAIT, NOW + 40 * SECOND), "then it goes on"
    sooner = owed_with(LIVE, after=20 * SECOND, reads=5)
    assert (sooner.owed, sooner.until) == (Owed.WAIT, NOW + 32 * SECOND), "and the read comes first"


def test_while_it_is_parked_the_payment_is_read() -> None:
    parked: dict[str, Any] = {"take_back": CANCEL_BARE, "after": HOUR}
    read = owed_with(DOUBTED, **parked)
    assert (read.owed, read.instruction_id) == (Owed.READ, INSTRUCTION)
    asked_now = owed_with(DOUBTED, **parked, reads=99, last_asked_at=NOW + HOUR)
    assert (asked_now.owed, asked_now.until) == (Owed.WAIT, NOW + HOUR + 15 * MINUTE)


def test_where_nothing_can_be_read_its_wait_is_the_wait() -> None:
    unnamed = report(S.ACCEPTED, partner_reference=None)
    waiting = owed_with(LIVE, unnamed, after=20 * SECOND)
    assert (waiting.owed, waiting.until) == (Owed.WAIT, NOW + 40 * SECOND)


@pytest.mark.parametrize(
    "done",
    [
        book(attempt(answer=Answer.ACCEPTED)),
        book(attempt(answer=Answer.REFUSED), closed=Closed.REFUSED),
        book(attempt(), closed=Closed.MOOT),
        book(closed=Closed.EXPIRED),
    ],
    ids=["accepted", "refused", "moot", "expired"],
)
def test_once_it_is_answered_or_closed_the_payment_goes_its_way(done: Book) -> None:
    assert owed_with(done).owed is Owed.READ
    settled = owed_with(done, HELD, report(S.SETTLED, SECOND))
    assert settled.because == "the watch for returns"


def test_one_in_doubt_keeps_the_end_from_being_the_end() -> None:
    """The partner may hold it deleted or not: it is asked, by either instruction."""
    doubted = owed_with(DOUBTED, HELD, report(S.RETURNED, SECOND))
    assert (doubted.owed, doubted.instruction_id) == (Owed.INSTRUCT, CANCEL)
    moot = book(attempt(), closed=Closed.MOOT)
    assert owed_with(moot, HELD, report(S.RETURNED, SECOND)).owed is Owed.OVER


def test_time_that_ran_out_for_it_closes_it() -> None:
    owed = owed_with(UNSENT, after=8 * DAY)
    assert (owed.owed, owed.instruction_id) == (Owed.INSTRUCT, CANCEL)


def test_a_payment_with_one_in_doubt_is_not_certain() -> None:
    assert view(HELD, cancel=DOUBTED).payment.certainty is Certainty.UNKNOWN
    assert view(HELD, cancel=UNSENT).payment.certainty is Certainty.SENT
