"""Our own database, restored from an older copy under real processes: nothing is sent again."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from domain.lifecycle.profile import IdempotencyKind, LookupKind
from store.halts import Halts
from tests.polling import eventually
from tests.proof.accounts import bank_account
from tests.proof.arena import Arena, arena
from tests.proof.bank_partner import BANK
from tests.proof.scenarios import Run, Scenario, give, story, until_ended

pytestmark = pytest.mark.timeout(240)

BLIND = tuple(
    Scenario(
        f"forgotten by us, {kind} {lookup}",
        partner=BANK,
        account=bank_account(kind, lookup),
        may_park=lookup is LookupKind.NONE,
    )
    for kind in (IdempotencyKind.NONE, IdempotencyKind.REPLAY_STATE)
    for lookup in (LookupKind.STRONG, LookupKind.NONE)
)


def _copy(file: Path, to: Path) -> None:
    """By SQLite itself, into whatever is there: those who have it open see the older content."""
    with sqlite3.connect(file) as source, sqlite3.connect(to) as target:
        source.backup(target)
    source.close()
    target.close()


async def _until_noted(made: Arena, rounds: int = 2) -> None:
    """So many rounds of upkeep have ended since now: they know how many attempts there are."""
    client = await made.assembly.client()
    query = "WorkflowType = 'UpkeepWorkflow' AND ExecutionStatus = 'Completed'"
    enough = (await client.count_workflows(query)).count + rounds

    async def ended() -> bool:
        return (await client.count_workflows(query)).count >= enough

    await eventually(ended, f"{rounds} rounds of upkeep", 60)


async def _bookings(made: Arena, runs: list[Run]) -> list[int]:
    references = [payment["reference"] for payment in (await made.books()).book["payments"]]
    return [references.count(run.reference) for run in runs]


async def test_what_the_copy_has_forgotten_is_looked_up_or_parked_and_new_sends_are_halted(
    tmp_path: Path,
) -> None:
    async with arena(tmp_path / "home") as made:
        store, copy = made.home / "finality.db", tmp_path / "older.db"
        runs = [await give(made, one) for one in BLIND]
        _copy(store, copy)
        worker = await made.forks.fork("before the loss", upkeep=True)
        assert len(await until_ended(made, runs)) == len(runs)
        await _until_noted(made)
        await worker.kill()
        assert await _bookings(made, runs) == [1] * len(runs)
        _copy(copy, store)
        standing = await made.standing([run.payment_id for run in runs])
        assert {one.state for one in standing.values()} == {"created"}
        await made.forks.fork("after the loss", upkeep=True)
        ended = await until_ended(made, [run for run in runs if not run.scenario.may_park])
        for run in runs:
            assert run.scenario.may_park or run.reference in ended, await story(made, run)
        [halt] = await Halts(made.assembly.database).in_force()
        assert "set back" in halt.why
        await Halts(made.assembly.database).lift(halt.number, by="ada", now=halt.halted_at)
        ended = await until_ended(made, runs)
        for run in runs:
            assert run.reference in ended, await story(made, run)
        assert await _bookings(made, runs) == [1] * len(runs)
