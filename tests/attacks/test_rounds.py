"""A stranger at Temporal ends rounds of upkeep in our name, and the database is set back.

What the last round left is the mark by which a set-back database is found. A result that is not
ours must not make us forget it, and must not stop upkeep for good.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from temporalio.api.common.v1 import Payload

from domain.ids import UPKEEP
from domain.lifecycle.resource import Certainty
from domain.lifecycle.witness import Known
from domain.payments.report import PaymentState
from local.temporal_server import DevServer
from starter.converter import Refused
from store import keys, schema
from store.database import Database
from store.halts import Halts
from store.keyring import Keyring
from store.keys import WrongKeyring
from store.rounds import NotProven
from terminal.doctor.temporal import last_round
from tests.attacks.strangers import FORGED_ATTEMPTS, Stranger, stranger
from tests.clock import SteppedClock
from tests.fakes import profile
from tests.polling import eventually
from tests.store.books import Store
from tests.words import READY
from tests.workflows.test_set_back import _copy, _restore, _upkeep
from tests.world import KEYRING, World, world
from worker import look_back
from workflows.upkeep import UpkeepWorkflow, known

GARBAGE = {"said": "forged", "attempts": FORGED_ATTEMPTS, "at": "2026-01-01T00:00:00Z"}


def lost_key(place: str) -> Payload:
    """What claims to be sealed with a key that nobody has."""
    metadata = {"encoding": b"binary/encrypted", "encryption-key-id": b"lost-key",
                "sealed-for": place.encode()}  # fmt: skip
    return Payload(metadata=metadata, data=b"lost-key\0" + bytes(60))


async def _visible(made: World, rounds: int) -> None:
    """Until Temporal lists so many rounds that ended."""
    client = await made.assembly.client()
    query = f"WorkflowId STARTS_WITH '{UPKEEP}' AND ExecutionStatus = 'Completed'"

    async def listed() -> bool:
        return (await client.count_workflows(query)).count >= rounds

    await eventually(listed, "the rounds in Temporal's list")


async def _ended_by_a_stranger(made: World, server: DevServer) -> None:
    """A round in our name, while no worker of ours runs."""
    evil = await stranger(server.address)
    async with evil.works():
        await evil.starts(UpkeepWorkflow.__name__, f"{UPKEEP}-by-hand")
        await evil.client.get_workflow_handle(f"{UPKEEP}-by-hand").result()
    await _visible(made, 1)


async def _round_after(made: World, evil: Stranger, last_result: Any) -> None:
    """A round of ours that is given this result as the last one's."""
    await evil.starts(UpkeepWorkflow.__name__, UPKEEP, last_result=last_result)
    await (await made.assembly.client()).get_workflow_handle(UPKEEP).result()


def test_a_result_that_is_not_ours_is_not_taken_for_no_round_yet() -> None:
    assert known(Refused("a payload is not ours")) == Known(refused="a payload is not ours")
    assert known(None) == Known()


@pytest.mark.parametrize(
    "last_result", [GARBAGE, lost_key(f"workflow {UPKEEP}")], ids=["clear", "lost key"]
)
async def test_a_round_whose_last_result_is_a_strangers_still_finds_the_set_back(
    server: DevServer, tmp_path: Path, last_result: Any
) -> None:
    home, copy = tmp_path / "home", tmp_path / "copy.db"
    slow = profile(read_pause=timedelta(minutes=10))
    async with world(home, server.address, of=slow) as made:
        payment_id = await made.record_only()
        await made.work()
        await _upkeep(made)
        _copy(home, copy)
        made.partner.says(READY)
        await made.ensure_running(payment_id)
        await made.until(payment_id, PaymentState.ACCEPTED)
        await _upkeep(made)
        await _visible(made, 2)
        partner = made.partner
        await (await made.handle(payment_id)).terminate("its run was lost as well")
    _restore(home, copy)
    async with world(home, server.address, partner=partner) as made:
        await made.work()
        await _round_after(made, await stranger(server.address), last_result)
        [halt] = await Halts(made.assembly.database).in_force()
        assert "it does not have round 2 of upkeep" in halt.why
        assert (await made.payment(payment_id)).certainty is Certainty.UNKNOWN


