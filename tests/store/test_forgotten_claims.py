"""Captures and refunds of which a database that was set back knows too little."""

from __future__ import annotations

from datetime import timedelta

import pytest

from activities.messages import ResourceRef
from domain.lifecycle.answers import Shown
from domain.lifecycle.profile import InstructionKind
from domain.lifecycle.sending import Book, Move
from domain.payments.order import Captured
from domain.payments.report import MovementKind, PaymentState
from store.claims import Claims, OverBound
from store.folding import Folding
from store.halts import Halts
from tests.activities.steps import in_its_run
from tests.clock import SteppedClock
from tests.store.books import PAYMENT, PAYMENTS, Store
from tests.store.copies import copy_of, set_back
from tests.store.test_claims import admit, authorised, booked

REFUND = InstructionKind.REFUND


@pytest.fixture
async def claims(store: Store) -> Claims:
    """Of a payment of which everything was captured."""
    taken = booked(MovementKind.CAPTURE, 10_000, "ca_1")
    await authorised(store, PaymentState.CAPTURED, taken, captured=Captured.AT_ONCE)
    return Claims(store.database, Folding(store.keyring, PAYMENTS))


async def book_of(store: Store, instruction_id: str) -> Book:
    view = await store.payments.view(PAYMENT)
    return next(i.book for i in view.instructions if i.instruction_id == instruction_id)


async def test_a_claim_that_a_lost_database_may_have_sent_is_not_sent_as_new(
    store: Store, claims: Claims, clock: SteppedClock
) -> None:
    refund = (await admit(claims, store, REFUND, 6_000)).instruction.instruction_id
    await store.set_back.forgot("pay_gone", clock.now())
    await store.set_back.doubt(clock.now())
    clock.step(timedelta(minutes=5))
    book = await book_of(store, refund)
    assert book.in_doubt, "the lost database may have sent it"


async def test_a_claim_that_ended_on_the_copy_counts_again_once_a_send_of_it_is_known(
    store: Store, claims: Claims, clock: SteppedClock
) -> None:
    refund = (await admit(claims, store, REFUND, 6_000)).instruction.instruction_id
    clock.step(timedelta(days=2))
    assert (await store.begin(refund)).move is Move.EXPIRE
    await store.set_back.remember(PAYMENT, {refund: 1}, clock.now())
    assert (await book_of(store, refund)).in_doubt
    with pytest.raises(OverBound):
        await admit(claims, store, REFUND, 6_000, "k2")


async def test_a_claim_whose_key_the_partner_lists_already_is_looked_up(
    store: Store, claims: Claims, clock: SteppedClock
) -> None:
    copy = copy_of(store.database)
    refund = (await admit(claims, store, REFUND, 6_000)).instruction.instruction_id
    key = (await store.reading(refund)).subject.keys[-1]
    set_back(store.database, copy)
    await store.compare()
    assert await store.compare(Shown("re_1", key, clock.now()))
    again = await admit(claims, store, REFUND, 6_000)
    assert again.instruction.instruction_id == refund
    assert again.instruction.book.in_doubt


async def test_a_run_that_has_seen_a_forgotten_claim_halts_everything_once(
    store: Store, claims: Claims, clock: SteppedClock
) -> None:
    copy = copy_of(store.database)
    refund = (await admit(claims, store, REFUND, 6_000)).instruction.instruction_id
    await store.begin(refund)
    set_back(store.database, copy)
    run = ResourceRef(tenant="shop", resource_id=PAYMENT, attempts={refund: 1})
    await in_its_run().run(store.payment_store().load, run)
    halts = Halts(store.database)
    [found] = await halts.in_force()
    assert f"does not have {refund}" in found.why
    await store.set_back.doubt(clock.now())
    assert await halts.lift(found.number, by="alice", now=clock.now())
    await in_its_run().run(store.payment_store().load, run)
    assert not await halts.in_force(), "people have looked at that already"
