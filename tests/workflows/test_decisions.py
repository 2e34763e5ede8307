"""What operators decide about a payment, on a real server."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from domain.lifecycle.command import Outcome
from domain.lifecycle.profile import IdempotencyKind, LookupKind
from domain.lifecycle.resource import Certainty
from domain.payments.display import Funds, display
from domain.payments.report import PaymentState
from local.temporal_server import DevServer
from store.commands import CannotResolve, Commanded
from tests import operators
from tests.fakes import ACCOUNT, BANK, profile
from tests.polling import eventually
from tests.words import COMPLETED, OnSend, Word
from tests.world import World, world

OPERATORS = ("alice", "bob")
REJECTED = Word("rejected", PaymentState.REJECTED)


@pytest.fixture
async def blind(server: DevServer, tmp_path: Path) -> AsyncIterator[World]:
    """A partner without keys and without any lookup, which executes whatever comes."""
    of = profile(IdempotencyKind.NONE, LookupKind.NONE)
    async with world(tmp_path / "home", server.address, of=of) as made:
        await made.work()
        yield made


async def _parked(made: World, befalls: OnSend) -> str:
    made.partner.on_send.append(befalls)
    payment_id = (await made.pay()).payment_id

    async def asked() -> bool:
        return made.tasks().get("parked", False)

    await eventually(asked, "the question to a person")
    assert (await made.payment(payment_id)).certainty is Certainty.UNKNOWN
    return payment_id


_ids = itertools.count(1)


async def _past_its_end(made: World, payment_id: str) -> None:
    """Whoever signs waits until nothing of the attempt can arrive any more."""

    async def ended() -> bool:
        [instruction] = (await made.assembly.payments.view(payment_id)).instructions
        now = made.assembly.clock.now()
        return all(attempt.ends_by <= now for attempt in instruction.book.attempts)

    await eventually(ended, "the end of the attempt")


async def _not_executed(made: World, payment_id: str, by: str) -> Commanded:
    commanded = await operators.not_executed(made.assembly.commands,
        payment_id, command_id=f"d{next(_ids)}", by=by, why="asked by telephone",
        evidence=b"statement of the day", now=made.assembly.clock.now(),
    )  # fmt: skip
    await made.ensure_running(payment_id)
    return commanded


async def test_a_partner_without_keys_and_lookup_is_never_sent_to_twice(blind: World) -> None:
    payment_id = await _parked(blind, OnSend.LOST_AFTER)
    await blind.ensure_running(payment_id)
    assert blind.partner.count("submit") == 1
    assert len(blind.partner.effects) == 1
    shown = display(await blind.payment(payment_id))
    assert (shown.may_retry, shown.funds) == (False, Funds.KEEP_HOLDING)


async def test_found_executed_with_its_reference_it_is_read_and_goes_on(blind: World) -> None:
    payment_id = await _parked(blind, OnSend.LOST_AFTER)
    commanded = await operators.executed(blind.assembly.commands,
        payment_id, command_id="d1", by="alice", why="seen in the partner's pages",
        now=blind.assembly.clock.now(), reference=blind.partner.effects[0].reference,
    )  # fmt: skip
    assert commanded.view.payment.state is PaymentState.SETTLED
    await blind.ensure_running(payment_id)

    async def confirmed() -> bool:
        return (await blind.payment(payment_id)).partner_status == COMPLETED.text

    await eventually(confirmed, "the partner's own word")
    payment = await blind.payment(payment_id)
    assert (payment.state, payment.certainty) == (PaymentState.SETTLED, Certainty.SENT)
    assert blind.tasks() == {"parked": False}
    assert blind.partner.count("submit") == 1


async def test_found_executed_without_a_reference_it_ends_unconfirmed(blind: World) -> None:
    payment_id = await _parked(blind, OnSend.LOST_AFTER)
    await operators.executed(blind.assembly.commands,
        payment_id, command_id="d1", by="alice", why="the creditor has it",
        now=blind.assembly.clock.now(),
    )  # fmt: skip
    await blind.ensure_running(payment_id)
    assert (await (await blind.handle(payment_id)).result()).startswith("unconfirmed")
    assert display(await blind.payment(payment_id)).funds is Funds.DEBIT


async def test_not_executed_takes_two_people_and_then_ends_it_for_ever(blind: World) -> None:
    payment_id = await _parked(blind, OnSend.LOST_BEFORE)
    await _past_its_end(blind, payment_id)
    first = await _not_executed(blind, payment_id, "alice")
    again = await _not_executed(blind, payment_id, "alice")
    assert (first.command.outcome, again.command.outcome) == (Outcome.PROPOSED,) * 2
    assert again.view.payment.certainty is Certainty.UNKNOWN
    second = await _not_executed(blind, payment_id, "bob")
    assert second.command.outcome is Outcome.DONE
    assert await (await blind.handle(payment_id)).result() == "rejected: Not executed"
    payment = await blind.payment(payment_id)
    assert payment.certainty is Certainty.NOT_SENT
    assert blind.partner.count("submit") == 1
    assert display(payment).funds is Funds.RELEASE


async def test_nothing_is_decided_about_a_payment_that_is_not_in_question(
    server: DevServer, tmp_path: Path
) -> None:
    async with world(tmp_path / "home", server.address) as made:
        await made.work()
        payment_id = (await made.pay()).payment_id
        await made.until(payment_id, PaymentState.SETTLED)
        with pytest.raises(CannotResolve, match="not in question"):
            await _not_executed(made, payment_id, "alice")


async def test_a_positive_word_after_rejected_freezes_and_a_person_settles_it(
    server: DevServer, tmp_path: Path
) -> None:
    async with world(tmp_path / "home", server.address) as made:
        await made.work()
        made.partner.says(REJECTED)
        payment_id = (await made.pay()).payment_id
        await (await made.handle(payment_id)).result()
        made.partner.says(COMPLETED)
        await _news(made, payment_id)

        async def frozen() -> bool:
            return (await made.payment(payment_id)).is_frozen

        await eventually(frozen, "the contradiction")
        payment = await made.payment(payment_id)
        assert (payment.state, payment.certainty) == (PaymentState.REJECTED, Certainty.UNKNOWN)
        assert display(payment).funds is Funds.KEEP_HOLDING
        assert made.tasks()["contradiction"]
        await operators.executed(made.assembly.commands,
            payment_id, command_id="d1", by="alice", why="it is on the statement",
            now=made.assembly.clock.now(),
        )  # fmt: skip
        await made.ensure_running(payment_id)
        payment = await made.payment(payment_id)
        assert (payment.state, payment.certainty) == (PaymentState.SETTLED, Certainty.SENT)
        assert not made.tasks()["contradiction"]
        assert len(made.partner.effects) == 1


async def test_a_settled_payment_that_is_abandoned_ends_unconfirmed(
    server: DevServer, tmp_path: Path
) -> None:
    async with world(tmp_path / "home", server.address) as made:
        await made.work()
        payment_id = (await made.pay()).payment_id
        await made.until(payment_id, PaymentState.SETTLED)
        await operators.abandon(made.assembly.commands,
            payment_id, command_id="d1", by="alice", why="the partner has closed",
            now=made.assembly.clock.now(),
        )  # fmt: skip
        await made.ensure_running(payment_id)
        assert (await (await made.handle(payment_id)).result()).startswith("unconfirmed")


async def _news(made: World, payment_id: str) -> None:
    await made.assembly.inbox.put(
        partner=BANK,
        partner_account=ACCOUNT,
        event_key=f"e{next(_ids)}",
        partner_reference=made.partner.effects[0].reference,
        body=b"{}",
        now=made.assembly.clock.now(),
    )
    await made.ensure_running(payment_id)
