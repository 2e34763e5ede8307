"""Attacks with answers that arrive when others have gone on: the sender was only thought dead."""

from __future__ import annotations

from datetime import timedelta

import pytest

from domain.lifecycle.answers import Absent, Found
from domain.lifecycle.next_step import Owed
from domain.lifecycle.profile import IdempotencyKind, LookupKind
from domain.lifecycle.resource import Certainty
from domain.lifecycle.sending import Move
from domain.payments.display import display
from domain.payments.due import due
from domain.payments.report import PaymentState, Source
from tests.clock import SteppedClock
from tests.fakes import profile
from tests.store.books import Store, accepted, exchange, in_doubt, not_sent, refused, report

SECOND = timedelta(seconds=1)
KEYED = profile(IdempotencyKind.REPLAY_STATE, LookupKind.STRONG)
UNKEYED = profile(IdempotencyKind.NONE, LookupKind.STRONG)


async def _two_sends(store: Store, clock: SteppedClock) -> None:
    """The first answers late; the same bytes went again meanwhile."""
    await store.accept(as_of=KEYED)
    assert (await store.begin()).attempt == 1
    clock.step(4 * SECOND)
    assert (await store.begin()).attempt == 2


async def test_a_late_refusal_does_not_end_what_is_under_way(
    store: Store, clock: SteppedClock
) -> None:
    """The funds came between the two sends: the first is refused, the second executed."""
    await _two_sends(store, clock)
    view = await store.sent(refused(clock.now() - 4 * SECOND), 1)
    assert view.payment.state is not PaymentState.REJECTED
    assert view.payment.certainty is Certainty.UNKNOWN
    assert not display(view.payment).may_retry
    assert due(view, clock.now()).owed is not Owed.OVER
    # The worker of the second dies: only asking tells what it did.
    clock.step(MINUTE)
    assert (await store.begin()).move is Move.LOOK_UP
    found = report(clock.now(), source=Source.READ)
    view = await store.looked_up(Found(found, exchange(clock.now())))
    assert (view.payment.state, view.payment.certainty) == (
        PaymentState.ACCEPTED,
        Certainty.SENT,
    )


async def test_a_late_refusal_counts_once_nothing_else_was_sent(
    store: Store, clock: SteppedClock
) -> None:
    await _two_sends(store, clock)
    await store.sent(refused(clock.now() - 4 * SECOND), 1)
    view = await store.sent(not_sent(), 2)
    assert (view.payment.state, view.payment.certainty) == (
        PaymentState.REJECTED,
        Certainty.NOT_SENT,
    )
    assert (await store.begin()).move is Move.STORED


async def test_an_acceptance_of_what_was_proven_absent_casts_doubt_on_the_next_send(
    store: Store, clock: SteppedClock
) -> None:
    """Without a key both may have been executed: then nothing may look settled."""
    await store.accept(as_of=UNKEYED)
    assert (await store.begin()).attempt == 1
    clock.step(MINUTE)
    for _ in range(2):
        assert (await store.begin()).move is Move.LOOK_UP
        await store.looked_up(Absent(clock.now(), exchange(clock.now())))
        clock.step(SECOND)
    assert (await store.begin()).attempt == 2
    await store.sent(in_doubt(), 2)
    view = await store.sent(accepted(clock.now() - MINUTE), 1)
    assert view.payment.certainty is Certainty.UNKNOWN
    assert view.payment.is_frozen
    assert display(view.payment).headline == "We are checking"


@pytest.mark.parametrize("second", [not_sent, None], ids=["not sent", "same key"])
async def test_an_acceptance_stands_where_the_next_send_had_no_effect_of_its_own(
    store: Store, clock: SteppedClock, second: object
) -> None:
    await _two_sends(store, clock)
    await store.sent(not_sent() if second else in_doubt(), 2)
    view = await store.sent(accepted(clock.now() - 4 * SECOND), 1)
    assert (view.payment.certainty, view.payment.findings) == (Certainty.SENT, ())


MINUTE = timedelta(minutes=1)
