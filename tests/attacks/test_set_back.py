"""A database restored from an older copy, with somebody about who makes the runs look."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from domain.lifecycle.command import Outcome
from domain.lifecycle.resource import Certainty
from domain.lifecycle.witness import Known, Mark
from domain.payments.report import PaymentState
from local.temporal_server import DevServer
from store.books import FORGOTTEN
from store.halts import Halts
from store.keyring import Keyring
from store.timeline import EntryKind, Timelines
from tests.clock import SteppedClock
from tests.fakes import profile
from tests.polling import eventually
from tests.store.books import KEYRING, PAYMENT, Store
from tests.store.moments import cancel, nothing_sent
from tests.words import READY
from tests.workflows.test_set_back import _copy, _restore, _upkeep
from tests.world import World, world
from worker import look_back


async def _sent_after_a_copy(made: World, home: Path, copy: Path) -> str:
    payment_id = await made.record_only()
    _copy(home, copy)
    made.partner.says(READY)
    await made.work()
    await made.ensure_running(payment_id)
    await made.until(payment_id, PaymentState.ACCEPTED)
    return payment_id


async def test_a_run_that_looks_at_the_copy_first_still_knows_what_it_has_sent(
    server: DevServer, tmp_path: Path
) -> None:
    """It loads a payment of which nothing was sent, and has sent it."""
    home, copy = tmp_path / "home", tmp_path / "copy.db"
    slow = profile(read_pause=timedelta(minutes=10))
    async with world(home, server.address, of=slow) as made:
        payment_id = await _sent_after_a_copy(made, home, copy)
        partner = made.partner
    _restore(home, copy)
    async with world(home, server.address, partner=partner) as made:
        await made.work()
        await made.ensure_running(payment_id)

        async def acted() -> bool:
            return made.attempts() > 0

        await eventually(acted, "the attempt that was forgotten, or another")
        [halt] = await Halts(made.assembly.database).in_force()
        assert f"{payment_id}/pay/1 has 0 of 1 attempts" in halt.why
        assert len(partner.effects) == 1
        assert partner.count("submit") == 1


def _lost(store: Store, at: datetime | None = None) -> Known:
    """A round that Temporal remembers, and this store does not."""
    return Known(mark=Mark(installation="i", number=7, nonce="n"), at=at)


async def test_a_payment_that_cannot_be_opened_is_doubted_and_halted_all_the_same(
    store: Store, clock: SteppedClock
) -> None:
    """An old copy may have been sealed by a key that was put away since."""
    await store.accept()
    newer = replace(store, keyring=Keyring({"test-2": b"n" * 32}, "test-2"))
    _, missing = await newer.rounds.prove(_lost(store), clock.now())
    assert missing
    assert len(await Halts(store.database).in_force()) == 1
    [instruction] = (await store.payments.view(PAYMENT)).instructions
    assert instruction.book.in_doubt
    newer.close()


async def test_what_was_cancelled_on_the_copy_is_looked_up_before_anybody_is_told_so(
    server: DevServer, tmp_path: Path
) -> None:
    """Sent after the copy was made, and taken back on it, where nobody knows that it was sent."""
    home, copy = tmp_path / "home", tmp_path / "copy.db"
    slow = profile(cancels=True, read_pause=timedelta(minutes=10))
    async with world(home, server.address, of=slow) as made:
        payment_id = await _sent_after_a_copy(made, home, copy)
        await _upkeep(made)
        partner = made.partner
    _restore(home, copy)
    async with world(home, server.address, partner=partner) as made:
        now = made.assembly.clock.now()
        said = await made.assembly.commands.cancel(
            payment_id, command_id="c1", by="shop", why="", now=now
        )
        assert said.command.outcome is Outcome.DONE, "the copy knows no better"
        await look_back(made.assembly, await made.assembly.client())
        assert (await made.payment(payment_id)).certainty is Certainty.UNKNOWN
        await made.work()
        await made.ensure_running(payment_id)
        await made.until(payment_id, PaymentState.CANCELLED)
        assert partner.count("cancel") == 1, "it was found, and taken back at the partner"
        assert partner.count("submit") == 1


async def test_what_was_cancelled_before_the_copy_was_made_stays_cancelled(
    store: Store, clock: SteppedClock
) -> None:
    await nothing_sent(store)
    await cancel(store)
    clock.step(timedelta(minutes=2))
    await store.rounds.prove(_lost(store, clock.now()), clock.now())
    view = await store.payments.view(PAYMENT)
    assert (view.payment.state, view.payment.certainty) == (
        PaymentState.CANCELLED,
        Certainty.NOT_SENT,
    )


async def test_who_finds_it_a_second_time_halts_and_doubts_nothing_anew(
    store: Store, clock: SteppedClock
) -> None:
    """A worker that starts and a round of upkeep know of the same mark."""
    await nothing_sent(store)
    known = _lost(store, clock.now())
    for _ in range(2):
        clock.step(timedelta(seconds=1))
        await store.rounds.prove(known, clock.now())
    assert len(await Halts(store.database).in_force()) == 1
    [instruction] = (await store.payments.view(PAYMENT)).instructions
    assert len(instruction.book.attempts) == 1
    entries = await Timelines(store.database, KEYRING).of(PAYMENT)
    attempts = [entry.text for entry in entries if entry.kind is EntryKind.ATTEMPT]
    assert attempts == [f"attempt 1: counts as sent, since it {FORGOTTEN}"]
