"""Restores on a real Temporal server: of both from one copy, of the store alone, of none."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from temporalio.client import WorkflowExecutionStatus

from domain.ids import payment_id_of
from domain.lifecycle.profile import IdempotencyKind, LookupKind
from domain.lifecycle.resource import Certainty
from domain.lifecycle.witness import Known
from domain.payments.report import PaymentState
from local.temporal_server import DevServer
from store.halts import Halt, Halts
from tests.fakes import ListingPartner, order, profile
from tests.polling import eventually
from tests.servers import dev_server
from tests.store.copies import copy_of, set_back
from tests.words import COMPLETED, READY
from tests.workflows.test_set_back import _upkeep
from tests.world import World, world
from worker import look_back

SETTLED = PaymentState.SETTLED


@asynccontextmanager
async def _process(
    where: Path | str, home: Path, server: DevServer, partner: ListingPartner | None = None
) -> AsyncIterator[World]:
    """A process of ours on that database, as `worker.py` starts it."""
    url = where if isinstance(where, str) else f"sqlite:///{where}"
    async with world(home, server.address, partner=partner, database_url=url) as made:
        await look_back(made.assembly, await made.assembly.client())
        await made.work()
        yield made


def _copied(database: Path, to: Path) -> None:
    """A database's file and its write-ahead log, in place of those that are there."""
    to.mkdir(exist_ok=True)
    for late in to.glob(f"{database.name}*"):
        late.unlink()
    for file in database.parent.glob(f"{database.name}*"):
        shutil.copy(file, to)


async def _halt(made: World) -> Halt:
    async def found() -> Halt | None:
        halts = await Halts(made.assembly.database).in_force()
        return halts[0] if halts else None

    halt: Halt = await eventually(found, "the halt")
    return halt


def _partner(made: World, kind: IdempotencyKind) -> ListingPartner:
    return ListingPartner(profile(kind, LookupKind.STRONG), made.assembly.clock)


@pytest.mark.parametrize("kind", [IdempotencyKind.REJECT_DUPLICATE, IdempotencyKind.NONE])
async def test_store_and_temporal_restored_from_one_copy_pay_nothing_twice(
    where: Path | str, tmp_path: Path, kind: IdempotencyKind
) -> None:
    """Stop, copy both, pay, restore both, pay the same again: it was paid twice, without a halt."""
    file, kept = tmp_path / "temporal.db", tmp_path / "kept"
    server = await dev_server(tmp_path / "log", file)
    try:
        async with world(tmp_path / "first", server.address) as first:
            partner = _partner(first, kind)
        async with _process(where, tmp_path, server, partner) as made:
            await _upkeep(made)
            copy = copy_of(made.assembly.database)
        server.kill()
        _copied(file, kept)
        server = await dev_server(tmp_path / "log", file)
        async with _process(where, tmp_path, server, partner) as made:
            ordered = order(made.assembly.clock.now())
            paid = (await made.pay(of=ordered)).payment_id
            await made.until(paid, SETTLED)
            set_back(made.assembly.database, copy)
        server.kill()
        _copied(kept / file.name, tmp_path)
        server = await dev_server(tmp_path / "log", file)
        async with _process(where, tmp_path, server, partner) as made:
            again = (await made.pay(of=ordered)).payment_id
            assert again == paid == payment_id_of("shop", "k")
            halt = await _halt(made)
            assert "shows a payment that this database does not know" in halt.why
            await _upkeep(made)
            await Halts(made.assembly.database).lift(
                halt.number, by="alice", now=made.assembly.clock.now()
            )
            await made.ensure_running(paid)
            await made.until(paid, SETTLED)
        assert len(partner.effects) == 1
    finally:
        server.kill()


async def test_a_store_set_back_under_running_workers_and_overtaken_is_found(
    where: Path | str, server: DevServer, tmp_path: Path
) -> None:
    """More attempts than were known, and the payment that was sent has no run that remembers."""
    async with world(tmp_path / "first", server.address) as first:
        partner = _partner(first, IdempotencyKind.NONE)
    async with _process(where, tmp_path, server, partner) as made:
        await _upkeep(made)
        waits = await made.record_only("waits", of=order(made.assembly.clock.now()))
        copy = copy_of(made.assembly.database)
        await made.ensure_running(waits)
        await made.until(waits, SETTLED)
        last = await _upkeep(made)
        await (await made.handle(waits)).terminate("it remembers nothing any more")
        set_back(made.assembly.database, copy)
        for name in ("more", "and more"):
            fresh = order(made.assembly.clock.now(), end_to_end_id=name)
            await made.until((await made.pay(name, of=fresh)).payment_id, SETTLED)
        assert made.attempts() == 2, "twice as many as were known"
        assert await Halts(made.assembly.database).in_force() == []
        await made.assembly.rounds.prove(Known(mark=last), made.assembly.clock.now())
        assert f"it does not have round {last.number} of upkeep" in (await _halt(made)).why
        assert (await made.payment(waits)).certainty is Certainty.UNKNOWN
        await made.ensure_running(waits)
        await made.until(waits, SETTLED)
        assert len(partner.effects) == 3, "looked up, not sent again"


async def test_a_run_whose_payment_is_gone_halts_everything_and_waits_for_the_right_database(
    where: Path | str, server: DevServer, tmp_path: Path
) -> None:
    async with world(tmp_path / "first", server.address) as first:
        partner = _partner(first, IdempotencyKind.NONE)
    async with _process(where, tmp_path, server, partner) as made:
        database = made.assembly.database
        before = copy_of(database)
        partner.says(READY)
        paid = (await made.pay()).payment_id
        await made.until(paid, PaymentState.ACCEPTED)
        after = copy_of(database)
        set_back(database, before)
        await made.ensure_running(paid)
        assert f"it does not have payment {paid}, although" in (await _halt(made)).why
        fresh = order(made.assembly.clock.now(), end_to_end_id="another")
        other = (await made.pay("another", of=fresh)).payment_id
        described = await (await made.handle(paid)).describe()
        assert described.status is WorkflowExecutionStatus.RUNNING, "it may be all that knows of it"
        assert (await made.payment(other)).state is PaymentState.CREATED
        partner.says(COMPLETED)
        set_back(database, after)
        await made.ensure_running(paid)
        await made.until(paid, SETTLED)
        assert partner.count("submit") == 1


async def test_a_new_database_beside_a_temporal_that_knows_another_halts_at_the_start(
    where: Path | str, server: DevServer, tmp_path: Path
) -> None:
    """Somebody deleted the store's file, or the URL names the wrong database."""
    async with world(tmp_path / "lost", server.address) as lost:
        await lost.work()
        await _upkeep(lost)
    async with _process(where, tmp_path, server) as made:
        assert "it is not the database that this Temporal knows" in (await _halt(made)).why
        paid = (await made.pay(patience=timedelta(seconds=2))).payment_id
        assert (await made.payment(paid)).state is PaymentState.CREATED
        assert made.attempts() == 0
