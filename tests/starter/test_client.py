"""Paying from an app: one key is one payment, and its answer is the payment as it stands."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from sqlmodel import Session

from domain.lifecycle.next_step import NextStep
from domain.lifecycle.notifying import NotNotified
from domain.lifecycle.resource import Certainty
from domain.money import Money
from domain.payments.intent import Acknowledgement, Intent, PossibleDuplicate
from domain.payments.payment import UnknownPayment
from domain.payments.report import PaymentState
from domain.payments.view import PaymentView
from starter.acceptance import InvalidOrder
from starter.asking import Notifier
from starter.away import TemporalAway
from starter.client import Orchestrator, Receipt
from starter.operators import Operators
from starter.orders import Asked
from starter.running import Running
from store.accepting import KeyReused
from store.claims import Claims
from store.folding import Folding
from store.notifications import Notifications
from store.operators import NotSigned
from store.payment_kind import payments_alone
from store.tables.lifecycles import LifecycleRow
from store.tables.payments import PaymentRow
from tests.clock import START, SteppedClock
from tests.fakes import ACCOUNT, BANK, CREDITOR_IBAN, order, profile
from tests.operators import ALICE, enrolled, person
from tests.store.books import Store

MINUTE = timedelta(minutes=1)


class FakeRunning:
    """Stands for Temporal: raises what it `refuses` with, or runs each payment and has news."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.refuses: Exception | None = None
        self.silent = False
        self.ran: list[str] = []

    async def __call__(self) -> Running:
        return cast(Running, self)

    async def ensure_running(
        self,
        tenant: str,
        payment_id: str,
        kind: str = "payment",
        *,
        first: NextStep | None = None,
    ) -> None:
        if self.refuses:
            raise self.refuses
        self.ran.append(payment_id)

    async def first_news(
        self,
        tenant: str,
        payment_id: str,
        *,
        patience: timedelta,
        first: NextStep | None = None,
    ) -> PaymentView | None:
        if self.refuses:
            raise self.refuses
        self.ran.append(payment_id)
        return None if self.silent else await self.store.payments.view(payment_id)


@pytest.fixture
def clock() -> SteppedClock:
    return SteppedClock()


@pytest.fixture
def store(tmp_path: Path, clock: SteppedClock) -> Iterator[Store]:
    made = Store(tmp_path / "finality.db", clock)
    yield made
    made.close()


@pytest.fixture
def running(store: Store) -> FakeRunning:
    return FakeRunning(store)


@pytest.fixture
def client(store: Store, running: FakeRunning, clock: SteppedClock) -> Orchestrator:
    return Orchestrator(
        payments=store.payments,
        commands=store.commands,
        claims=Claims(store.database, Folding(store.keyring, payments_alone())),
        notifier=Notifier(Notifications(store.database), running, clock),
        running=running,
        profiles=lambda: {(BANK, ACCOUNT): profile()},
        clock=clock,
        operators=Operators(store.database, clock),
    )


async def test_a_new_order_becomes_a_payment_that_runs(
    client: Orchestrator, running: FakeRunning
) -> None:
    receipt = await client.pay(order(), "k")
    assert receipt.is_started
    assert not receipt.is_replay
    assert running.ran == [receipt.payment_id]


async def test_many_that_run_are_not_started_again(
    client: Orchestrator, store: Store, clock: SteppedClock
) -> None:
    await client.pay_many([Asked(order(), "k")])
    clock.step(MINUTE)
    assert await store.payments.unstarted(created_before=clock.now(), limit=9) == []


async def test_the_same_order_under_the_same_key_is_answered_as_it_now_stands(
    client: Orchestrator, store: Store
) -> None:
    first = await client.pay(order(), "k")
    instruction = f"{first.payment_id}/pay/1"
    await store.begin(instruction)
    again = await client.pay(order(), "k")
    assert (again.payment_id, again.is_replay) == (first.payment_id, True)
    assert again.payment.state is PaymentState.SUBMITTING


async def test_a_known_key_is_answered_long_after_the_order_could_be_sent(
    client: Orchestrator, clock: SteppedClock
) -> None:
    first = await client.pay(order(), "k")
    clock.step(timedelta(days=400))
    again = await client.pay(order(), "k")
    assert again.payment_id == first.payment_id


async def test_another_order_under_a_known_key_does_nothing(
    client: Orchestrator, running: FakeRunning
) -> None:
    await client.pay(order(), "k")
    with pytest.raises(KeyReused, match="use a new key for a new order"):
        await client.pay(order(minor=1), "k")
    assert len(running.ran) == 1
    assert len((await client.find()).records) == 1


