"""One token for all: renewed in time and by one, stored before it is used, replaced if refused."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from domain.lifecycle.answers import NotReady
from partners.kit.calls import Calls
from partners.kit.logins import Grant
from store.logins import Logins
from store.schema import upgrade
from tests.clock import START, SteppedClock
from tests.partners.kit.bank import TOKEN_PATH, Answer, Bank, Book, Flow, login, says
from tests.store.books import KEYRING, opened

ROUTE = f"POST {TOKEN_PATH}"
HOUR = timedelta(hours=1)
#: Ends in an hour, and can be renewed.
OLD = Grant("old", START + HOUR, "refresh-1")
NEW = says(200, {"access_token": "new", "expires_in": 3600, "refresh_token": "refresh-2"})


@pytest.fixture
def clock() -> SteppedClock:
    return SteppedClock()


def asked(bank: Bank) -> list[str]:
    return [request.content.decode() for request in bank.came]


@pytest.mark.parametrize(
    "grant",
    [Grant("t"), Grant("{}"), Grant("t", START), Grant("t", refresh="r"), Grant("t", START, "r")],
)
def test_a_grant_is_kept_as_text(grant: Grant) -> None:
    assert Grant.of(grant.kept()) == grant
    assert "r" not in repr(grant).replace("Grant", "").replace("expires", ""), "no secret is shown"


def test_a_token_of_an_earlier_release_is_read() -> None:
    assert Grant.of("0123456789abcdef") == Grant("0123456789abcdef")
    assert Grant("0123456789abcdef").kept() == "0123456789abcdef"


async def test_a_token_is_renewed_before_it_ends(clock: SteppedClock) -> None:
    bank, book = Bank().on(ROUTE, NEW), Book(OLD.kept())
    mine = login(bank, book, clock)
    assert await mine.ready() is None
    assert bank.came == [], "nothing is asked while the token has time"
    clock.step(HOUR - timedelta(seconds=59))
    assert await mine.ready() is None
    assert asked(bank) == ["refresh_token=refresh-1"]
    assert Grant.of(book.kept or "") == Grant("new", clock.now() + HOUR, "refresh-2")
    assert await mine.headers() == {"authorization": "Bearer new"}


async def test_many_at_once_renew_once(clock: SteppedClock) -> None:
    bank, book = Bank().on(ROUTE, NEW), Book(OLD.kept())
    clock.step(HOUR)
    mine = login(bank, book, clock)
    assert await asyncio.gather(*(mine.ready() for _ in range(20))) == [None] * 20
    assert len(bank.came) == 1


async def test_without_a_new_refresh_token_the_old_one_stays(clock: SteppedClock) -> None:
    bank = Bank().on(ROUTE, says(200, {"access_token": "new", "expires_in": 60}))
    book = Book(OLD.kept())
    clock.step(HOUR)
    await login(bank, book, clock).ready()
    assert Grant.of(book.kept or "").refresh == "refresh-1"


async def test_the_new_token_is_stored_before_it_is_used(clock: SteppedClock) -> None:
    """A process that dies in between leaves the new refresh token to the others."""

    class Killed(Exception):
        pass

    class Dying(Book):
        async def succeeded(self, login: str, credentials_hash: str, token: str) -> None:
            await super().succeeded(login, credentials_hash, token)
            raise Killed

    bank, book = Bank().on(ROUTE, NEW), Dying(OLD.kept())
    clock.step(HOUR)
    mine = login(bank, book, clock)
    with pytest.raises(Killed):
        await mine.ready()
    assert await login(bank, book, clock).headers() == {"authorization": "Bearer new"}
    assert Grant.of(book.kept or "").refresh == "refresh-2"


async def test_while_another_renews_the_present_token_is_used(clock: SteppedClock) -> None:
    elsewhere = NotReady("another process is logging in", START)
    bank, book = Bank(), Book(OLD.kept(), elsewhere)
    mine = login(bank, book, clock)
    clock.step(HOUR - timedelta(seconds=30))
    assert await mine.ready() is None
    assert await mine.headers() == {"authorization": "Bearer old"}
    clock.step(timedelta(seconds=30))
    assert await mine.ready() == elsewhere, "it has ended"
    assert await mine.headers() is None, "an ended token is not sent"
    assert bank.came == []


async def test_what_another_renewed_between_look_and_claim_is_taken(clock: SteppedClock) -> None:
    class Overtaken(Book):
        async def claim(self, login: str, credentials_hash: str) -> NotReady | None:
            self.kept = Grant("theirs", clock.now() + HOUR, "refresh-2").kept()
            return None

    bank, book = Bank(), Overtaken(OLD.kept())
    clock.step(HOUR)
    mine = login(bank, book, clock)
    assert await mine.ready() is None
    assert book.writes == ["succeeded"], "the lease is given back"
    assert await mine.headers() == {"authorization": "Bearer theirs"}


@pytest.mark.parametrize(
    "answer",
    [
        httpx.ReadTimeout("slow"),
        says(500),
        says(429),
        says(200, {"access_token": 7}),
        says(200, {"access_token": "two words"}),
        says(200, {"access_token": "a\nb"}),
    ],
    ids=str,
)
async def test_without_a_verdict_the_refresh_token_stays(
    answer: Answer, clock: SteppedClock
) -> None:
    bank, book = Bank().on(ROUTE, answer, NEW), Book(OLD.kept())
    mine = login(bank, book, clock)
    clock.step(HOUR - timedelta(seconds=30))
    assert await mine.ready() is None, "the present token still works"
    assert book.writes == ["unclear"]
    clock.step(timedelta(seconds=30))
    assert await mine.ready() is None
    assert asked(bank) == ["refresh_token=refresh-1"] * 2


async def test_a_refused_refresh_token_logs_in_anew(clock: SteppedClock) -> None:
    bank, book = Bank().on(ROUTE, says(400), NEW), Book(OLD.kept())
    clock.step(HOUR)
    assert await login(bank, book, clock).ready() is None
    assert asked(bank) == ["refresh_token=refresh-1", "grant_type=client_credentials"]
    assert book.writes == ["succeeded"]


async def test_where_only_a_person_can_log_in_a_person_is_asked(clock: SteppedClock) -> None:
    bank, book = Bank().on(ROUTE, says(400)), Book(OLD.kept())
    mine = login(bank, book, clock, Flow(person=True))
    clock.step(HOUR - timedelta(seconds=30))
    not_ready = await mine.ready()
    assert isinstance(not_ready, NotReady)
    assert not_ready.needs_person
    assert not_ready.why == "the bank refused (invalid_grant); log in there"
    assert book.writes == ["failed: invalid_grant"]
    empty = await login(Bank(), Book(), clock, Flow(person=True)).ready()
    assert isinstance(empty, NotReady)
    assert empty.needs_person


async def test_a_refused_token_is_replaced_once_for_all_that_saw_it_refused(
    clock: SteppedClock,
) -> None:
    bank, book = Bank().on(ROUTE, NEW).on("GET /x", says(401)), Book(OLD.kept())
    mine = login(bank, book, clock)
    calls = Calls(bank.transport(clock), mine, clock)
    assert (await calls.get("/x")).status == 401
    assert len(bank.came) == 1, "a refused call is not repeated here"
    assert (await calls.get("/x")).status is None, "nor is the token sent again"
    assert await asyncio.gather(*(mine.ready() for _ in range(5))) == [None] * 5
    await mine.refused({"authorization": "Bearer old"})  # The answer to a call that took longer.
    assert await mine.headers() == {"authorization": "Bearer new"}
    assert await mine.ready() is None
    assert asked(bank)[1:] == ["refresh_token=refresh-1"]


@pytest.mark.parametrize("grant", [Grant("old"), Grant("old", START + HOUR)])
async def test_a_refused_token_that_nothing_renews_is_dropped(
    grant: Grant, clock: SteppedClock
) -> None:
    bank, book = Bank().on(ROUTE, NEW), Book(grant.kept())
    mine = login(bank, book, clock)
    await mine.refused({"authorization": "Bearer other"})
    assert book.writes == [], "that is not the token in use"
    await mine.refused({"authorization": "Bearer old"})
    assert (book.kept, book.writes) == (None, ["drop"])


async def test_the_store_seals_a_grant_and_gives_it_to_another_process(
    clock: SteppedClock, tmp_path: Path
) -> None:
    database = opened(tmp_path / "store.sqlite")
    upgrade(database)
    try:
        books = [Logins(database, KEYRING, clock, "bank") for _ in range(2)]
        bank = Bank().on(ROUTE, NEW)
        for book in books:
            mine = login(bank, book, clock)
            assert await mine.ready() is None
            assert await mine.headers() == {"authorization": "Bearer new"}
        assert len(bank.came) == 1
    finally:
        database.close()
