"""Everything a payment waits for, in whole lives that pass in moments."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlmodel import col, select

from activities.checks import Checks
from domain.lifecycle.answers import Unanswered
from domain.lifecycle.command import Outcome
from domain.lifecycle.gate import Barred, OnHold, Passed, Verdict
from domain.lifecycle.profile import Profile, Quota
from domain.lifecycle.resource import Certainty
from domain.payments.gate import CheckKind
from domain.payments.order import Order, Times
from domain.payments.report import PaymentState
from regimes.business_time import after
from regimes.ladder import OFFICE_HOURS
from store.halts import Halts
from store.tables.people import TaskRow
from tests.fakes import ACCOUNT, BANK, WATCH, order
from tests.words import COMPLETED, READY, REVIEW, Word
from tests.workflows.life import DAY, HOUR, MINUTE, life, patient


@dataclass
class Approval:
    """A check as a company has it: it holds until somebody agreed."""

    says: Verdict
    kind: CheckKind = CheckKind.APPROVAL
    asked: list[datetime] = field(default_factory=list)

    async def verdict(self, payment_id: str, order: Order) -> Verdict:
        return self.says


async def test_what_our_checks_hold_waits_for_us_and_is_sent_when_they_pass(
    tmp_path: Path,
) -> None:
    check = Approval(Passed("agreed"))
    async with life(tmp_path, patient(), checks=[check]) as lived:
        now = lived.assembly.clock.now()
        check.says = OnHold("two signatures are missing", now + 6 * HOUR)
        lasting = order(now, times=Times(submit_before=now + 5 * DAY))
        payment_id = (await lived.pay(of=lasting)).payment_id
        await lived.pass_by(HOUR)
        payment = await lived.payment(payment_id)
        assert (payment.state, payment.certainty) == (
            PaymentState.AWAITING_US, Certainty.NOT_SENT,
        )  # fmt: skip
        assert payment.reason == "approval: two signatures are missing"
        assert lived.tasks() == {"awaiting_us": True}
        assert lived.partner.count("submit") == 0
        check.says = Passed("agreed")
        await lived.pass_by(6 * HOUR)
        assert (await lived.payment(payment_id)).state is PaymentState.SETTLED
        assert lived.tasks() == {"awaiting_us": False}


async def test_what_our_checks_bar_is_rejected_and_nothing_leaves(tmp_path: Path) -> None:
    check = Approval(Barred("is on a list", "RR04"), CheckKind.SCREENING)
    async with life(tmp_path, patient(), checks=[check]) as lived:
        payment_id = (await lived.pay()).payment_id
        assert (await (await lived.handle(payment_id)).result()) == "rejected: Not executed"
        payment = await lived.payment(payment_id)
        assert (payment.status_reason, payment.certainty) == ("RR04", Certainty.NOT_SENT)
        assert lived.partner.calls == []


async def test_checks_that_passed_hours_ago_are_asked_again_before_the_send(
    tmp_path: Path,
) -> None:
    check = Approval(Passed("agreed"))
    async with life(tmp_path, patient(), checks=[check]) as lived:
        now = lived.assembly.clock.now()
        halts = Halts(lived.assembly.database)
        lasting = order(now, times=Times(submit_before=now + 5 * DAY))
        payment_id = await lived.record_only(of=lasting)
        instruction = (await lived.assembly.payments.view(payment_id)).instructions[0]
        draft = await lived.assembly.book.draft(instruction.instruction_id, now)
        passed = await Checks(lived.assembly.clock, [check]).examine(
            payment_id, draft.subject.order
        )
        await lived.assembly.book.begin(
            instruction.instruction_id, now, passed=passed, may_send=False
        )
        number = await halts.halt(by="alice", why="audit", now=now)
        await lived.ensure_running(payment_id)
        await lived.pass_by(5 * HOUR)
        check.says = Barred("found on a list meanwhile")
        await halts.lift(number, by="alice", now=lived.assembly.clock.now())
        await lived.ensure_running(payment_id)
        await lived.pass_by(HOUR)
        assert (await lived.payment(payment_id)).state is PaymentState.REJECTED
        assert lived.partner.count("submit") == 0


async def test_a_date_that_we_hold_is_waited_for_and_then_sent(tmp_path: Path) -> None:
    async with life(tmp_path, patient()) as lived:
        now = lived.assembly.clock.now()
        day = (now + timedelta(days=21)).date()
        dated = order(now, times=Times(submit_before=None, requested_execution_date=day))
        payment_id = (await lived.pay(of=dated)).payment_id
        await lived.pass_by(20 * DAY - HOUR)
        assert (await lived.payment(payment_id)).state is PaymentState.CREATED
        assert lived.partner.count("submit") == 0
        await lived.pass_by(7 * DAY)
        assert (await lived.payment(payment_id)).state is PaymentState.SETTLED
        assert lived.partner.count("submit") == 1


async def test_a_date_that_the_partner_holds_is_sent_at_once(tmp_path: Path) -> None:
    async with life(tmp_path, patient(holds_future_dates=True)) as lived:
        lived.partner.says(READY)
        now = lived.assembly.clock.now()
        day = (now + timedelta(days=21)).date()
        dated = order(now, times=Times(submit_before=None, requested_execution_date=day))
        payment_id = (await lived.pay(of=dated)).payment_id
        await lived.pass_by(HOUR)
        assert (await lived.payment(payment_id)).state is PaymentState.ACCEPTED
        await lived.pass_by(21 * DAY)
        lived.partner.says(COMPLETED)
        await lived.pass_by(DAY)
        assert (await lived.payment(payment_id)).state is PaymentState.SETTLED


async def test_what_is_not_executed_in_time_is_taken_back_and_never_cancelled_by_the_clock(
    tmp_path: Path,
) -> None:
    async with life(tmp_path, patient(cancels=True)) as lived:
        lived.partner.says(REVIEW)
        now = lived.assembly.clock.now()
        times = Times(submit_before=now + HOUR, execute_by=now + 2 * DAY)
        payment_id = (await lived.pay(of=order(now, times=times))).payment_id
        await lived.pass_by(2 * DAY - HOUR)
        assert (await lived.payment(payment_id)).state is PaymentState.AWAITING_PARTNER
        assert lived.partner.count("cancel") == 0
        await lived.pass_by(2 * HOUR)
        payment = await lived.payment(payment_id)
        assert (payment.state, payment.partner_status) == (PaymentState.CANCELLED, "deleted")
        [command] = await lived.assembly.commands.of(payment_id)
        assert (command.by, command.outcome) == ("deadline", Outcome.DONE)


async def test_a_review_asks_higher_people_as_business_time_goes_by(tmp_path: Path) -> None:
    async with life(tmp_path, patient(read_pause_max=4 * HOUR)) as lived:
        lived.partner.says(REVIEW)
        payment_id = (await lived.pay()).payment_id
        await lived.pass_by(MINUTE)
        since = (await lived.payment(payment_id)).state_as_of
        assert since is not None
        await lived.pass_by(14 * DAY)
        rows = lived.assembly.database.read_now(
            lambda s: s.exec(select(TaskRow).order_by(col(TaskRow.opened_at))).all()
        )
        assert [row.owner for row in rows] == [
            "payments-operations", "payments-operations", "compliance", "head-of-payments",
        ]  # fmt: skip
        first = after(since, 4 * HOUR, OFFICE_HOURS)
        assert first <= rows[0].opened_at <= first + 5 * HOUR
        lived.partner.says(COMPLETED)
        await lived.pass_by(DAY)
        assert not any(lived.tasks().values())


async def test_without_any_read_the_sweep_asks_the_people(tmp_path: Path) -> None:
    async with life(tmp_path, patient()) as lived:
        lived.partner.says(REVIEW)
        payment_id = (await lived.pay()).payment_id
        await lived.pass_by(5 * MINUTE)
        await (await lived.handle(payment_id)).terminate("nothing runs it any more")
        later = lived.assembly.clock.now() + 14 * DAY
        assert (await lived.assembly.payments.escalate(later, limit=10)).payments == 1
        asked = lived.tasks()
        assert {f"awaiting_partner_{rung}" for rung in range(1, 5)} <= asked.keys()
        await lived.assembly.payments.refold([payment_id], later)
        assert lived.tasks() == asked, "the same question is open once"


async def test_a_settled_payment_whose_partner_can_be_asked_no_more_ends_unconfirmed(
    tmp_path: Path,
) -> None:
    async with life(tmp_path, patient(status_for=WATCH - DAY)) as lived:
        payment_id = (await lived.pay()).payment_id
        await lived.pass_by(HOUR)
        lived.partner.unread = Unanswered("404 not found")
        await lived.pass_by(WATCH + DAY)
        payment = await lived.payment(payment_id)
        assert (payment.state, payment.certainty) == (PaymentState.UNCONFIRMED, Certainty.SENT)
        assert (await (await lived.handle(payment_id)).result()).startswith("unconfirmed: ")


async def test_a_settled_payment_that_cannot_be_read_just_now_is_not_final(
    tmp_path: Path,
) -> None:
    async with life(tmp_path, patient()) as lived:
        payment_id = (await lived.pay()).payment_id
        await lived.pass_by(HOUR)
        lived.partner.unread = Unanswered("503 for maintenance")
        await lived.pass_by(WATCH + 5 * DAY)
        assert (await lived.payment(payment_id)).state is PaymentState.SETTLED
        lived.partner.unread = None
        await lived.pass_by(DAY)
        assert (await lived.payment(payment_id)).state is PaymentState.FINAL


async def test_what_is_halted_sends_nothing_new_and_goes_on_when_lifted(tmp_path: Path) -> None:
    async with life(tmp_path, patient()) as lived:
        halts = Halts(lived.assembly.database)
        now = lived.assembly.clock.now()
        number = await halts.halt(by="alice", why="audit", partner="bank", now=now)
        lasting = order(now, times=Times(submit_before=now + 2 * DAY))
        payment_id = (await lived.pay(of=lasting)).payment_id
        await lived.pass_by(DAY)
        assert (await lived.payment(payment_id)).state is PaymentState.CREATED
        assert lived.partner.count("submit") == 0
        await halts.lift(number, by="alice", now=lived.assembly.clock.now())
        await lived.ensure_running(payment_id)
        await lived.pass_by(HOUR)
        assert (await lived.payment(payment_id)).state is PaymentState.SETTLED


async def test_halted_past_its_time_it_expires_unsent(tmp_path: Path) -> None:
    async with life(tmp_path, patient()) as lived:
        await Halts(lived.assembly.database).halt(
            by="alice", why="audit", now=lived.assembly.clock.now()
        )
        payment_id = (await lived.pay()).payment_id
        await lived.pass_by(2 * HOUR)
        assert (await lived.payment(payment_id)).state is PaymentState.EXPIRED
        assert lived.partner.count("submit") == 0


async def test_news_is_read_at_once_and_not_when_the_next_read_is_due(tmp_path: Path) -> None:
    async with life(tmp_path, patient(read_pause=6 * HOUR)) as lived:
        payment_id = (await lived.pay()).payment_id
        await lived.pass_by(HOUR)
        assert (await lived.payment(payment_id)).state is PaymentState.ACCEPTED
        await lived.assembly.inbox.put(
            partner=BANK,
            partner_account=ACCOUNT,
            event_key="e",
            partner_reference=lived.partner.effects[0].reference,
            body=b"{}",
            now=lived.assembly.clock.now(),
        )
        await lived.ensure_running(payment_id)
        await lived.pass_by(MINUTE)
        assert (await lived.payment(payment_id)).state is PaymentState.SETTLED
        assert lived.partner.count("read") == 1


@pytest.mark.parametrize(("payments", "at_most"), [(1, 80), (20, 25)])
async def test_many_open_payments_share_the_reads_that_the_quota_leaves(
    tmp_path: Path, payments: int, at_most: int
) -> None:
    quota = Quota(requests=100, reads=60, window=5 * HOUR)
    async with life(tmp_path, _busy(quota)) as lived:
        lived.partner.says(Word("ready", PaymentState.ACCEPTED))
        now = lived.assembly.clock.now()
        for minor in range(1, payments + 1):
            times = Times(submit_before=now + HOUR)
            await lived.pay(f"k{minor}", of=order(now, minor=minor, times=times))
        await lived.pass_by(5 * HOUR)
        assert 2 <= lived.partner.count("read") / payments <= at_most
        assert lived.partner.count("read") <= 60 + 2 * payments


def _busy(quota: Quota) -> Profile:
    return patient(read_pause=MINUTE, read_pause_max=MINUTE, quota=quota)


async def test_what_should_have_been_done_long_ago_is_asked_about(tmp_path: Path) -> None:
    async with life(tmp_path, patient()) as lived:
        lived.partner.says(REVIEW)
        payment_id = (await lived.pay()).payment_id
        await lived.pass_by(5 * MINUTE)
        await (await lived.handle(payment_id)).terminate("its run fails for ever")
        later = lived.assembly.clock.now() + 2 * DAY
        await lived.assembly.payments.refold([payment_id], later)
        assert lived.tasks()["overdue"]
        await lived.ensure_running(payment_id)
        lived.partner.says(COMPLETED)
        await lived.pass_by(HOUR)
        assert not lived.tasks()["overdue"]
