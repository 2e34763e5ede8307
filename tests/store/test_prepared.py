"""One beneficiary for one creditor, whoever looks for it at the same moment."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from domain.lifecycle.answers import NotReady, PreparedKey, PreparedObject
from store.keyring import Keyring
from store.prepared import LEASE, PreparedObjects
from tests.clock import SteppedClock
from tests.fakes import CREDITOR_IBAN, CREDITOR_NAME
from tests.store.books import KEYRING, Store

KEY = PreparedKey("https://bank.test:443", "beneficiary", f"{CREDITOR_IBAN} {CREDITOR_NAME}")
SHOWN = f"{CREDITOR_NAME.upper()} {CREDITOR_IBAN}"


def _objects(store: Store, keyring: Keyring = KEYRING) -> PreparedObjects:
    return PreparedObjects(store.database, keyring, store.clock, "bank")


async def test_of_many_at_once_one_makes_it_and_the_others_wait(store: Store) -> None:
    beside = store.beside()
    books = [_objects(store), _objects(beside)] * 5
    claims = await asyncio.gather(*(book.claim(KEY, f"p{n}") for n, book in enumerate(books)))
    assert claims.count(None) == 1
    assert sum(isinstance(claim, NotReady) for claim in claims) == len(books) - 1
    maker = claims.index(None)
    assert await books[maker].extend(KEY, f"p{maker}")
    await books[maker].made(KEY, "ben-1", SHOWN)
    for book in books:
        known = await book.claim(KEY, "late")
        assert isinstance(known, PreparedObject)
        assert known.reference == "ben-1"
        assert known.is_as_made(SHOWN)
        assert not known.is_as_made(f"{SHOWN}!")
    beside.close()


async def test_who_dies_making_it_holds_up_the_others_for_a_lease(
    store: Store, clock: SteppedClock
) -> None:
    book = _objects(store)
    assert await book.claim(KEY, "dead") is None
    assert isinstance(await book.claim(KEY, "next"), NotReady)
    clock.step(LEASE)
    assert await book.claim(KEY, "next") is None
    assert not await book.extend(KEY, "dead"), "it comes back, and may not make another one"
    assert await book.extend(KEY, "next")
    await book.made(KEY, "ben-1", SHOWN)
    assert (await book.made(KEY, "ben-2", SHOWN)).reference == "ben-1"


async def test_a_lease_by_a_clock_ahead_holds_nobody_up(store: Store, clock: SteppedClock) -> None:
    book = _objects(store)
    clock.step(timedelta(days=15))
    assert await book.claim(KEY, "ahead") is None
    clock.step(-timedelta(days=15))
    assert await book.claim(KEY, "next") is None


async def test_one_that_is_gone_is_made_by_one_again(store: Store) -> None:
    book = _objects(store)
    await book.claim(KEY, "a")
    await book.made(KEY, "ben-1", SHOWN)
    await book.forget(KEY, "ben-1", "a")
    assert isinstance(await book.claim(KEY, "b"), NotReady)
    assert await book.claim(KEY, "a") is None
    await book.made(KEY, "ben-2", SHOWN)
    await book.forget(KEY, "ben-1", "b")
    known = await book.claim(KEY, "b")
    assert isinstance(known, PreparedObject)
    assert known.reference == "ben-2", "the one that was made anew stays"


async def test_a_lease_given_back_is_free_at_once(store: Store) -> None:
    book = _objects(store)
    assert await book.claim(KEY, "a") is None
    await book.release(KEY, "b")
    assert isinstance(await book.claim(KEY, "b"), NotReady)
    await book.release(KEY, "a")
    assert await book.claim(KEY, "b") is None


async def test_it_is_known_under_a_new_key_and_nothing_is_in_the_clear(store: Store) -> None:
    await _objects(store).claim(KEY, "a")
    await _objects(store).made(KEY, "ben-1", SHOWN)
    rotated = Keyring({"test-1": b"k" * 32, "test-2": b"z" * 32}, "test-2")
    known = await _objects(store, rotated).claim(KEY, "b")
    assert isinstance(known, PreparedObject)
    assert known.is_as_made(SHOWN)
    for secret in (CREDITOR_IBAN, CREDITOR_NAME, CREDITOR_NAME.upper()):
        assert secret.encode() not in store.kept()