@pytest.mark.parametrize(
    "last_result", [GARBAGE, lost_key(f"workflow {UPKEEP}")], ids=["clear", "lost key"]
)
async def test_upkeep_goes_on_after_a_strangers_result(
    server: DevServer, tmp_path: Path, last_result: Any
) -> None:
    async with world(tmp_path / "home", server.address) as made:
        await made.work()
        first = await _upkeep(made)
        await _visible(made, 1)
        await _round_after(made, await stranger(server.address), last_result)
        assert await Halts(made.assembly.database).in_force() == []
        assert (await _upkeep(made)).number == first.number + 2


async def test_where_no_round_is_ours_nothing_starts_and_doctor_says_why(
    server: DevServer, tmp_path: Path
) -> None:
    """The stranger has deleted our rounds, and left their own."""
    async with world(tmp_path / "home", server.address) as made:
        client = await made.assembly.client()
        await _ended_by_a_stranger(made, server)
        await look_back(made.assembly, client)  # The first start: there is nothing to prove yet.
        await made.assembly.rounds.prove(Known(), made.assembly.clock.now())
        with pytest.raises(NotProven, match="Rounds of upkeep that are not ours"):
            await look_back(made.assembly, client)
        [examined] = [one async for one in last_round(made.assembly, client)]
        assert "none of the 1 rounds in Temporal is ours" in examined.found
        assert "docs/operations.md" in examined.remedy
        assert await Halts(made.assembly.database).in_force() == []


async def test_a_round_fails_where_no_round_is_ours(store: Store, clock: SteppedClock) -> None:
    refused = Known(refused="none of the 3 rounds in Temporal is ours")
    mark, missing = await store.rounds.prove(refused, clock.now())
    assert (mark.number, missing) == (1, ""), "the database has never seen a round either"
    with pytest.raises(NotProven, match="is ours"):
        await store.rounds.prove(refused, clock.now())


async def test_a_keyring_that_lacks_a_key_of_the_store_skips_no_round(
    server: DevServer, tmp_path: Path
) -> None:
    """Later rounds that it cannot open may be ours."""
    async with world(tmp_path / "home", server.address) as made:
        await made.record_only()  # Sealed, so that the store knows the key.
        client = await made.assembly.client()
        await _ended_by_a_stranger(made, server)
        await look_back(made.assembly, client)
        made.assembly.keyring = Keyring({"later": b"l" * 32}, "later")
        with pytest.raises(WrongKeyring, match="the keyring lacks"):
            await look_back(made.assembly, client)


async def test_a_process_with_a_new_first_key_leaves_no_round_that_the_others_cannot_open(
    server: DevServer, tmp_path: Path
) -> None:
    """Somebody made the new key the first one in one keyring, before the others had it."""
    home, rolled = tmp_path / "home", Keyring({"new": b"n" * 32, **KEYRING._keys}, "new")
    numbers = []
    for ring in (KEYRING, rolled, KEYRING):
        async with world(home, server.address, keyring=_proven(home, ring)) as made:
            await look_back(made.assembly, await made.assembly.client())
            await made.work()
            numbers.append((await _upkeep(made)).number)
            await _visible(made, len(numbers))
            assert await Halts(made.assembly.database).in_force() == []
    assert numbers == sorted(set(numbers)), "each round knew the one before it"


def _proven(home: Path, ring: Keyring) -> Keyring:
    """As each process proves its keyring when it starts."""
    home.mkdir(exist_ok=True)
    database = Database(f"sqlite:///{home / 'finality.db'}")
    schema.upgrade(database)
    proven = keys.prove(database, ring, datetime.now(UTC))
    database.close()
    return proven
