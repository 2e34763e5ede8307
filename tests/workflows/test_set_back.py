"""Our own database, restored from an older copy: what it has forgotten is never sent again."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from domain.lifecycle.profile import IdempotencyKind, LookupKind, Profile
from domain.lifecycle.resource import Certainty
from domain.lifecycle.witness import Mark
from domain.payments.report import PaymentState
from local.temporal_server import DevServer
from store.halts import Halts
from tests.fakes import FakePartner, profile
from tests.polling import eventually
from tests.words import OnSend
from tests.world import World, world
from worker import look_back
from workflows.upkeep import UpkeepWorkflow

SETTLED = PaymentState.SETTLED


def _copy(home: Path, to: Path) -> None:
    with sqlite3.connect(home / "finality.db") as source, sqlite3.connect(to) as target:
        source.backup(target)


def _restore(home: Path, copy: Path) -> None:
    for old in home.glob("finality.db*"):
        old.unlink()
    copy.rename(home / "finality.db")


async def _upkeep(made: World, *, id: str = "finality-upkeep") -> Mark:
    client = await made.assembly.client()
    done = await client.execute_workflow(UpkeepWorkflow.run, id=id, task_queue="finality")
    assert done.mark is not None
    return done.mark


@asynccontextmanager
async def _again(home: Path, server: DevServer, partner: FakePartner) -> AsyncIterator[World]:
    """The next process, on the restored copy, as `worker.py` starts it."""
    async with world(home, server.address, partner=partner) as made:
        await look_back(made.assembly, await made.assembly.client())
        await made.work()
        yield made


@pytest.mark.parametrize(
    ("of", "end"),
    [
        (profile(IdempotencyKind.NONE, LookupKind.STRONG), SETTLED),
        (profile(IdempotencyKind.NONE, LookupKind.NONE), None),
        (profile(IdempotencyKind.REPLAY_STATE, LookupKind.NONE), None),
    ],
)
async def test_what_was_sent_after_the_copy_was_made_is_looked_up_or_parked(
    server: DevServer, tmp_path: Path, of: Profile, end: PaymentState | None
) -> None:
    home, copy = tmp_path / "home", tmp_path / "copy.db"
    async with world(home, server.address, of=of) as made:
        payment_id = await made.record_only()
        _copy(home, copy)
        await made.work()
        await made.ensure_running(payment_id)
        await made.until(payment_id, SETTLED)
        await _upkeep(made)
        partner = made.partner
        await (await made.handle(payment_id)).terminate("its run was lost as well")
    _restore(home, copy)
    async with _again(home, server, partner) as made:
        [halt] = await Halts(made.assembly.database).in_force()
        assert "it is not the database" in halt.why, "the copy is older than its first round"
        await made.ensure_running(payment_id)
        if end is not None:
            await made.until(payment_id, end)
        else:
            payment = await made.payment(payment_id)
            assert payment.certainty is Certainty.UNKNOWN
            await Halts(made.assembly.database).lift(
                halt.number, by="alice", now=made.assembly.clock.now()
            )
            await made.ensure_running(payment_id)

            async def settled_or_asked() -> bool:
                state = (await made.payment(payment_id)).state
                return state is SETTLED or made.tasks().get("parked", False)

            await eventually(settled_or_asked, "its end, or the question to a person")
        assert len(partner.effects) == 1


async def _tried_after_the_copy(made: World, home: Path, copy: Path) -> str:
    """A payment of which the copy knows no attempt; its run saw one that could not connect."""
    payment_id = await made.record_only()
    _copy(home, copy)
    made.partner.on_send.append(OnSend.NOTHING_LEFT)
    await made.work()
    await made.ensure_running(payment_id)

    async def tried() -> bool:
        view = await made.assembly.payments.view(payment_id)
        return bool(view.instructions[0].book.attempts) and made.partner.calls != []

    await eventually(tried, "the first attempt")
    return payment_id


async def test_a_run_that_remembers_more_attempts_than_the_book_stops_everything(
    server: DevServer, tmp_path: Path
) -> None:
    """No round of upkeep saw them: the workflow itself did."""
    home, copy = tmp_path / "home", tmp_path / "copy.db"
    slow = profile(operation={"pause": timedelta(seconds=3)})
    async with world(home, server.address, of=slow) as made:
        payment_id = await _tried_after_the_copy(made, home, copy)
        partner = made.partner
    _restore(home, copy)
    async with _again(home, server, partner) as made:

        async def halted() -> bool:
            return bool(await Halts(made.assembly.database).in_force())

        await eventually(halted, "the halt")
        [halt] = await Halts(made.assembly.database).in_force()
        assert f"{payment_id}/pay/1 has 0 of 1 attempts" in halt.why
        assert partner.effects == []
        await _upkeep(made)  # Only then it may be lifted.
        await Halts(made.assembly.database).lift(
            halt.number, by="alice", now=made.assembly.clock.now()
        )
        await made.ensure_running(payment_id)
        await made.until(payment_id, SETTLED)
        assert len(partner.effects) == 1


async def test_a_run_does_not_end_by_what_a_copy_says_that_has_forgotten_an_attempt(
    server: DevServer, tmp_path: Path
) -> None:
    """Cancelled on the copy as unsent: the run would end, and with it all that knows better."""
    home, copy = tmp_path / "home", tmp_path / "copy.db"
    slow = profile(operation={"pause": timedelta(seconds=3)})
    async with world(home, server.address, of=slow) as made:
        payment_id = await _tried_after_the_copy(made, home, copy)
        partner = made.partner
    _restore(home, copy)
    async with world(home, server.address, partner=partner) as made:
        now = made.assembly.clock.now()
        await made.assembly.commands.cancel(
            payment_id, command_id="c", by="alice", why="no", now=now
        )
        assert (await made.payment(payment_id)).state is PaymentState.CANCELLED
        await made.work()
        await made.ensure_running(payment_id)

        async def found() -> bool:
            halts = await Halts(made.assembly.database).in_force()
            return any(f"{payment_id}/pay/1 has 0 of 1 attempts" in halt.why for halt in halts)

        await eventually(found, "the halt")

        async def proven() -> bool:
            payment = await made.payment(payment_id)
            return payment.certainty is not Certainty.UNKNOWN

        await eventually(proven, "the proof that it was not executed")
        assert partner.count("find") >= 2
        assert (await made.payment(payment_id)).state is PaymentState.CANCELLED


async def test_a_database_that_only_grew_halts_nothing(server: DevServer, tmp_path: Path) -> None:
    async with world(tmp_path / "home", server.address) as made:
        await made.work()
        first = await _upkeep(made)
        payment_id = (await made.pay()).payment_id
        await made.until(payment_id, SETTLED)
        assert (await _upkeep(made)).number == first.number + 1
        await look_back(made.assembly, await made.assembly.client())
        assert await Halts(made.assembly.database).in_force() == []
