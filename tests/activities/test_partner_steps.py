"""One step with a partner: what it asks, what it sends, what it records, whatever happens."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from domain.lifecycle.answers import NotReady, Unanswered, Unprepared
from domain.lifecycle.profile import (
    Idempotency,
    IdempotencyKind,
    InstructionKind,
    LookupKind,
    Quota,
)
from domain.lifecycle.resource import Certainty
from domain.lifecycle.sending import Closed, LookupResult
from domain.payments.report import PaymentState
from store.folding import Folding
from store.turns import ReadTurns
from tests.activities.steps import Steps, steps_of
from tests.clock import SteppedClock
from tests.fakes import profile
from tests.store.books import PAYMENTS, Store, accepted, report
from tests.words import COMPLETED, REJECTED, REVIEW, OnFind, OnSend

MINUTE = timedelta(minutes=1)


async def test_the_first_step_prepares_and_sends(store: Store) -> None:
    steps = await steps_of(store)
    view = await steps.instructed()
    assert steps.partner.calls == ["ready", "prepare", "submit"]
    assert view.payment.state is PaymentState.ACCEPTED
    assert view.payment.certainty is Certainty.SENT
    assert len(steps.partner.effects) == 1


async def test_a_step_run_again_sends_nothing(store: Store) -> None:
    steps = await steps_of(store)
    first = await steps.instructed()
    for _ in range(3):
        assert (await steps.instructed()).payment == first.payment
    assert steps.partner.count("submit") == 1


async def test_two_workers_with_one_step_send_once(store: Store) -> None:
    steps = await steps_of(store)
    other = Steps(store.beside(), steps.partner)
    await asyncio.gather(steps.instruct(), other.instruct(), steps.instruct(), other.instruct())
    assert steps.partner.count("submit") == 1
    assert len(steps.partner.effects) == 1
    other.store.close()


async def test_a_lost_reply_is_found_by_asking(store: Store, clock: SteppedClock) -> None:
    steps = await steps_of(store)
    steps.partner.on_send.append(OnSend.LOST_AFTER)
    view = await steps.instructed()
    assert view.payment.certainty is Certainty.UNKNOWN
    clock.step(MINUTE)
    view = await steps.instructed()
    assert steps.partner.calls[-2:] == ["ready", "find"]
    assert view.payment.certainty is Certainty.SENT
    assert len(steps.partner.effects) == 1


async def test_a_lost_reply_is_sent_again_only_where_the_key_is_honoured(
    store: Store, clock: SteppedClock
) -> None:
    steps = await steps_of(store, profile(IdempotencyKind.REPLAY_RESPONSE))
    steps.partner.on_send.append(OnSend.FAILS_AFTER)
    await steps.instruct()
    clock.step(MINUTE)
    view = await steps.instructed()
    assert view.payment.certainty is Certainty.SENT
    assert [request.body for request in steps.partner.sent] == [steps.partner.sent[0].body] * 2
    assert len(steps.partner.effects) == 1
    assert steps.partner.count("prepare") == 1


async def test_what_never_arrived_is_sent_again_after_two_empty_answers(
    store: Store, clock: SteppedClock
) -> None:
    steps = await steps_of(store)
    steps.partner.on_send.append(OnSend.LOST_BEFORE)
    await steps.instruct()
    for _ in range(2):
        clock.step(MINUTE)
        view = await steps.instructed()
        assert view.payment.certainty is Certainty.UNKNOWN
    clock.step(MINUTE)
    view = await steps.instructed()
    assert steps.partner.calls == ["ready", "prepare", "submit", *["ready", "find"] * 2,
                                   "ready", "submit"]  # fmt: skip
    assert view.payment.certainty is Certainty.SENT
    assert len(steps.partner.effects) == 1


async def test_one_wrongly_empty_answer_sends_nothing(store: Store, clock: SteppedClock) -> None:
    steps = await steps_of(store)
    steps.partner.on_send.append(OnSend.LOST_AFTER)
    steps.partner.on_find.append(OnFind.EMPTY)
    await steps.instruct()
    clock.step(MINUTE)
    await steps.instruct()
    clock.step(MINUTE)
    view = await steps.instructed()
    assert view.payment.certainty is Certainty.SENT
    assert steps.partner.count("submit") == 1


@pytest.mark.parametrize("befalls", [OnFind.ANOTHERS, OnFind.CANNOT_TELL])
async def test_a_lookup_that_shows_another_or_nothing_whole_proves_nothing(
    store: Store, clock: SteppedClock, befalls: OnFind
) -> None:
    steps = await steps_of(store)
    await store.accept("other", payment_id="pay_0")
    await store.begin("pay_0/pay/1")
    foreign = steps.partner.foreign_reference
    other = accepted(clock.now(), reference=foreign, instruction="pay_0/pay/1")
    await store.sent(other, payment_id="pay_0")
    steps.partner.on_send.append(OnSend.LOST_AFTER)
    steps.partner.on_find.extend([befalls] * 3)
    await steps.instruct()
    for _ in range(3):
        clock.step(MINUTE)
        view = await steps.instructed()
        assert view.instructions[0].book.lookups[-1].result is LookupResult.CANNOT_TELL
        assert view.payment.certainty is Certainty.UNKNOWN
    clock.step(MINUTE)
    view = await steps.instructed()
    assert view.payment.certainty is Certainty.SENT
    assert steps.partner.count("submit") == 1


async def test_an_attempt_under_way_elsewhere_is_left_alone(store: Store) -> None:
    steps = await steps_of(store)
    await store.begin()
    view = await steps.instructed()
    assert steps.partner.calls == []
    assert view.payment.state is PaymentState.SUBMITTING


async def test_in_doubt_without_any_way_to_tell_is_parked(
    store: Store, clock: SteppedClock
) -> None:
    steps = await steps_of(store, profile(IdempotencyKind.NONE, LookupKind.NONE))
    steps.partner.on_send.append(OnSend.LOST_AFTER)
    await steps.instruct()
    clock.step(MINUTE)
    calls = list(steps.partner.calls)
    view = await steps.instructed()
    assert steps.partner.calls == calls, "a parked payment was touched"
    assert view.payment.certainty is Certainty.UNKNOWN


async def test_an_order_that_ran_out_unsent_expires(store: Store, clock: SteppedClock) -> None:
    steps = await steps_of(store)
    clock.step(timedelta(hours=1))
    view = await steps.instructed()
    assert view.payment.state is PaymentState.EXPIRED
    assert steps.partner.calls == []


async def test_a_partner_that_is_not_ready_is_told_nothing(
    store: Store, clock: SteppedClock
) -> None:
    steps = await steps_of(store)
    steps.partner.not_ready = NotReady("logging in elsewhere", clock.now() + MINUTE)
    view = await steps.instructed()
    assert steps.partner.calls == ["ready"]
    assert (view.not_before, view.waiting_for) == (clock.now() + MINUTE, "logging in elsewhere")
    assert view.payment.state is PaymentState.CREATED
    steps.partner.not_ready = None
    clock.step(MINUTE)
    assert (await steps.instructed()).not_before is None


async def test_a_refused_preparation_rejects_the_payment(store: Store, clock: SteppedClock) -> None:
    steps = await steps_of(store)
    no = report(clock.now(), PaymentState.REJECTED, reference=None, reason="account closed")
    steps.partner.unprepared = Unprepared("the creditor's account is closed", refused=no)
    view = await steps.instructed()
    assert view.payment.state is PaymentState.REJECTED
    assert view.payment.certainty is Certainty.NOT_SENT
    assert view.instructions[0].book.closed is Closed.REFUSED
    assert steps.partner.sent == []


async def test_a_postponed_preparation_is_tried_again_later(
    store: Store, clock: SteppedClock
) -> None:
    steps = await steps_of(store)
    at = clock.now() + 5 * MINUTE
    steps.partner.unprepared = Unprepared("busy", retry_at=at)
    view = await steps.instructed()
    assert (view.not_before, view.waiting_for) == (at, "busy")
    steps.partner.unprepared = None
    clock.step(5 * MINUTE)
    assert (await steps.instructed()).payment.state is PaymentState.ACCEPTED


async def test_a_burnt_key_is_replaced_with_a_request_of_its_own(
    store: Store, clock: SteppedClock
) -> None:
    made = profile(IdempotencyKind.REPLAY_RESPONSE)
    caches = Idempotency(kind=IdempotencyKind.REPLAY_RESPONSE, caches_errors=True)
    pay = made.operation(InstructionKind.PAY).model_copy(update={"idempotency": caches})
    steps = await steps_of(
        store, made.model_copy(update={"operations": {InstructionKind.PAY: pay}})
    )
    steps.partner.on_send.append(OnSend.FAILS_BEFORE)
    await steps.instruct()
    for _ in range(3):
        clock.step(MINUTE)
        view = await steps.instructed()
    assert view.payment.certainty is Certainty.SENT
    first, second = steps.partner.sent
    assert first.key != second.key
    assert second.body.startswith(second.key.encode())
    assert len(steps.partner.effects) == 1


async def test_a_refused_send_ends_it(store: Store) -> None:
    steps = await steps_of(store)
    steps.partner.on_send.append(OnSend.REFUSED)
    view = await steps.instructed()
    assert view.payment.state is PaymentState.REJECTED
    assert view.payment.reason == REJECTED.reason


async def test_a_read_records_what_the_partner_says(store: Store, clock: SteppedClock) -> None:
    steps = await steps_of(store)
    await steps.instruct()
    clock.step(MINUTE)
    view = await steps.was_read()
    assert view.payment.state is PaymentState.SETTLED
    assert view.payment.partner_status == COMPLETED.text
    assert view.last_asked_at == clock.now()


async def test_a_read_without_answer_keeps_the_state_and_the_partners_wish(
    store: Store, clock: SteppedClock
) -> None:
    steps = await steps_of(store)
    before = await steps.instructed()
    clock.step(MINUTE)
    steps.partner.unread = Unanswered("429", retry_at=clock.now() + MINUTE)
    view = await steps.was_read()
    assert view.payment == before.payment
    assert (view.not_before, view.waiting_for) == (clock.now() + MINUTE, "429")


async def test_a_read_waits_for_the_login_too(store: Store, clock: SteppedClock) -> None:
    steps = await steps_of(store)
    await steps.instruct()
    steps.partner.not_ready = NotReady("no token", clock.now() + MINUTE)
    assert (await steps.was_read()).waiting_for == "no token"
    assert steps.partner.count("read") == 0


async def test_a_read_beyond_the_quota_asks_nobody_and_a_send_is_not_held_up(
    store: Store, clock: SteppedClock
) -> None:
    quota = Quota(requests=500, window=MINUTE, reads=2)
    steps = await steps_of(store, profile().model_copy(update={"quota": quota}))
    await steps.instruct()
    steps.partner.says(REVIEW)
    for _ in range(2):
        await steps.was_read()
    view = await steps.was_read()
    assert view.read_turn is not None
    assert view.read_turn.at == clock.now() + MINUTE
    assert steps.partner.count("read") == 2
    clock.step(MINUTE)
    assert (await steps.was_read()).read_turn is None
    assert steps.partner.count("read") == 3


async def test_a_payment_is_sent_however_many_reads_stand_in_line(
    store: Store, clock: SteppedClock
) -> None:
    quota = Quota(requests=500, window=MINUTE, reads=2)
    steps = await steps_of(store, profile().model_copy(update={"quota": quota}))
    turns = ReadTurns(store.database, Folding(store.keyring, PAYMENTS))
    for number in range(3):
        await store.accept(f"k{number}", payment_id=f"pay_other{number}")
        await turns.take(f"pay_other{number}", steps.partner.login, quota, clock.now())
    assert (await steps.instructed()).payment.state is PaymentState.ACCEPTED
    assert steps.partner.count("submit") == 1


async def test_another_bank_behind_the_same_account_name_is_asked_and_sent_nothing(
    store: Store,
) -> None:
    given = profile(environment="https://bank.test:443 login 1")
    steps = await steps_of(store, given)
    steps.partner.profile = profile(environment="https://bank.test:8443 login 1")
    for step in (steps.instruct, steps.read):
        known = (await step()).next
        assert known is not None
        assert "is at 'https://bank.test:8443 login 1'" in known.due.because
    assert steps.partner.calls == []
    steps.partner.profile = given
    store.clock.step(timedelta(minutes=5))
    assert (await steps.instructed()).payment.certainty is Certainty.SENT
