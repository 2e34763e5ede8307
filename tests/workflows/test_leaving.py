"""Payments that wait for days without a run in Temporal, where settings say so."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from temporalio.client import WorkflowExecutionStatus

from domain.payments.order import Times
from domain.payments.report import PaymentState
from tests.fakes import order
from tests.performing import performing
from tests.workflows.life import DAY, HOUR, MINUTE, Life, life, patient
from worker import upkeep


async def _held_for_five_days(lived: Life) -> str:
    """Paid, and not to be sent before its day."""
    now = lived.assembly.clock.now()
    times = Times(submit_from=now + 5 * DAY, submit_before=now + 6 * DAY)
    payment_id = (await lived.pay(of=order(now, times=times))).payment_id
    await lived.pass_by(MINUTE)
    return payment_id


async def _upkeep(lived: Life) -> None:
    """One round, as the schedule starts it."""
    rounds = upkeep(lived.assembly, await lived.assembly.client())
    await performing(lived.assembly.clock).run(rounds.relay)
    await performing(lived.assembly.clock).run(rounds.sweep)


async def _runs(lived: Life, payment_id: str) -> bool:
    described = await (await lived.handle(payment_id)).describe()
    return described.status is WorkflowExecutionStatus.RUNNING


async def test_a_run_that_waits_for_days_ends_and_upkeep_starts_the_next_in_time(
    tmp_path: Path,
) -> None:
    async with life(tmp_path, patient(), leave_temporal_after=DAY) as lived:
        payment_id = await _held_for_five_days(lived)
        said = await (await lived.handle(payment_id)).result()
        assert said.startswith("sleeps until 20")
        assert "created" in said
        assert "Upkeep starts the next run" in said
        await lived.pass_by(4 * DAY)
        await _upkeep(lived)
        assert not await _runs(lived, payment_id), "it needs nobody yet"
        await lived.pass_by(DAY)
        await _upkeep(lived)
        await lived.pass_by(HOUR)
        assert lived.partner.count("submit") == 1
        assert (await lived.payment(payment_id)).state is PaymentState.SETTLED


async def test_a_cancel_wakes_a_payment_that_sleeps(tmp_path: Path) -> None:
    async with life(tmp_path, patient(), leave_temporal_after=DAY) as lived:
        payment_id = await _held_for_five_days(lived)
        assert not await _runs(lived, payment_id)
        await lived.assembly.orchestrator.cancel(payment_id, "c1", by="shop", tenant="shop")
        assert (await lived.payment(payment_id)).state is PaymentState.CANCELLED
        assert await (await lived.handle(payment_id)).result() == "cancelled: Cancelled"
        assert lived.partner.count("submit") == 0


async def test_a_watched_payment_sleeps_until_its_watch_is_over(tmp_path: Path) -> None:
    async with life(tmp_path, patient(), leave_temporal_after=DAY) as lived:
        payment_id = (await lived.pay()).payment_id
        await lived.pass_by(HOUR)
        view = await lived.assembly.payments.view(payment_id)
        watch = view.profile.watch[view.rail]
        assert watch > DAY
        assert view.payment.state is PaymentState.SETTLED
        assert not await _runs(lived, payment_id)
        await lived.pass_by(watch)
        await _upkeep(lived)
        await lived.pass_by(MINUTE)
        assert (await lived.payment(payment_id)).state is PaymentState.FINAL


async def test_without_the_setting_the_run_waits_by_a_timer(tmp_path: Path) -> None:
    async with life(tmp_path, patient()) as lived:
        payment_id = await _held_for_five_days(lived)
        assert await _runs(lived, payment_id)
        await lived.pass_by(timedelta(days=5, hours=1))
        assert lived.partner.count("submit") == 1
