"""References: an instruction may have many, and an object at a partner belongs to one."""

from __future__ import annotations

from datetime import timedelta

from domain.ids import instruction_id
from domain.lifecycle.answers import Answered, Found
from domain.lifecycle.profile import InstructionKind
from domain.lifecycle.sending import LookupResult
from domain.payments.report import PaymentState, Source
from store.finding import Wanted
from store.inbox import Arrival
from store.references import end_to_end_of, object_of, owner_of
from store.tables.lifecycles import InstructionRow
from tests.clock import SteppedClock
from tests.fakes import ACCOUNT, BANK
from tests.store.books import INSTRUCTION, PAYMENT, Store, accepted, exchange, report

SECOND = instruction_id("pay_2", InstructionKind.PAY)


async def _with_two_references(store: Store, clock: SteppedClock) -> None:
    await store.accept()
    await store.begin()
    await store.sent(accepted(clock.now()))
    clock.step(timedelta(minutes=1))
    again = report(clock.now(), PaymentState.PROCESSING, reference="ref-b", source=Source.READ)
    await store.read(Answered(again, exchange(clock.now())))


async def test_each_reference_of_an_instruction_finds_it(store: Store, clock: SteppedClock) -> None:
    await _with_two_references(store, clock)
    for reference in ("ref-1", "ref-b"):
        arrival = await store.inbox.put(
            partner=BANK, partner_account=ACCOUNT, event_key=reference,
            partner_reference=reference, body=b"{}", now=clock.now(),
        )  # fmt: skip
        assert arrival == Arrival(True, "shop", PAYMENT)
        assert arrival.kind == "payment"


async def test_the_partner_is_asked_about_the_first_object_it_named(
    store: Store, clock: SteppedClock
) -> None:
    await _with_two_references(store, clock)
    assert store.rows(lambda s: object_of(s, s.get_one(InstructionRow, INSTRUCTION))) == "ref-1"
    assert (await store.reading(INSTRUCTION)).subject.partner_reference == "ref-1"


async def test_an_object_of_another_instruction_proves_nothing(
    store: Store, clock: SteppedClock
) -> None:
    await _with_two_references(store, clock)
    await store.accept(payment_id="pay_2", key="k2")
    told = report(clock.now(), reference="ref-b", instruction=SECOND, source=Source.READ)
    view = await store.looked_up(Found(told, exchange(clock.now())), payment_id="pay_2")
    assert [looked.result for looked in view.instructions[0].book.lookups] == [
        LookupResult.CANNOT_TELL
    ]
    owner = store.rows(lambda s: owner_of(s, BANK, ACCOUNT, "ref-b"))
    assert owner == (PAYMENT, INSTRUCTION)


async def test_payments_may_share_an_end_to_end_id(store: Store) -> None:
    first = await store.accept()
    await store.accept(payment_id="pay_2", key="k2")
    same = store.rows(lambda s: [end_to_end_of(s, one) for one in (INSTRUCTION, SECOND)])
    assert same[0] == same[1] != ""
    record = await store.payments.record(first.view.payment_id)
    found = await store.payments.find(Wanted(end_to_end_id=record.end_to_end_id), limit=9)
    assert {one.payment_id for one in found.records} == {PAYMENT, "pay_2"}