async def test_what_the_caller_sent_is_compared_and_not_what_we_made_of_it(
    client: Orchestrator,
) -> None:
    received = {"amount": "123.45"}
    first = await client.pay(order(), "k", received=received)
    later = order(START + MINUTE)
    assert (await client.pay(later, "k", received=received)).payment_id == first.payment_id
    with pytest.raises(KeyReused):
        await client.pay(order(), "k", received={"amount": "123.450"})


@pytest.mark.parametrize("waits", [True, False])
@pytest.mark.parametrize("refuses", [TemporalAway("no server"), NotNotified("10,000 signals")])
async def test_if_its_run_cannot_be_notified_the_order_is_recorded_for_the_relay(
    client: Orchestrator,
    running: FakeRunning,
    store: Store,
    clock: SteppedClock,
    refuses: Exception,
    waits: bool,
) -> None:
    running.refuses = refuses
    receipt = await client.pay(order(), "k", patience=MINUTE if waits else None)
    assert not receipt.is_started
    assert receipt.payment.state is PaymentState.CREATED
    clock.step(MINUTE)
    unstarted = await store.payments.unstarted(created_before=clock.now(), limit=9)
    assert [payment_id for _, payment_id in unstarted] == [receipt.payment_id]


async def test_without_news_in_time_it_is_left_to_the_relay_as_well(
    client: Orchestrator, running: FakeRunning
) -> None:
    running.silent = True
    assert not (await client.pay(order(), "k")).is_started


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"instructed_amount": Money(minor=0, currency="EUR")}, "instructed_amount"),
        ({"instructed_amount": Money(minor=1, currency="USD")}, "instructed_amount"),
        ({"instructed_amount": Money(minor=10**12, currency="EUR")}, "instructed_amount"),
        ({"creditor_agent": "NOT A BIC"}, "creditor_agent"),
        ({"partner_account": "savings"}, "partner_account"),
        ({"direction": "incoming"}, "direction"),
        ({"end_to_end_id": "x" * 36}, "end_to_end_id"),
        ({"remittance_information": "x" * 141}, "remittance_information"),
    ],
)
async def test_what_cannot_be_paid_is_refused_by_field_and_not_recorded(
    client: Orchestrator, running: FakeRunning, wrong: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidOrder) as error:
        await client.pay(order(**wrong), "k")
    assert [refusal.field for refusal in error.value.refusals] == [field]
    assert CREDITOR_IBAN not in str(error.value)
    assert running.ran == []
    assert (await client.find()).records == []


async def test_every_problem_is_named_at_once(client: Orchestrator, clock: SteppedClock) -> None:
    late = order(clock.now() - timedelta(hours=2), minor=0, partner_account="savings")
    with pytest.raises(InvalidOrder) as error:
        await client.pay(late, "")
    assert {refusal.field for refusal in error.value.refusals} == {
        "key", "instructed_amount", "times.submit_before", "partner_account",
    }  # fmt: skip


@pytest.mark.parametrize("key", ["", "x" * 256, "a\nb"])
async def test_a_key_is_one_printable_line(client: Orchestrator, key: str) -> None:
    with pytest.raises(InvalidOrder, match="printable"):
        await client.pay(order(), key)


async def test_waiting_ends_with_the_wanted_state_or_the_deadline(
    client: Orchestrator, store: Store, clock: SteppedClock
) -> None:
    payment_id = (await client.pay(order(), "k")).payment_id
    found = await client.wait(
        payment_id, lambda r: r.payment.state is PaymentState.CREATED, tenant="shop"
    )
    assert found.payment_id == payment_id
    late = await client.wait(
        payment_id,
        lambda r: r.payment.state is PaymentState.FINAL,
        deadline=clock.now(),
        tenant="shop",
    )
    assert late.payment.state is PaymentState.CREATED


async def test_getting_an_unknown_payment_says_so(client: Orchestrator) -> None:
    with pytest.raises(UnknownPayment, match="no payment pay_x"):
        await client.get("pay_x", tenant="shop")


async def test_a_receipt_never_sounds_like_success_while_in_doubt(
    client: Orchestrator, store: Store, clock: SteppedClock
) -> None:
    payment_id = (await client.pay(order(), "k")).payment_id
    await store.begin(f"{payment_id}/pay/1")
    receipt = await client.pay(order(), "k")
    assert receipt.display.headline == "We are checking"
    assert not receipt.display.may_retry


async def test_the_same_payment_under_another_key_is_asked_about_and_nothing_runs(
    client: Orchestrator, running: FakeRunning
) -> None:
    first = await client.pay(order(), "k1")
    with pytest.raises(PossibleDuplicate, match=first.payment_id) as asked:
        await client.pay(order(), "k2")
    assert asked.value.payment_ids == (first.payment_id,)
    assert CREDITOR_IBAN not in str(asked.value)
    assert running.ran == [first.payment_id]
    assert len((await client.find()).records) == 1


