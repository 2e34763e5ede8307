"""Whole lives of payments: our store and steps on one side, Stripe's simulator on the other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from activities.back_fill import BackFill, Feed
from activities.checks import Checks
from activities.messages import CancelRequest, StepRequest
from activities.partner_steps import PartnerSteps
from activities.witness import Witness
from assembly import STORE_AWAY, MachineClock
from domain.accounts import Account
from domain.lifecycle.next_step import Owed
from domain.lifecycle.profile import InstructionKind
from domain.lifecycle.resource import Certainty
from domain.lifecycle.reversals import ReversalState
from domain.lifecycle.sending import AttemptResult
from domain.money import Money
from domain.payments.due import due
from domain.payments.intent import Intent
from domain.payments.order import Order, Times
from domain.payments.payment import Payment
from domain.payments.report import ActionKind, PaymentState
from domain.payments.view import PaymentView
from partners.interface import EventFeed, PaymentLister
from starter.acceptance import admit
from store.claims import CannotClaim, Claims, OverBound
from store.feeds import Feeds
from store.folding import Folding
from store.turns import ReadTurns
from tests.partners.conformance.bench import Bank
from tests.partners.stripe.conftest import Ordered, serving
from tests.partners.stripe.payers import card, debit
from tests.partners.stripe.scripted import PAYOUT
from tests.performing import performing
from tests.store.books import PAYMENTS, Store

S = PaymentState
PAYMENT: Final = "pay_1"
NAME: Final = ("stripe", "main")
#: The longest wait that is waited for here.
_PATIENCE: Final = timedelta(seconds=1.5)


class Life:
    """One payment in a store of its own, driven as its workflow would drive it."""

    def __init__(self, store: Store, ordered: Ordered, **settings: Any) -> None:
        self.store = store
        self.bank = ordered.bank
        self.adapter = ordered.bank.adapter(**settings)
        self.claims = Claims(store.database, Folding(store.keyring, PAYMENTS))
        assert isinstance(self.adapter, PaymentLister)
        assert isinstance(self.adapter, EventFeed)
        listers = {NAME: (self.adapter, self.adapter.profile)}
        self.witness = Witness(listers=listers, strangers=store.strangers, clock=store.clock)
        self.back_fill = BackFill(
            feeds={NAME: Feed(self.adapter, self.adapter.login, self.adapter.profile)},
            store=Feeds(store.database),
            inbox=store.inbox,
            silences=self.witness.silences,
            every=timedelta(minutes=5),
            clock=store.clock,
        )
        self._steps = PartnerSteps(
            partners={NAME: self.adapter},
            kinds=PAYMENTS,
            book=store.book,
            turns=ReadTurns(store.database, Folding(store.keyring, PAYMENTS)),
            checks=Checks(store.clock),
            witness=self.witness,
            clocks=store.clocks,
            future=store.future,
            store_away=STORE_AWAY,
        )

    async def pay(self, order: Order) -> Payment:
        """Accept an order as the product does, and go on until nothing is due."""
        now = self.store.clock.now()
        given = order.model_copy(update={"times": Times()})
        admitted = admit(given, "k", {NAME: self.adapter.profile}, now)
        await self.store.accept(
            payment_id=PAYMENT,
            of=admitted.order,
            as_of=admitted.profile,
            intent=Intent.of(admitted.order, batch="one file"),
        )
        return await self.goes_on()

    async def claim(self, kind: InstructionKind, minor: int, key: str) -> Payment:
        now = self.store.clock.now()
        amount = Money(minor=minor, currency="EUR")
        await self.claims.admit(PAYMENT, kind, key=key, amount=amount, by="shop", now=now)
        return await self.goes_on()

    async def cancel(self) -> Payment:
        asked = CancelRequest(
            resource_id=PAYMENT, command_id="c", by="shop", why="", at=self.store.clock.now()
        )
        await performing(self.store.clock).run(self.store.payment_store().cancel, asked)
        return await self.goes_on()

    async def goes_on(self) -> Payment:
        """Take every step that is due, until the next is due much later."""
        while True:
            view = await self.store.payments.view(PAYMENT)
            assert isinstance(view, PaymentView)
            now = self.store.clock.now()
            step = due(view, now)
            match step.owed:
                case Owed.INSTRUCT | Owed.READ:
                    assert step.instruction_id is not None
                    request = StepRequest(resource_id=PAYMENT, instruction_id=step.instruction_id)
                    is_read = step.owed is Owed.READ
                    do = self._steps.read if is_read else self._steps.instruct
                    await performing(self.store.clock).run(do, request)
                case Owed.GIVE_UP:
                    give_up = CancelRequest(
                        resource_id=PAYMENT, command_id="deadline", by="clock", why=step.because,
                        at=now,
                    )  # fmt: skip
                    await performing(self.store.clock).run(
                        self.store.payment_store().cancel, give_up
                    )
                case _:
                    if step.until is None or step.until - now > _PATIENCE:
                        return view.payment
                    await asyncio.sleep(max((step.until - now).total_seconds(), 0.01))

    async def attempts(self, kind: InstructionKind) -> list[AttemptResult]:
        view = await self.store.payments.view(PAYMENT)
        return [
            attempt.result
            for each in view.instructions
            if each.kind == kind
            for attempt in each.book.attempts
        ]

    def later(self, seconds: float = 5) -> None:
        self.bank.later(seconds)

    async def looks_again(self) -> Payment:
        """A read that something else has caused, such as a webhook."""
        request = StepRequest(resource_id=PAYMENT, instruction_id=f"{PAYMENT}/pay/1")
        await performing(self.store.clock).run(self._steps.read, request)
        return await self.goes_on()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Bank]:
    """One for each test: payments of another database would halt everything."""
    with serving(tmp_path / "book.db") as bank:
        yield bank


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "finality.db", MachineClock())  # type: ignore[arg-type]
    yield made
    made.close()


@pytest.fixture
async def life(store: Store, ordered: Ordered) -> AsyncIterator[Life]:
    made = Life(store, ordered)
    yield made
    await made.adapter.close()


async def test_a_hold_is_taken_in_parts_and_given_back_once_though_a_reply_was_lost(
    life: Life, bank: Bank
) -> None:
    held = await life.pay(card("pm_card_visa", later=True))
    assert (held.state, held.certainty, held.findings) == (S.AUTHORISED, Certainty.SENT, ())
    assert held.amounts.authorised.minor == 10_00
    bank.fault("reply_lost_after", on="POST /v1/payment_intents/*/capture")
    await life.claim(InstructionKind.CAPTURE, 6_00, "c1")
    life.later()
    partly = await life.looks_again()
    assert (partly.state, partly.certainty, partly.findings) == (
        S.PARTLY_CAPTURED,
        Certainty.SENT,
        (),
    )
    assert await life.attempts(InstructionKind.CAPTURE) == [
        AttemptResult.UNKNOWN,
        AttemptResult.ANSWERED,
    ]
    assert partly.amounts.captured.minor == 6_00
    await life.claim(InstructionKind.CAPTURE, 4_00, "c2")
    life.later()
    taken = await life.looks_again()
    assert taken.amounts.captured.minor == 10_00
    bank.fault("reply_lost_after", on="POST /v1/refunds")
    await life.claim(InstructionKind.REFUND, 3_00, "r1")
    await life.claim(InstructionKind.REFUND, 2_00, "r2")
    with pytest.raises(OverBound):
        await life.claim(InstructionKind.REFUND, 6_00, "r3")
    life.later()
    given = await life.looks_again()
    assert [each.state for each in given.reversals] == [ReversalState.DONE] * 2
    assert given.amounts.refunded.minor == 5_00
    assert given.findings == ()
    intents = bank.control("book")["payment_intents"]
    (intent,) = [each for each in intents if each["id"] == given.partner_reference]
    refunds = bank.control("book")["refunds"]
    mine = [each["amount"] for each in refunds if each["payment_intent"] == intent["id"]]
    assert sorted(mine) == [2_00, 3_00]


@pytest.mark.parametrize("fault", [None, "reply_lost_after"])
async def test_a_hold_that_was_cancelled_holds_nothing_any_more(
    life: Life, bank: Bank, fault: str | None
) -> None:
    held = await life.pay(card("pm_card_visa", later=True))
    assert held.amounts.authorised.minor == 10_00
    if fault is not None:
        bank.fault(fault, on="POST /v1/payment_intents/*/cancel")
    cancelled = await life.cancel()
    assert (cancelled.state, cancelled.findings, cancelled.is_over) == (S.CANCELLED, (), True)
    assert (cancelled.amounts.authorised.minor, cancelled.amounts.net.minor) == (0, 0)


async def test_a_stored_error_is_resolved_by_the_intent_and_nothing_is_sent_again(
    life: Life, bank: Bank
) -> None:
    bank.fault("error_500_cached", on=bank.words.pay)
    paid = await life.pay(card("pm_card_visa"))
    assert (paid.state, paid.certainty, paid.findings) == (S.CAPTURED, Certainty.SENT, ())
    assert await life.attempts(InstructionKind.PAY) == [AttemptResult.UNKNOWN]


async def test_a_decline_ends_the_payment_and_leaves_nothing_in_question(life: Life) -> None:
    declined = await life.pay(card("pm_card_chargeDeclinedInsufficientFunds"))
    assert (declined.state, declined.certainty, declined.findings) == (
        S.REJECTED,
        Certainty.SENT,
        (),
    )
    assert declined.status_reason == "AM04"
    assert declined.is_over


async def test_an_order_that_stripe_refuses_ends_before_anything_was_sent(life: Life) -> None:
    refused = await life.pay(card("pm_of_nobody"))
    assert (refused.state, refused.certainty) == (S.REJECTED, Certainty.NOT_SENT)
    assert await life.attempts(InstructionKind.PAY) == []


async def test_a_payer_who_never_confirms_is_cancelled_when_the_time_is_over(
    store: Store, ordered: Ordered
) -> None:
    # The simulator's time may be ahead of ours; the deadline follows its own date of the intent.
    made = datetime.fromisoformat(ordered.bank.control("clock")["now"])
    ahead = made - datetime.now(UTC)
    life = Life(store, ordered, payer_acts_within=timedelta(seconds=1.5) - ahead)
    order = card("pm_card_threeDSecure2Required", return_url="https://acme.test/back")
    waiting = await life.pay(order)
    assert (waiting.state, waiting.action) == (S.CANCELLED, None)
    assert (waiting.certainty, waiting.findings) == (Certainty.SENT, ())
    assert await life.attempts(InstructionKind.CANCEL) == [AttemptResult.ANSWERED]
    await life.adapter.close()


async def test_a_payer_who_was_not_there_comes_back_and_confirms_the_same_intent(
    life: Life, bank: Bank
) -> None:
    away = card(
        "pm_card_authenticationRequired", off_session=True, return_url="https://acme.test/back",
    )  # fmt: skip
    waiting = await life.pay(away)
    assert (waiting.state, waiting.findings) == (S.AWAITING_USER, ())
    assert waiting.action is not None
    assert waiting.action.kind is ActionKind.CONFIRM
    bank.fault("reply_lost_after", on="POST /v1/payment_intents/*/confirm")
    await life.claim(InstructionKind.CONFIRM, 10_00, "back")
    asked = await life.looks_again()
    assert await life.attempts(InstructionKind.CONFIRM) == [
        AttemptResult.UNKNOWN, AttemptResult.ANSWERED,
    ]  # fmt: skip
    assert (asked.state, asked.certainty, asked.findings) == (
        S.AWAITING_USER, Certainty.SENT, (),
    )  # fmt: skip
    action = await life.claims.action(PAYMENT)
    assert action is not None
    assert action.url is not None
    with pytest.raises(CannotClaim, match="show its link"):
        await life.claim(InstructionKind.CONFIRM, 10_00, "again")
    bank.control(f"payments/{asked.partner_reference}", {"fault": "payer_completes"})
    life.later()
    taken = await life.looks_again()
    assert (taken.state, taken.amounts.captured.minor, taken.findings) == (S.CAPTURED, 10_00, ())
    assert len(bank.control("book")["payments"]) == 1


async def test_a_debit_that_is_declined_after_days_ends_the_payment(life: Life, bank: Bank) -> None:
    under_way = await life.pay(debit(bank.address, "pm_failedDelayed_de"))
    assert under_way.state is S.PROCESSING
    life.later(1_000)
    declined = await life.looks_again()
    assert (declined.state, declined.findings, declined.is_over) == (S.REJECTED, (), True)


async def test_a_dispute_asks_for_evidence_and_when_lost_has_taken_the_money(
    life: Life, bank: Bank
) -> None:
    await life.pay(card("pm_card_createDispute"))
    life.later()
    disputed = await life.looks_again()
    (dispute,) = disputed.reversals
    assert dispute.state is ReversalState.NEEDS_EVIDENCE
    assert disputed.is_followed
    bank.control(f"payments/{dispute.reference}", {"fault": "decide_dispute"})
    lost = await life.looks_again()
    assert [each.state for each in lost.reversals] == [ReversalState.LOST]
    assert (lost.amounts.disputed.minor, lost.findings) == (10_00, ())
    with pytest.raises(OverBound):
        await life.claim(InstructionKind.REFUND, 1_00, "r1")


async def test_a_dispute_that_came_before_the_success_was_read_is_in_the_first_read(
    life: Life, bank: Bank
) -> None:
    bank.fault("reply_lost_after", on="POST /v1/payment_intents/*/confirm")
    bank.control("delays", {"book_after": 0})
    disputed = await life.pay(card("pm_card_createDispute"))
    life.later()
    disputed = await life.looks_again()
    assert disputed.state is S.CAPTURED
    assert [each.state for each in disputed.reversals] == [ReversalState.NEEDS_EVIDENCE]
    assert (disputed.amounts.disputed.minor, disputed.findings) == (10_00, ())


async def test_nothing_is_given_back_while_a_dispute_is_open(life: Life, bank: Bank) -> None:
    await life.pay(card("pm_card_createDispute"))
    life.later()
    await life.looks_again()
    with pytest.raises(OverBound):
        await life.claim(InstructionKind.REFUND, 1_00, "r1")


async def test_a_dispute_is_found_from_the_list_when_every_webhook_was_lost(
    life: Life, bank: Bank
) -> None:
    paid = await life.pay(card("pm_card_visa"))
    life.later()
    booked = await life.looks_again()
    assert (booked.state, booked.reversals) == (S.CAPTURED, ())
    bank.control(f"payments/{paid.partner_reference}", {"fault": "dispute"})
    life.later(3_600)
    assert (await life.goes_on()).reversals == (), "nobody reads it until its watch ends"
    assert await life.back_fill.catch_up() == [("acme", PAYMENT)]
    disputed = await life.goes_on()
    (dispute,) = disputed.reversals
    assert dispute.state is ReversalState.NEEDS_EVIDENCE
    assert disputed.amounts.disputed.minor == 10_00
    assert await life.back_fill.catch_up() == [], "and it is read at a calm rhythm"


async def test_a_refund_that_fails_later_is_found_from_the_list(life: Life, bank: Bank) -> None:
    await life.pay(card("pm_card_visa"))
    life.later()
    await life.looks_again()
    await life.claim(InstructionKind.REFUND, 3_00, "r1")
    life.later()
    given = await life.looks_again()
    (refund,) = given.reversals
    assert refund.state is ReversalState.DONE
    bank.control(f"payments/{refund.reference}", {"fault": "fail_refund"})
    life.later(3_600)
    await life.back_fill.catch_up()
    failed = await life.goes_on()
    assert [each.state for each in failed.reversals] == [ReversalState.FAILED]


async def test_a_payout_that_fails_after_it_was_paid_is_found_from_the_list(
    life: Life, bank: Bank
) -> None:
    ours = Account(iban="DE02120300000000202051")
    paid = await life.pay(PAYOUT.model_copy(update={"debtor_account": ours}))
    life.later()
    settled = await life.looks_again()
    assert settled.state is S.SETTLED
    bank.control(f"payments/{paid.partner_reference}", {"fault": "fail_payout"})
    life.later(3_600)
    assert await life.back_fill.catch_up() == [("acme", PAYMENT)]
    assert (await life.goes_on()).state is S.RETURNED


async def test_a_payment_that_the_database_has_forgotten_is_noticed_and_found_again(
    life: Life, bank: Bank, tmp_path: Path, ordered: Ordered
) -> None:
    paid = await life.pay(card("pm_card_visa"))
    new = Store(tmp_path / "new.db", MachineClock())  # type: ignore[arg-type]
    forgetful = Life(new, ordered)
    await forgetful.witness.compare_all()
    found = await forgetful.pay(card("pm_card_visa"))
    assert (found.state, found.partner_reference) == (S.CAPTURED, paid.partner_reference)
    assert len(bank.control("book")["payments"]) == 1
    await forgetful.adapter.close()
    new.close()
