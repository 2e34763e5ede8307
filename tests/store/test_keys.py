"""A store knows its keys by canaries: the same id with other bytes is another keyring."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlmodel import Session, col, delete, select

from store import keys, schema
from store.database import Database
from store.finding import ANYTHING
from store.keyring import Keyring, KeyringError, new_line
from store.keys import MissingKeys, WrongKeyring, missing_keys, prove
from store.tables.lifecycles import LifecycleRow
from store.tables.people import TaskRow
from store.tables.upkeep import KeyRow
from tests.clock import SteppedClock
from tests.store.books import KEYRING, Store, opened
from tests.store.processes import together

OTHER_BYTES = Keyring({"test-1": b"x" * 32}, "test-1")
STRANGER = Keyring({"other": b"o" * 32}, "other")
ROLLED = Keyring({"test-2": b"n" * 32, "test-1": b"k" * 32}, "test-2")


@pytest.fixture
def proven(store: Store) -> Store:
    prove(store.database, KEYRING, store.clock.now())
    return store


def _key_ids(store: Store) -> set[str]:
    return store.rows(lambda session: set(session.exec(select(KeyRow.key_id))))


@pytest.mark.parametrize("ring", [OTHER_BYTES, STRANGER])
async def test_another_keyring_is_refused_before_anything_is_done(
    proven: Store, ring: Keyring
) -> None:
    ring = Keyring(ring._keys, ring.current, Path("/etc/finality/keyring"))
    with pytest.raises(
        WrongKeyring, match=r"/etc/finality/keyring.*'test-1'.*is copied, never made"
    ):
        prove(proven.database, ring, proven.clock.now())
    assert _key_ids(proven) == {"test-1"}


@pytest.mark.parametrize("ring", [OTHER_BYTES, STRANGER])
async def test_an_order_that_others_could_never_open_is_not_acknowledged(
    store: Store, ring: Keyring
) -> None:
    """Also where the process was started before the store had any key."""
    other = replace(store, keyring=ring)
    await store.accept()
    with pytest.raises(WrongKeyring):
        await other.accept("k2", payment_id="pay_2")
    other.close()
    assert [
        found.payment_id for found in (await store.payments.find(ANYTHING, limit=9)).records
    ] == ["pay_1"]


async def test_the_first_order_notes_its_key_in_the_same_transaction(store: Store) -> None:
    assert _key_ids(store) == set()
    await store.accept()
    assert _key_ids(store) == {"test-1"}


async def test_a_new_key_comes_beside_a_known_one(proven: Store) -> None:
    prove(proven.database, ROLLED, proven.clock.now())
    assert _key_ids(proven) == {"test-1", "test-2"}
    prove(proven.database, KEYRING, proven.clock.now())
    wrong = Keyring({"test-1": b"k" * 32, "test-2": b"m" * 32}, "test-1")
    with pytest.raises(WrongKeyring, match="'test-2'"):
        prove(proven.database, wrong, proven.clock.now())


async def test_each_process_is_told_the_oldest_key_of_its_ring(proven: Store) -> None:
    """Also if the clock of the process that brought the new key was behind."""
    behind = proven.clock.now() - timedelta(days=1)
    assert prove(proven.database, ROLLED, behind).oldest == "test-1"
    assert prove(proven.database, KEYRING, behind).oldest == "test-1"
    alone = Keyring({"test-2": b"n" * 32}, "test-2")
    assert prove(proven.database, alone, behind).oldest == "test-2"


async def test_a_store_of_an_earlier_release_is_proven_by_its_payments(store: Store) -> None:
    await store.accept()
    store.database.write_now(lambda session: session.exec(delete(KeyRow)))
    for ring in (OTHER_BYTES, STRANGER):
        with pytest.raises(WrongKeyring, match="'test-1'"):
            prove(store.database, ring, store.clock.now())
    prove(store.database, ROLLED, store.clock.now())
    assert _key_ids(store) == {"test-1", "test-2"}
    with pytest.raises(WrongKeyring):
        prove(store.database, OTHER_BYTES, store.clock.now())


async def test_a_canary_of_another_key_does_not_pass_for_this_one(proven: Store) -> None:
    prove(proven.database, ROLLED, proven.clock.now())

    def swap(session: Session) -> None:
        one, two = session.get_one(KeyRow, "test-1"), session.get_one(KeyRow, "test-2")
        one.canary_sealed, two.canary_sealed = two.canary_sealed, one.canary_sealed

    proven.database.write_now(swap)
    with pytest.raises(WrongKeyring):
        prove(proven.database, ROLLED, proven.clock.now())


async def test_a_new_keyring_is_made_only_for_a_store_without_keys(store: Store) -> None:
    keys.require_never_sealed(store.database, Path("keyring"))
    await store.accept()
    with pytest.raises(WrongKeyring, match=r"no keyring at there.*sealed with 'test-1'.*Copy"):
        keys.require_never_sealed(store.database, Path("there"))


def _first(where: Path | str, meeting: Path, number: int) -> bool:
    database = opened(where)
    ring = Keyring({"development-1": bytes([number]) * 32}, "development-1")
    together(meeting, 4)
    try:
        prove(database, ring, SteppedClock().now())
    except WrongKeyring:
        return False
    finally:
        database.close()
    return True


def test_of_four_keyrings_that_meet_on_a_new_store_one_is_its_keyring(
    where: Path | str, tmp_path: Path, processes: ProcessPoolExecutor
) -> None:
    database = opened(where)
    schema.upgrade(database)
    asked = [processes.submit(_first, where, tmp_path / "meeting", n) for n in range(4)]
    assert [future.result(60) for future in asked].count(True) == 1
    database.close()


async def test_what_cannot_be_opened_is_listed_with_the_rest(store: Store) -> None:
    await store.accept()
    rolled = replace(store, keyring=ROLLED)
    await rolled.accept("k2", payment_id="pay_2")
    rolled.close()
    by_id = {
        found.payment_id: found for found in (await store.payments.find(ANYTHING, limit=9)).records
    }
    sealed = by_id["pay_2"]
    assert sealed.sealed is not None
    assert "sealed with key 'test-2', which the keyring lacks" in sealed.sealed
    assert (sealed.creditor, sealed.end_to_end_id) == ("", "")
    assert sealed.payment.amounts.instructed == by_id["pay_1"].payment.amounts.instructed
    assert sealed.creditor_account == by_id["pay_1"].creditor_account
    assert by_id["pay_1"].sealed is None
    missing = store.rows(lambda session: missing_keys(session, KEYRING))
    assert missing == [MissingKeys("test-2", 1)]


def _open_tasks(store: Store) -> list[TaskRow]:
    rows = store.rows(lambda session: session.exec(select(TaskRow)).all())
    return [row for row in rows if row.kind == "sealed" and row.closed_at is None]


async def test_a_missing_key_opens_a_task_once_until_it_is_back(store: Store) -> None:
    await store.accept()
    rolled = replace(store, keyring=ROLLED)
    await rolled.accept("k2", payment_id="pay_2")
    assert await store.payments.ask_to_open(store.clock.now(), limit=9) == 1
    store.clock.step(timedelta(minutes=1))
    assert await store.payments.ask_to_open(store.clock.now(), limit=9) == 0
    [task] = _open_tasks(store)
    assert task.resource_id == "pay_2"
    assert "sealed with key 'test-2'" in task.question
    assert await rolled.payments.ask_to_open(store.clock.now(), limit=9) == 0
    assert _open_tasks(store) == []
    rolled.close()


async def test_a_value_of_another_payment_is_asked_about_and_hides_no_other(store: Store) -> None:
    await store.accept("k1", payment_id="pay_1")
    await store.accept("k2", payment_id="pay_2")

    def swap(session: Session) -> None:
        one, two = session.get_one(LifecycleRow, "pay_1"), session.get_one(LifecycleRow, "pay_2")
        one.request_sealed = two.request_sealed

    store.database.write_now(swap)
    asked = await store.payments.refold(["pay_1", "pay_2"], store.clock.now())
    assert asked == (1, ["pay_1"])
    [task] = _open_tasks(store)
    assert task.resource_id == "pay_1"


def test_the_id_of_a_new_key_is_derived_from_it(tmp_path: Path) -> None:
    file = tmp_path / "keyring"
    line = new_line("production")
    file.write_text(line)
    file.chmod(0o600)
    ring = Keyring.read(file)
    assert ring.current == line.partition(":")[0]
    assert ring.file == file
    key_id, _, key = line.strip().partition(":")
    other = new_line("production").strip().partition(":")[2]
    assert key != other
    file.write_text(f"{key_id}:{other}\n")
    with pytest.raises(
        KeyringError, match=r"stands beside another key.*Copy the whole line"
    ) as error:
        Keyring.read(file)
    assert other not in str(error.value)


def test_two_development_keyrings_have_different_ids(tmp_path: Path) -> None:
    rings = []
    for home in ("a", "b"):
        Keyring.make(tmp_path / home / "keyring")
        rings.append(Keyring.read(tmp_path / home / "keyring"))
    assert rings[0].current != rings[1].current
    assert all(ring.current.startswith("development-") for ring in rings)


@pytest.fixture
def earlier(bare: Path | str) -> Iterator[Database]:
    made = opened(bare)
    schema.migrate(made, "0003")
    yield made
    made.close()


def test_a_schema_without_keys_gets_the_table_and_the_key_of_whoever_opens_it(
    earlier: Database, clock: SteppedClock
) -> None:
    schema.upgrade(earlier)
    prove(earlier, KEYRING, clock.now())
    found = earlier.read_now(lambda s: s.exec(select(KeyRow).order_by(col(KeyRow.key_id))).all())
    assert [row.key_id for row in found] == ["test-1"]
    assert b"canary" not in found[0].canary_sealed
