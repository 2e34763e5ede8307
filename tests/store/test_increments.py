"""Increments: more is held, one at a time, and captures wait until it is proven."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import select

from domain.ids import claim_id
from domain.lifecycle.answers import Absent, Accepted, Answered, Found, Refused, Submitted
from domain.lifecycle.heard import heard_of_lookup, heard_of_send
from domain.lifecycle.profile import InstructionKind, LookupKind, Profile
from domain.lifecycle.resource import Certainty
from domain.lifecycle.sending import Closed, Move
from domain.payments.episodes import CaptureState
from domain.payments.order import Captured, Order
from domain.payments.report import Movement, Observed, PaymentState, Source
from domain.payments.view import PaymentView
from store.claims import CannotClaim, ClaimReused, Claims, OverBound
from store.folding import Folding
from store.tables.payments import MovementRow
from tests.clock import SteppedClock
from tests.store.books import (
    PAYMENT,
    PAYMENTS,
    Store,
    accepted,
    exchange,
    in_doubt,
    report,
)
from tests.store.test_claims import HELD, admit, collecting, collection, euro

CAPTURE, INCREMENT = InstructionKind.CAPTURE, InstructionKind.INCREMENT
S = PaymentState


def raising() -> Profile:
    """Of a partner that raises holds, and shows them by the payment alone."""
    plain = collecting(LookupKind.PARENT)
    pay = plain.operation(InstructionKind.PAY)
    return plain.model_copy(update={"operations": {**plain.operations, INCREMENT: pay}})


@pytest.fixture
def claims(store: Store) -> Claims:
    return Claims(store.database, Folding(store.keyring, PAYMENTS))


async def hold(store: Store, state: PaymentState = S.AUTHORISED, of: Order | None = None) -> None:
    """The partner holds 100 euro for us, and could hold more."""
    await store.accept(of=of or collection(), as_of=raising())
    await store.begin()
    await store.sent(accepted(store.clock.now(), state=state, movements=(HELD,)))


async def answered(store: Store, answer: Submitted | None = None, key: str = "k") -> PaymentView:
    """Send the increment; by default the partner executes it."""
    its, now = claim_id(PAYMENT, INCREMENT, key), store.clock.now()
    turn = await store.begin(its)
    assert turn.move is Move.SEND
    done = Accepted(report(now, None, instruction=its), exchange(now))
    heard = heard_of_send(PAYMENT, its, turn.attempt, answer or done, now, nonce=turn.nonce)
    view: PaymentView = await store.book.record(heard)
    return view


async def read(store: Store, minor: int, state: PaymentState = S.AUTHORISED) -> PaymentView:
    """A later read shows so much held."""
    now = store.clock.step(timedelta(seconds=5))
    shown = Movement(movement_id=HELD.movement_id, kind=HELD.kind, amount=euro(minor))
    told = report(
        now, state, source=Source.READ, movements=(shown,), observed=Observed(amount=euro(minor))
    )
    return await store.read(Answered(told, exchange(now)))


def declined(store: Store, key: str = "k") -> Refused:
    now, its = store.clock.now(), claim_id(PAYMENT, INCREMENT, key)
    no = report(now, None, reference=None, instruction=its, reason="card_declined")
    return Refused(no, exchange(now))


async def test_more_can_be_captured_once_the_larger_hold_is_proven_and_shown(
    store: Store, claims: Claims
) -> None:
    await hold(store)
    claimed = await admit(claims, store, INCREMENT, 2_000)
    assert (claimed.is_new, claimed.view.payment.is_followed) == (True, True)
    assert (await admit(claims, store, INCREMENT, 2_000)).is_new is False
    with pytest.raises(ClaimReused, match=r"'k' stands for the increment of 20.00 EUR"):
        await admit(claims, store, INCREMENT, 2_001)
    view = await answered(store)
    assert (view.payment.state, view.payment.certainty) == (S.AUTHORISED, Certainty.SENT)
    with pytest.raises(OverBound):
        await admit(claims, store, CAPTURE, 12_000)
    assert (await read(store, 12_000)).payment.findings == ()
    await admit(claims, store, CAPTURE, 12_000)
    with pytest.raises(CannotClaim, match="after a capture no more can be held"):
        await admit(claims, store, INCREMENT, 1_000, "k2")


@pytest.mark.parametrize("how", ["unsent", "lost", "shown"])
async def test_a_capture_over_the_old_hold_waits_until_the_increment_is_proven(
    store: Store, claims: Claims, how: str
) -> None:
    """A read that shows it may come before its lookup, which alone belongs to the increment."""
    await hold(store)
    await admit(claims, store, INCREMENT, 2_000)
    if how != "unsent":
        await answered(store, in_doubt())
    if how == "shown":
        assert (await read(store, 12_000)).payment.findings == ()
    says = r"more than is left \(100.00 EUR\).*or wait until the increment of 20.00 EUR is proven"
    with pytest.raises(OverBound, match=says) as refused:
        await admit(claims, store, CAPTURE, 10_001)
    assert refused.value.left == euro(10_000)
    assert (await admit(claims, store, CAPTURE, 10_000)).is_new, "so much is held all the same"


async def test_a_lost_reply_is_in_doubt_and_its_lookup_proves_it(
    store: Store, claims: Claims, clock: SteppedClock
) -> None:
    await hold(store)
    its = (await admit(claims, store, INCREMENT, 2_000)).instruction.instruction_id
    view = await answered(store, in_doubt())
    own = next(i for i in view.instructions if i.instruction_id == its)
    assert own.book.in_doubt
    assert (view.payment.state, view.payment.certainty) == (S.AUTHORISED, Certainty.SENT)
    with pytest.raises(CannotClaim, match="another increment is under way"):
        await admit(claims, store, INCREMENT, 1_000, "k2")
    now = clock.step(timedelta(minutes=2))
    found = Found(report(now, None, source=Source.READ, instruction=its), exchange(now))
    heard = heard_of_lookup(PAYMENT, its, found, now, needs_watermark=False)
    view = await store.book.record(heard)
    [episode] = await claims.episodes(PAYMENT)
    assert (episode.kind, episode.state, episode.in_doubt) == (INCREMENT, CaptureState.DONE, False)
    await read(store, 12_000)
    assert (await admit(claims, store, CAPTURE, 12_000)).is_new


async def test_a_decline_leaves_the_hold_as_it_was(store: Store, claims: Claims) -> None:
    await hold(store)
    await admit(claims, store, INCREMENT, 2_000)
    view = await answered(store, declined(store))
    assert (view.payment.state, view.payment.certainty) == (S.AUTHORISED, Certainty.SENT)
    assert (view.payment.findings, view.payment.is_followed) == ((), False)
    [episode] = await claims.episodes(PAYMENT)
    assert (episode.state, episode.reason) == (CaptureState.FAILED, "card_declined")
    with pytest.raises(OverBound) as refused:
        await admit(claims, store, CAPTURE, 10_001)
    assert "increment" not in str(refused.value)
    assert (await admit(claims, store, INCREMENT, 500, "k2")).is_new
    await answered(store, key="k2")
    assert (await read(store, 10_500)).payment.findings == ()
    assert (await read(store, 12_500)).payment.is_frozen, "the declined one is in it"


async def test_of_two_increments_at_once_one_is_admitted(store: Store, claims: Claims) -> None:
    await hold(store)
    beside = store.beside()
    other = Claims(beside.database, Folding(beside.keyring, PAYMENTS))
    asked = (admit(claims, store, INCREMENT, 2_000), admit(other, store, INCREMENT, 3_000, "k2"))
    outcomes = await asyncio.gather(*asked, return_exceptions=True)
    beside.close()
    assert sorted(type(one).__name__ for one in outcomes) == ["CannotClaim", "Claimed"]


async def test_increments_follow_one_another(store: Store, claims: Claims) -> None:
    await hold(store)
    for number, total in enumerate((12_000, 14_000), start=1):
        await admit(claims, store, INCREMENT, 2_000, f"k{number}")
        await answered(store, key=f"k{number}")
        assert (await read(store, total)).payment.findings == ()
    with pytest.raises(OverBound) as refused:
        await admit(claims, store, CAPTURE, 14_001)
    assert refused.value.left == euro(14_000)


async def test_it_is_asked_for_at_the_object_that_the_payment_has(
    store: Store, claims: Claims
) -> None:
    await hold(store)
    its = (await admit(claims, store, INCREMENT, 2_000)).instruction.instruction_id
    subject = (await store.reading(its)).subject
    assert (subject.kind, subject.amount, subject.partner_reference) == (
        INCREMENT, euro(2_000), "ref-1")  # fmt: skip


@pytest.mark.parametrize(
    ("state", "captured", "says"),
    [
        (S.PARTLY_CAPTURED, Captured.LATER, "is partly_captured; more can be held only while"),
        (S.CAPTURED, Captured.LATER, "is captured; more can be held only while"),
        (S.PROCESSING, Captured.LATER, "is processing; more can be held only while"),
        (S.AUTHORISED, Captured.AT_ONCE, "captured at once"),
    ],
)
async def test_only_a_whole_hold_is_raised(
    store: Store, claims: Claims, state: PaymentState, captured: Captured, says: str
) -> None:
    await hold(store, state, collection(captured))
    with pytest.raises(CannotClaim, match=says):
        await admit(claims, store, INCREMENT, 1)


@pytest.mark.parametrize("minor", [0, -1])
async def test_a_hold_is_not_made_smaller(store: Store, claims: Claims, minor: int) -> None:
    await hold(store)
    with pytest.raises(CannotClaim, match="give one above zero"):
        await admit(claims, store, INCREMENT, minor)


async def test_a_partner_that_raises_no_holds_is_not_asked(store: Store, claims: Claims) -> None:
    await store.accept(of=collection(), as_of=collecting())
    await store.begin()
    await store.sent(accepted(store.clock.now(), state=S.AUTHORISED, movements=(HELD,)))
    with pytest.raises(CannotClaim, match="partner: bank offers no increment"):
        await admit(claims, store, INCREMENT, 1)


async def test_a_cancel_stops_an_increment_that_was_not_sent_yet_and_every_later_one(
    store: Store, claims: Claims
) -> None:
    await hold(store)
    its = (await admit(claims, store, INCREMENT, 2_000)).instruction.instruction_id
    now = store.clock.now()
    done = await store.commands.cancel(PAYMENT, command_id="c", by="shop", why="", now=now)
    own = next(i for i in done.view.instructions if i.instruction_id == its)
    assert own.book.closed is Closed.CANCELLED
    with pytest.raises(CannotClaim, match="a cancel was asked for, so no increment"):
        await admit(claims, store, INCREMENT, 2_000, "k2")


async def test_an_increment_that_could_not_be_sent_in_a_day_is_no_part_of_the_hold(
    store: Store, claims: Claims, clock: SteppedClock
) -> None:
    await hold(store)
    its = (await admit(claims, store, INCREMENT, 2_000)).instruction.instruction_id
    clock.step(timedelta(days=1, minutes=1))
    assert (await store.begin(its)).move is Move.EXPIRE
    assert (await read(store, 12_000)).payment.is_frozen


async def test_nothing_is_raised_while_a_question_is_open(store: Store, claims: Claims) -> None:
    await hold(store)
    assert (await read(store, 12_000)).payment.is_frozen, "somebody else has raised it"
    with pytest.raises(CannotClaim, match="a question about the payment is open"):
        await admit(claims, store, INCREMENT, 2_000)


async def test_a_send_that_a_lost_database_forgot_is_looked_up_first(
    store: Store, claims: Claims, clock: SteppedClock
) -> None:
    await hold(store)
    its = (await admit(claims, store, INCREMENT, 2_000)).instruction.instruction_id
    await store.set_back.forgot("pay_gone", clock.now())
    await store.set_back.doubt(clock.now())
    clock.step(timedelta(minutes=5))
    view = await store.payments.view(PAYMENT)
    assert isinstance(view, PaymentView)
    own = next(i for i in view.instructions if i.instruction_id == its)
    assert own.book.in_doubt, "the lost database may have sent it"


async def test_an_absent_increment_is_sent_again_and_raises_the_hold_once(
    store: Store, claims: Claims, clock: SteppedClock
) -> None:
    await hold(store)
    its = (await admit(claims, store, INCREMENT, 2_000)).instruction.instruction_id
    await answered(store, in_doubt(server_error=True))
    for _ in range(2):
        now = clock.step(timedelta(minutes=2))
        absent = Absent(now, exchange(now), watermark=True)
        await store.book.record(heard_of_lookup(PAYMENT, its, absent, now, needs_watermark=False))
    view = await _second(store, its)
    own = next(i for i in view.instructions if i.instruction_id == its)
    assert own.book.answered
    assert (await read(store, 12_000)).payment.findings == ()


async def _second(store: Store, its: str) -> Any:
    turn = await store.begin(its)
    assert turn.move is Move.SEND
    now = store.clock.now()
    done = Accepted(report(now, None, instruction=its), exchange(now))
    heard = heard_of_send(PAYMENT, its, turn.attempt, done, now, nonce=turn.nonce)
    return await store.book.record(heard)


async def test_the_database_shows_the_larger_hold_as_one_booking(
    store: Store, claims: Claims
) -> None:
    await hold(store)
    await admit(claims, store, INCREMENT, 2_000)
    await answered(store)
    await read(store, 12_000)
    rows = store.rows(lambda session: session.exec(select(MovementRow)).all())
    assert [(row.kind, row.amount_minor) for row in rows] == [("authorisation", 12_000)]