async def test_the_same_call_with_the_acknowledgement_goes_on_and_repeats_without_it(
    client: Orchestrator,
) -> None:
    first = await client.pay(order(), "k1")
    with pytest.raises(PossibleDuplicate):
        await client.pay(order(), "k2")
    second = await client.pay(order(), "k2", acknowledge_duplicate_of=[first.payment_id])
    assert second.payment_id != first.payment_id
    # The acknowledgement is no part of the fingerprint, and a known key is not asked about.
    for said in ([], [first.payment_id], ["pay_x"]):
        again = await client.pay(order(), "k2", acknowledge_duplicate_of=said)
        assert (again.payment_id, again.is_replay) == (second.payment_id, True)
    assert (await client.pay(order(), "k1")).payment_id == first.payment_id


async def test_another_key_in_another_spelling_is_the_same_payment(client: Orchestrator) -> None:
    await client.pay(order(end_to_end_id="INVOICE-77"), "k1")
    with pytest.raises(PossibleDuplicate):
        await client.pay(order(end_to_end_id=" invoice 77"), "k2")


async def test_the_lines_of_a_file_are_all_meant(client: Orchestrator) -> None:
    salary = order()
    march = Intent.of(salary, batch="march")
    first, second = [await client.pay(salary, key, intent=march) for key in ("k1", "k2")]
    with pytest.raises(PossibleDuplicate) as asked:
        await client.pay(salary, "k3", intent=Intent.of(salary, batch="april"))
    assert set(asked.value.payment_ids) == {first.payment_id, second.payment_id}


async def test_a_day_later_the_same_payment_is_a_new_one(
    client: Orchestrator, clock: SteppedClock
) -> None:
    await client.pay(order(), "k1")
    clock.step(timedelta(hours=24))
    assert not (await client.pay(order(clock.now()), "k2")).is_replay


async def test_while_the_earlier_one_is_in_doubt_only_an_operator_may_acknowledge(
    client: Orchestrator, store: Store
) -> None:
    first = (await client.pay(order(), "k1")).payment_id

    def doubt(session: Session) -> None:
        session.get_one(LifecycleRow, first).certainty = Certainty.UNKNOWN

    store.database.write_now(doubt)
    with pytest.raises(PossibleDuplicate, match="as an operator") as asked:
        await client.pay(order(), "k2", acknowledge_duplicate_of=[first])
    assert asked.value.needs_operator
    enrolled(store.database, store.clock.now())
    with pytest.raises(NotSigned, match="not by the key of an operator 'eve'"):
        await client.pay(order(), "k2", acknowledge_duplicate_of=[first], operator=person("eve"))
    assert len((await client.find()).records) == 1
    second = await client.pay(order(), "k2", acknowledge_duplicate_of=[first], operator=ALICE)
    row = store.rows(lambda session: session.get_one(PaymentRow, second.payment_id))
    assert (row.acknowledged, row.acknowledged_by) == (first, "alice")


async def test_before_any_operator_is_enrolled_nobody_is_one(client: Orchestrator) -> None:
    with pytest.raises(NotSigned, match="not by the key of an operator 'alice'"):
        await client.pay(order(), "k", operator=ALICE)
    assert (await client.find()).records == []


async def test_an_acknowledgement_signed_for_one_order_is_none_for_another(
    client: Orchestrator, store: Store
) -> None:
    """Neither its text nor its signature serve under another key or for other payments."""
    enrolled(store.database, store.clock.now())
    first = (await client.pay(order(), "k1")).payment_id

    class Replayed:
        """Signs nothing, and shows what alice signed for another order."""

        by = "alice"

        def __init__(self, signature: bytes) -> None:
            self._signature = signature

        def sign(self, text: bytes) -> bytes:
            return self._signature

    other = Acknowledgement(frozenset((first,)), "alice")
    text = other.statement(order(), "pay_other", store.clock.now()).text.encode()
    with pytest.raises(NotSigned):
        await client.pay(
            order(), "k2", acknowledge_duplicate_of=[first], operator=Replayed(ALICE.sign(text))
        )
    assert len((await client.find()).records) == 1


async def test_fifty_callers_with_fifty_keys_and_one_intent_pay_once(
    client: Orchestrator, running: FakeRunning
) -> None:
    answers = await asyncio.gather(
        *(client.pay(order(), f"k{number}") for number in range(50)), return_exceptions=True
    )
    (made,) = [answer for answer in answers if isinstance(answer, Receipt)]
    asked = [answer for answer in answers if isinstance(answer, PossibleDuplicate)]
    assert len(asked) == 49
    assert {one.payment_ids for one in asked} == {(made.payment_id,)}
    assert running.ran == [made.payment_id]
