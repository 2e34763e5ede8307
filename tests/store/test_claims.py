"""Captures and refunds are admitted against their bound, once, and have books of their own."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlmodel import select

from domain.accounts import Account
from domain.ids import claim_id
from domain.lifecycle.answers import Accepted, Answered, Refused
from domain.lifecycle.heard import heard_of_send
from domain.lifecycle.profile import InstructionKind, LookupKind, Profile
from domain.lifecycle.sending import Closed, Move
from domain.money import Money
from domain.payments.order import Captured, Collection, Direction, Order, Rail
from domain.payments.report import Action, ActionKind, Movement, MovementKind, PaymentState, Source
from store.claims import CannotClaim, Claimed, ClaimReused, Claims, OverBound
from store.folding import Folding
from store.payment_kind import payments_alone
from store.tables.lifecycles import InstructionRow
from tests.clock import START, SteppedClock
from tests.fakes import order, profile
from tests.store.books import PAYMENT, Store, accepted, exchange, report

CAPTURE, REFUND = InstructionKind.CAPTURE, InstructionKind.REFUND
CONFIRM = InstructionKind.CONFIRM
S, K = PaymentState, MovementKind


def euro(minor: int) -> Money:
    return Money(minor=minor, currency="EUR")


def collection(captured: Captured = Captured.LATER) -> Order:
    fields = {
        **dict(order()),
        "direction": Direction.INCOMING,
        "rail": Rail.CARD,
        "debtor_account": Account(other="pm_1"),
        "instructed_amount": euro(10_000),
        "collection": Collection(payment_method="pm_1", captured=captured),
    }
    return Order(**fields)


def collecting(lookup: LookupKind = LookupKind.STRONG) -> Profile:
    plain = profile(lookup=lookup)
    pay = plain.operation(InstructionKind.PAY)
    offered = {**plain.operations, CAPTURE: pay, REFUND: pay}
    return plain.model_copy(update={"operations": offered, "watch": {Rail.CARD: timedelta(1)}})


def booked(kind: MovementKind, minor: int, reference: str = "") -> Movement:
    name = f"{kind}-{reference}"
    return Movement(movement_id=name, kind=kind, amount=euro(minor), reference=reference or None)


HELD = booked(K.AUTHORISATION, 10_000)


@pytest.fixture
def claims(store: Store) -> Claims:
    return Claims(store.database, Folding(store.keyring, payments_alone()))


async def authorised(
    store: Store, state: PaymentState = S.AUTHORISED, *more: Movement, **options: Any
) -> None:
    """The partner holds 100 euro for us."""
    captured = options.get("captured", Captured.LATER)
    as_of = collecting(options.get("lookup", LookupKind.STRONG))
    await store.accept(of=collection(captured), as_of=as_of)
    await store.begin()
    now = store.clock.now()
    await store.sent(accepted(now, state=state, movements=(HELD, *more)))


async def admit(
    claims: Claims, store: Store, kind: InstructionKind, minor: int, key: str = "k"
) -> Claimed:
    return await claims.admit(
        PAYMENT, kind, key=key, amount=euro(minor), by="shop", now=store.clock.now()
    )


async def test_a_repeated_claim_claims_nothing_new(store: Store, claims: Claims) -> None:
    await authorised(store)
    first, again = [await admit(claims, store, CAPTURE, 6_000) for _ in range(2)]
    assert (first.is_new, again.is_new) == (True, False)
    assert first.instruction.instruction_id == claim_id(PAYMENT, CAPTURE, "k")
    assert again.instruction == first.instruction
    with pytest.raises(ClaimReused, match=r"key: 'k' stands for the capture of 60.00 EUR"):
        await admit(claims, store, CAPTURE, 5_000)
    rows = store.rows(lambda s: s.exec(select(InstructionRow.kind)).all())
    assert sorted(rows) == ["capture", "pay"]


async def test_claims_that_do_not_fit_together_are_not_both_admitted(
    store: Store, claims: Claims
) -> None:
    await authorised(store)
    beside = store.beside()
    other = Claims(beside.database, Folding(beside.keyring, payments_alone()))
    asked = (admit(claims, store, CAPTURE, 6_000), admit(other, store, CAPTURE, 6_001, "k2"))
    outcomes = await asyncio.gather(*asked, return_exceptions=True)
    beside.close()
    assert sorted(type(one).__name__ for one in outcomes) == ["Claimed", "OverBound"]
    assert isinstance((await admit(claims, store, CAPTURE, 3_999, "k3")).instruction.amount, Money)


async def test_held_money_cannot_be_refunded(store: Store, claims: Claims) -> None:
    await authorised(store)
    says = "authorised, so nothing can be refunded yet; cancel it instead"
    with pytest.raises(CannotClaim, match=says):
        await admit(claims, store, REFUND, 1)


async def test_nothing_is_captured_unless_an_amount_is_reserved(
    store: Store, claims: Claims
) -> None:
    await authorised(store, S.PROCESSING)
    with pytest.raises(CannotClaim, match="is processing; a capture is possible only while"):
        await admit(claims, store, CAPTURE, 1)


async def test_a_refund_is_bounded_by_what_was_captured(store: Store, claims: Claims) -> None:
    await authorised(store, S.CAPTURED, booked(K.CAPTURE, 4_000, "ca_1"), captured=Captured.AT_ONCE)
    await admit(claims, store, REFUND, 3_000)
    with pytest.raises(OverBound) as refused:
        await admit(claims, store, REFUND, 1_001, "k2")
    assert refused.value.left == euro(1_000)
    assert "10.00 EUR" in str(refused.value)


async def test_a_refused_refund_frees_its_amount_and_leaves_the_state(
    store: Store, claims: Claims
) -> None:
    await authorised(store, S.CAPTURED, booked(K.CAPTURE, 10_000, "ca_1"),
                     captured=Captured.AT_ONCE)  # fmt: skip
    refund = (await admit(claims, store, REFUND, 10_000)).instruction.instruction_id
    turn = await store.begin(refund)
    assert (turn.move, turn.subject.amount, turn.subject.partner_reference) == (
        Move.SEND, euro(10_000), "ref-1")  # fmt: skip
    now = store.clock.now()
    no = Refused(report(now, S.REJECTED, reference=None, instruction=refund), exchange(now))
    view = await store.book.record(heard_of_send(PAYMENT, refund, 1, no, now, nonce=turn.nonce))
    assert view.payment.state is S.CAPTURED
    assert (await admit(claims, store, REFUND, 10_000, "k2")).is_new


async def test_a_refunds_own_object_is_kept_and_belongs_to_it(store: Store, claims: Claims) -> None:
    await authorised(store, S.CAPTURED, booked(K.CAPTURE, 10_000, "ca_1"),
                     captured=Captured.AT_ONCE)  # fmt: skip
    for number, key in enumerate(("k", "k2"), start=1):
        refund = (await admit(claims, store, REFUND, 1_000, key)).instruction.instruction_id
        turn = await store.begin(refund)
        now = store.clock.now()
        yes = Accepted(report(now, None, reference="re_1", instruction=refund), exchange(now))
        view = await store.book.record(
            heard_of_send(PAYMENT, refund, 1, yes, now, nonce=turn.nonce)
        )
        own = next(i for i in view.instructions if i.instruction_id == refund)
        assert own.book.answered == (number == 1), "the second shows another refund's object"
        assert not view.payment.is_frozen


async def test_it_is_due_even_after_the_payments_end(store: Store, claims: Claims) -> None:
    await authorised(store, S.FINAL, booked(K.CAPTURE, 10_000, "ca_1"), captured=Captured.AT_ONCE)
    assert store.open() == []
    await admit(claims, store, REFUND, 1_000)
    assert store.open() == [PAYMENT]


async def test_what_is_captured_at_once_is_captured_by_nobody_else(
    store: Store, claims: Claims
) -> None:
    await authorised(store, captured=Captured.AT_ONCE)
    with pytest.raises(CannotClaim, match="captured at once"):
        await admit(claims, store, CAPTURE, 1)


async def test_after_a_cancel_was_asked_for_nothing_is_captured(
    store: Store, claims: Claims
) -> None:
    await authorised(store)
    await store.commands.cancel(PAYMENT, command_id="c", by="shop", why="", now=store.clock.now())
    with pytest.raises(CannotClaim, match="a cancel was asked for"):
        await admit(claims, store, CAPTURE, 1)


async def test_of_a_partner_that_shows_only_the_parent_one_is_under_way_at_a_time(
    store: Store, claims: Claims
) -> None:
    await authorised(store, lookup=LookupKind.PARENT)
    await admit(claims, store, CAPTURE, 1_000)
    with pytest.raises(CannotClaim, match="under way"):
        await admit(claims, store, CAPTURE, 1_000, "k2")


async def test_a_credit_transfer_offers_nothing_of_it(store: Store, claims: Claims) -> None:
    await store.accept()
    with pytest.raises(CannotClaim, match="offers no refund"):
        await admit(claims, store, REFUND, 1)


async def test_the_payers_address_is_sealed(
    store: Store, claims: Claims, clock: SteppedClock
) -> None:
    await authorised(store)
    clock.step(timedelta(seconds=5))
    asks = Action(kind=ActionKind.REDIRECT, url="https://3ds.example/secret-token")
    told = report(clock.now(), S.AWAITING_USER, movements=(HELD,), action=asks)
    view = await store.read(Answered(told, exchange(clock.now())))
    assert view.payment.action == asks.model_copy(update={"url": None})
    assert await claims.action(PAYMENT) == asks
    assert b"secret-token" not in store.kept()


async def test_an_address_is_not_shown_with_something_else_that_the_payer_has_to_do(
    store: Store, claims: Claims, clock: SteppedClock
) -> None:
    """The payer confirms a cancellation in an app; the earlier page would approve the payment."""
    await authorised(store)
    page = Action(kind=ActionKind.REDIRECT, url="https://bank.example/approve")
    for asks in (page, Action(kind=ActionKind.CONFIRM)):
        clock.step(timedelta(seconds=5))
        told = report(clock.now(), S.AWAITING_USER, movements=(HELD,), action=asks)
        await store.read(Answered(told, exchange(clock.now())))
        assert await claims.action(PAYMENT) == asks


async def test_nobody_is_led_to_approve_a_payment_that_is_frozen(
    store: Store, claims: Claims, clock: SteppedClock
) -> None:
    await authorised(store)
    page = Action(kind=ActionKind.REDIRECT, url="https://bank.example/approve")
    clock.step(timedelta(seconds=5))
    asks = report(clock.now(), S.AWAITING_USER, movements=(HELD,), action=page)
    view = await store.read(Answered(asks, exchange(clock.now())))
    assert not view.payment.is_frozen
    assert await claims.action(PAYMENT) == page
    clock.step(timedelta(seconds=5))
    unknown = report(clock.now(), None, source=Source.READ, movements=(HELD,), action=page)
    view = await store.read(Answered(unknown, exchange(clock.now())))
    assert view.payment.is_frozen
    action = await claims.action(PAYMENT)
    assert action is None or action.url is None


async def test_a_cancel_stops_a_capture_that_was_not_sent_yet(store: Store, claims: Claims) -> None:
    await authorised(store)
    capture = (await admit(claims, store, CAPTURE, 6_000)).instruction.instruction_id
    now = store.clock.now()
    done = await store.commands.cancel(PAYMENT, command_id="c", by="shop", why="", now=now)
    own = next(i for i in done.view.instructions if i.instruction_id == capture)
    assert own.book.closed is Closed.CANCELLED
    assert (await store.begin(capture)).move is Move.NOTHING


async def test_a_cancel_stops_no_refund_of_what_was_captured_all_the_same(
    store: Store, claims: Claims, clock: SteppedClock
) -> None:
    await authorised(store, captured=Captured.AT_ONCE)
    await store.commands.cancel(PAYMENT, command_id="c", by="shop", why="", now=clock.now())
    now = clock.step(timedelta(seconds=5))
    taken = (HELD, booked(K.CAPTURE, 10_000, "ca_1"))
    await store.read(Answered(report(now, S.CAPTURED, movements=taken), exchange(now)))
    refund = (await admit(claims, store, REFUND, 10_000)).instruction.instruction_id
    assert (await store.begin(refund)).move is Move.SEND


async def test_an_address_that_a_fast_clock_dated_stays_with_its_report(
    store: Store, claims: Claims, clock: SteppedClock
) -> None:
    await authorised(store)
    clock.step(timedelta(days=1))
    asks = Action(kind=ActionKind.REDIRECT, url="https://3ds.example/secret-token")
    told = report(clock.now(), S.AWAITING_USER, movements=(HELD,), action=asks)
    await store.read(Answered(told, exchange(clock.now())))
    clock.step(timedelta(days=-1, minutes=1))
    assert await store.future.mend(PAYMENT, clock.now)
    assert await claims.action(PAYMENT) == asks


async def test_nothing_is_captured_of_a_payment_that_has_ended(
    store: Store, claims: Claims, clock: SteppedClock
) -> None:
    await authorised(store)
    capture = (await admit(claims, store, CAPTURE, 6_000)).instruction.instruction_id
    now = clock.step(timedelta(minutes=5))
    view = await store.read(Answered(report(now, S.EXPIRED, movements=(HELD,)), exchange(now)))
    assert (view.payment.state, view.payment.is_over) == (S.EXPIRED, True)
    assert (await store.begin(capture)).move is Move.NOTHING


def away(at: datetime = START, **changes: Any) -> Order:
    """An order of a payer who is not there."""
    given = {"payment_method": "pm_1", "off_session": True, "return_url": "https://a.test/back"}
    asked = Collection.model_validate({**given, **changes})
    return collection().model_copy(update={"collection": asked, "times": order(at).times})


async def declined_without_payer(
    store: Store, of: Order, action: ActionKind = ActionKind.CONFIRM
) -> None:
    plain = collecting(LookupKind.PARENT)
    pay = plain.operation(InstructionKind.PAY)
    offers = plain.model_copy(update={"operations": {**plain.operations, CONFIRM: pay}})
    await store.accept(of=of, as_of=offers)
    await store.begin()
    waits = {"state": S.AWAITING_USER, "action": Action(kind=action)}
    await store.sent(accepted(store.clock.now(), **waits))


async def test_a_payer_who_was_not_there_confirms_the_whole_order_one_at_a_time(
    store: Store, claims: Claims
) -> None:
    await declined_without_payer(store, away())
    with pytest.raises(CannotClaim, match="whole order"):
        await admit(claims, store, CONFIRM, 9_999)
    claimed = await admit(claims, store, CONFIRM, 10_000)
    assert (claimed.is_new, claimed.view.payment.is_followed) == (True, True)
    with pytest.raises(CannotClaim, match="under way"):
        await admit(claims, store, CONFIRM, 10_000, "another")
    assert (await admit(claims, store, CONFIRM, 10_000)).is_new is False


@pytest.mark.parametrize(
    ("changes", "why"),
    [({"off_session": False}, "off_session"), ({"return_url": None}, "return_url")],
)
async def test_an_order_whose_payer_cannot_come_back_is_not_confirmed(
    store: Store, claims: Claims, changes: dict[str, Any], why: str
) -> None:
    await declined_without_payer(store, away(**changes))
    with pytest.raises(CannotClaim, match=why):
        await admit(claims, store, CONFIRM, 10_000)


async def test_a_payer_who_has_a_page_already_is_not_asked_again(
    store: Store, claims: Claims
) -> None:
    await declined_without_payer(store, away(), ActionKind.REDIRECT)
    with pytest.raises(CannotClaim, match="show its link"):
        await admit(claims, store, CONFIRM, 10_000)


async def test_nothing_is_confirmed_once_a_cancel_was_asked_for(
    store: Store, claims: Claims
) -> None:
    await declined_without_payer(store, away())
    await store.commands.cancel(PAYMENT, command_id="c", by="shop", why="", now=store.clock.now())
    with pytest.raises(CannotClaim, match="cancel was asked"):
        await admit(claims, store, CONFIRM, 10_000)
