"""Tokens that die, and a login that is refused."""

from __future__ import annotations

import asyncio

from domain.lifecycle.resource import Certainty
from domain.payments.report import PaymentState
from store.records import PaymentRecord
from tests.proof.case import READ, SEND, Case
from tests.proof.world import LOCKED_OUT, World, ended

BOOKINGS = "GET /v2/transactions/find"
MORE_WORKERS = 3
PAYMENTS = 8


async def test_a_token_that_died_before_the_payment_is_renewed(case: Case) -> None:
    # Longer than the half hour of silence after which the partner forgets a token.
    await case.world.simulator.control("POST", "clock", {"advance_seconds": 31 * 60})
    await case.pay()
    await case.all_settled()
    await case.agreed(requested=1, booked=1)


async def test_a_token_that_dies_at_each_call_in_turn_ends_those_calls_only(case: Case) -> None:
    making = [
        {"fault": "unauthorised", "on": f"POST /v2/beneficiaries/{call}"}
        for call in ("find", "validate", "create")
    ]
    rules = (await case.world.simulator.control("POST", "faults", making))["ids"]
    rules += [await case.fault("unauthorised", on) for on in (SEND, READ, BOOKINGS)]
    await case.pay()
    await case.all_settled(seconds=60)
    assert [await case.fired(rule) for rule in rules] == [1] * 6
    await case.agreed(requested=1, booked=1, in_doubt=0)


async def test_a_token_that_dies_under_several_payments_is_renewed_for_all(case: Case) -> None:
    rule = await case.fault("unauthorised", SEND, reference="2")
    await asyncio.gather(*(case.pay(case.order()) for _ in range(4)))
    await case.all_settled(seconds=60)
    assert await case.fired(rule) == 1
    await case.agreed(requested=4, booked=4, in_doubt=0)


async def test_four_workers_with_a_wrong_key_are_refused_once(running: World, case: Case) -> None:
    more = [running.start_worker() for _ in range(MORE_WORKERS)]
    await running.until_working()
    receipts = [await case.pay(case.order(account=LOCKED_OUT)) for _ in range(PAYMENTS)]

    def told(record: PaymentRecord) -> bool:
        return "refused" in (record.waiting_for or "")

    for receipt in receipts:
        record = await case.until(receipt.payment_id, told, "the refused login shown")
        assert record.payment.state is PaymentState.CREATED
        assert record.payment.certainty is Certainty.NOT_SENT
        assert await case.tasks(receipt.payment_id) == ["not_ready"]
    assert running.refused_logins() == (1, False)
    for worker in more:
        worker.terminate()
        assert await ended(worker) == 0
        running.workers.remove(worker)
    await case.agreed(requested=PAYMENTS, booked=0, lost=0, open=PAYMENTS)
