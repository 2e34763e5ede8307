"""Cancel, asked at every moment of a payment's life, on a real server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from domain.lifecycle.command import Outcome
from domain.lifecycle.profile import IdempotencyKind, LookupKind
from domain.lifecycle.resource import Certainty
from domain.payments.order import Times
from domain.payments.report import PaymentState
from local.temporal_server import DevServer
from store.commands import Commanded
from tests.fakes import order, profile
from tests.polling import eventually
from tests.words import COMPLETED, READY, RELEASED, OnCancel, OnFind, OnSend
from tests.world import World, world

CANCELLED = PaymentState.CANCELLED
SETTLED = PaymentState.SETTLED


async def _cancel(made: World, payment_id: str, command_id: str = "c1") -> Commanded:
    """As `Orchestrator.cancel`: recorded, then the run is told."""
    commanded = await made.assembly.commands.cancel(
        payment_id, command_id=command_id, by="shop", why="the customer asked",
        now=made.assembly.clock.now(),
    )  # fmt: skip
    await made.ensure_running(payment_id)
    return commanded


async def _outcome(made: World, payment_id: str, wanted: Outcome) -> None:
    async def seen() -> bool:
        [command] = await made.assembly.commands.of(payment_id)
        return command.outcome is wanted

    await eventually(seen, f"the command {wanted}")


@pytest.fixture
async def at_work(server: DevServer, tmp_path: Path) -> AsyncIterator[World]:
    """A partner that takes back what it has not released."""
    async with world(tmp_path / "home", server.address, of=profile(cancels=True)) as made:
        await made.work()
        yield made


async def test_before_anything_is_sent_it_is_cancelled_at_once_and_nothing_leaves(
    server: DevServer, tmp_path: Path
) -> None:
    async with world(tmp_path / "home", server.address, of=profile(cancels=True)) as made:
        payment_id = (await made.pay()).payment_id
        commanded = await _cancel(made, payment_id)
        assert commanded.view.payment.state is CANCELLED
        await made.work()
        assert (await (await made.handle(payment_id)).result()) == "cancelled: Cancelled"
        assert made.attempts() == 0
        assert made.partner.count("submit") == 0
        await _outcome(made, payment_id, Outcome.DONE)


async def test_while_an_attempt_is_under_way_it_waits_for_it_and_then_takes_it_back(
    at_work: World,
) -> None:
    at_work.partner.says(READY)
    at_work.partner.gate = asyncio.Event()
    payment_id = (await at_work.pay()).payment_id
    await eventually(lambda: _sent(at_work), "the send")
    commanded = await _cancel(at_work, payment_id)
    assert commanded.view.payment.state is PaymentState.SUBMITTING
    assert commanded.command.outcome is Outcome.ASKED
    at_work.partner.gate.set()
    await at_work.until(payment_id, CANCELLED)
    await _outcome(at_work, payment_id, Outcome.DONE)
    assert at_work.partner.count("submit") == 1
    assert at_work.partner.count("cancel") == 1


async def test_in_doubt_no_bytes_leave_any_more_and_what_is_found_is_taken_back(
    at_work: World,
) -> None:
    at_work.partner.says(READY)
    at_work.partner.on_send.append(OnSend.LOST_AFTER)
    at_work.partner.on_find.extend([OnFind.CANNOT_TELL] * 3)
    payment_id = (await at_work.pay()).payment_id
    await eventually(lambda: _doubtful(at_work, payment_id), "the doubt")
    await _cancel(at_work, payment_id)
    await at_work.until(payment_id, CANCELLED)
    assert at_work.partner.count("submit") == 1
    assert at_work.partner.count("cancel") == 1


async def test_in_doubt_and_proven_absent_it_is_cancelled_though_there_is_time_to_send(
    at_work: World,
) -> None:
    at_work.partner.on_send.append(OnSend.LOST_BEFORE)
    at_work.partner.on_find.extend([OnFind.CANNOT_TELL] * 3)
    payment_id = (await at_work.pay()).payment_id
    await eventually(lambda: _doubtful(at_work, payment_id), "the doubt")
    await _cancel(at_work, payment_id)
    await at_work.until(payment_id, CANCELLED)
    assert at_work.partner.count("submit") == 1
    assert at_work.partner.effects == []


async def test_in_doubt_with_a_key_and_no_lookup_it_is_parked_and_not_sent_again(
    server: DevServer, tmp_path: Path
) -> None:
    of = profile(IdempotencyKind.REPLAY_RESPONSE, LookupKind.NONE, cancels=True,
                 operation={"pause": timedelta(seconds=2)})  # fmt: skip
    async with world(tmp_path / "home", server.address, of=of) as made:
        await made.work()
        made.partner.on_send.append(OnSend.LOST_AFTER)
        payment_id = (await made.pay()).payment_id
        await eventually(lambda: _doubtful(made, payment_id), "the doubt")
        await _cancel(made, payment_id)

        async def parked() -> bool:
            return made.tasks().get("parked", False)

        await eventually(parked, "the question to a person")
        payment = await made.payment(payment_id)
        assert payment.certainty is Certainty.UNKNOWN
        assert made.partner.count("submit") == 1


@pytest.mark.parametrize("befalls", [*OnCancel])
async def test_what_the_partner_holds_it_is_asked_to_delete_whatever_befalls_the_asking(
    at_work: World, befalls: OnCancel
) -> None:
    at_work.partner.says(READY)
    at_work.partner.on_cancel.append(befalls)
    payment_id = (await at_work.pay()).payment_id
    await at_work.until(payment_id, PaymentState.ACCEPTED)
    await _cancel(at_work, payment_id)
    if befalls is OnCancel.TOO_LATE:
        await _outcome(at_work, payment_id, Outcome.REFUSED)
        at_work.partner.says(RELEASED, COMPLETED)
        await at_work.until(payment_id, SETTLED)
    else:
        await at_work.until(payment_id, CANCELLED)
        await _outcome(at_work, payment_id, Outcome.DONE)
        assert (await (await at_work.handle(payment_id)).result()) == "cancelled: Cancelled"
    assert (await at_work.payment(payment_id)).certainty is Certainty.SENT


async def test_too_late_it_is_said_and_the_payment_goes_its_way(at_work: World) -> None:
    payment_id = (await at_work.pay()).payment_id
    await at_work.until(payment_id, SETTLED)
    commanded = await _cancel(at_work, payment_id)
    assert commanded.command.outcome is Outcome.TOO_LATE
    assert at_work.partner.count("cancel") == 0
    assert (await at_work.payment(payment_id)).state is SETTLED


async def test_a_partner_that_takes_nothing_back_is_not_asked_to(
    server: DevServer, tmp_path: Path
) -> None:
    async with world(tmp_path / "home", server.address) as made:
        await made.work()
        made.partner.says(READY)
        payment_id = (await made.pay()).payment_id
        await made.until(payment_id, PaymentState.ACCEPTED)
        await _cancel(made, payment_id)
        await _outcome(made, payment_id, Outcome.IMPOSSIBLE)
        made.partner.says(COMPLETED)
        await made.until(payment_id, SETTLED)


async def test_a_command_asked_twice_is_one(at_work: World) -> None:
    at_work.partner.says(READY)
    payment_id = (await at_work.pay()).payment_id
    await at_work.until(payment_id, PaymentState.ACCEPTED)
    await asyncio.gather(*(_cancel(at_work, payment_id) for _ in range(5)))
    await at_work.until(payment_id, CANCELLED)
    assert at_work.partner.count("cancel") == 1
    assert len(await at_work.assembly.commands.of(payment_id)) == 1


async def test_a_cancel_in_temporals_ui_is_the_command_and_the_run_goes_on(
    at_work: World,
) -> None:
    at_work.partner.says(READY)
    payment_id = (await at_work.pay()).payment_id
    await at_work.until(payment_id, PaymentState.ACCEPTED)
    handle = await at_work.handle(payment_id)
    await handle.cancel()
    assert await handle.result() == "cancelled: Cancelled"
    assert at_work.partner.count("cancel") == 1
    [command] = await at_work.assembly.commands.of(payment_id)
    assert (command.by, command.outcome) == ("temporal", Outcome.DONE)


async def test_a_cancel_in_temporals_ui_while_an_attempt_is_under_way_waits_for_it(
    at_work: World,
) -> None:
    at_work.partner.says(READY)
    at_work.partner.gate = asyncio.Event()
    payment_id = (await at_work.pay()).payment_id
    await eventually(lambda: _sent(at_work), "the send")
    handle = await at_work.handle(payment_id)
    await handle.cancel()

    async def commanded() -> bool:
        return bool(await at_work.assembly.commands.of(payment_id))

    await eventually(commanded, "the command")
    at_work.partner.gate.set()
    assert await handle.result() == "cancelled: Cancelled"
    assert at_work.partner.count("submit") == 1
    assert len(at_work.partner.effects) == 1


async def test_what_is_not_executed_by_its_deadline_is_taken_back(
    server: DevServer, tmp_path: Path
) -> None:
    async with world(tmp_path / "home", server.address, of=profile(cancels=True)) as made:
        await made.work()
        made.partner.says(READY)
        now = made.assembly.clock.now()
        times = Times(
            submit_before=now + timedelta(seconds=8), execute_by=now + timedelta(seconds=9)
        )
        payment_id = (await made.pay(of=order(now, times=times))).payment_id
        await made.until(payment_id, CANCELLED)
        [command] = await made.assembly.commands.of(payment_id)
        assert (command.by, command.outcome) == ("deadline", Outcome.DONE)


async def _sent(made: World) -> bool:
    return bool(made.partner.sent)


async def _doubtful(made: World, payment_id: str) -> bool:
    payment = await made.payment(payment_id)
    return payment.certainty is Certainty.UNKNOWN
