"""The Python client against the API itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any, cast

import httpx
import pytest
import pytest_asyncio

from finality_client import (
    AsyncClient,
    CannotClaim,
    CursorLost,
    Invalid,
    KeyReused,
    NotAllowed,
    NotFound,
    PaymentOrder,
    PossibleDuplicate,
    Retries,
    SeveralFiles,
    Unauthenticated,
    Unavailable,
    WaitedTooLong,
)
from starter.api.application import application
from store.faults import StoreAway
from tests.starter.api.conftest import OTHER, SHOP, Api, transfer
from tests.starter.api.test_files import a_file
from tests.starter.api.test_payments import recorded
from tests.starter.api.test_replays import COLLECTION
from tests.starter.api.test_tenants import open_task


def client(api: Api, who: str = SHOP) -> AsyncClient:
    transport = httpx.ASGITransport(application(api.parts), raise_app_exceptions=False)
    retries = Retries(tries_max=3, pause_seconds=0.01)
    key = api.texts.get(who, who)
    return AsyncClient("http://127.0.0.1", key, transport=transport, retries=retries)


@pytest_asyncio.fixture
async def finality(api: Api) -> AsyncIterator[AsyncClient]:
    async with client(api) as made:
        yield made


def order(minor: int = 1250, **fields: Any) -> PaymentOrder:
    return cast(PaymentOrder, transfer(minor, **fields))


async def test_a_payment_is_made_once_found_waited_for_and_cancelled(
    api: Api, finality: AsyncClient
) -> None:
    paid = await finality.payments.create(order(), key="invoice-1")
    assert (paid.state, paid.replayed) == ("created", False)
    again = await finality.payments.create(order(), key="invoice-1")
    assert (again.id, again.replayed) == (paid.id, True)
    found = await finality.payments.find("invoice-1")
    assert found is not None
    assert found.id == paid.id
    with pytest.raises(WaitedTooLong):
        await finality.payments.wait_until(paid.id, within=timedelta(0))
    waiting = asyncio.create_task(finality.payments.wait_until(paid.id, "settled"))
    await asyncio.sleep(0.1)
    command = await finality.payments.cancel(paid.id, key="c", why="ordered twice")
    assert (command.outcome, command.payment.state) == ("done", "cancelled")
    assert (await asyncio.wait_for(waiting, 20)).state == "cancelled"
    assert recorded(api) == 1


async def test_what_the_server_refuses_is_an_error_of_its_own(
    api: Api, finality: AsyncClient
) -> None:
    paid = await finality.payments.create(order(), key="a")
    with pytest.raises(KeyReused) as reused:
        await finality.payments.create(order(7), key="a")
    assert reused.value.id == paid.id
    with pytest.raises(PossibleDuplicate) as duplicate:
        await finality.payments.create(order(), key="b")
    assert [each["id"] for each in duplicate.value.earlier] == [paid.id]
    both = cast(PaymentOrder, {**order(), **duplicate.value.acknowledge})
    assert (await finality.payments.create(both, key="b")).id != paid.id
    with pytest.raises(Invalid) as invalid:
        await finality.payments.create(order(creditor_account={"iban": "DE00"}))
    assert [each.pointer for each in invalid.value.errors] == ["/creditor_account/iban"]
    with pytest.raises(NotFound):
        await finality.payments.action(paid.id)
    async with client(api, OTHER) as other, client(api, "reader") as reader:
        with pytest.raises(NotFound):
            await other.payments.get(paid.id)
        with pytest.raises(NotAllowed):
            await reader.payments.create(order())
    async with client(api, "fin_0_wrong") as stranger:
        with pytest.raises(Unauthenticated):
            await stranger.payments.get(paid.id)


async def test_if_the_answer_is_lost_the_client_finds_its_payment_again(
    api: Api, finality: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = type(api.assembly.database)
    write, breaks = database.write, [True]

    async def cut_off(self: Any, transaction: Any) -> Any:
        done = await write(self, transaction)
        if recorded(api) and breaks and breaks.pop():
            raise StoreAway("the connection broke during the commit")
        return done

    monkeypatch.setattr(database, "write", cut_off)
    paid = await finality.payments.create(order())
    assert paid.replayed
    assert recorded(api) == 1

    async def away(*_: Any) -> Any:
        raise StoreAway("the database is away")

    monkeypatch.setattr(database, "write", away)
    with pytest.raises(Unavailable) as raised:
        await finality.payments.create(order(99), key="n")
    assert (raised.value.key, raised.value.may_be_recorded) == ("n", True)


async def test_a_collection_is_made_and_its_claims_are_answered(finality: AsyncClient) -> None:
    made = await finality.collections.create(cast(Any, COLLECTION), key="order-1")
    assert made.object == "collection"
    amount: Any = {"minor": 100, "currency": "EUR"}
    for claim in (finality.collections.capture, finality.collections.refund):
        with pytest.raises(CannotClaim):
            await claim(made.id, amount)
    with pytest.raises(CannotClaim):
        await finality.collections.confirm(made.id)
    assert await finality.collections.captures(made.id) == []
    assert await finality.collections.reversals(made.id) == []
    cancelled = await finality.collections.cancel(made.id)
    assert cancelled.payment.state == "cancelled"


async def test_files_are_sent_and_read(finality: AsyncClient) -> None:
    sent = await finality.files.create(a_file("F/1", 1, 2), key="f")
    assert (sent.id, sent.count, len(sent.lines), sent.replayed) == ("F/1", 2, 2, False)
    assert (await finality.files.create(a_file("F/1", 1, 2), key="f")).replayed
    assert (await finality.files.get("F/1")).lines == sent.lines
    assert [each.id for each in await finality.files.newest()] == ["F/1"]
    with pytest.raises(Invalid) as refused:
        await finality.files.create(b"<a/>")
    assert refused.value.kind == "file-refused"
    second = a_file("F/1", 3).replace(b"<InitgPty><Nm>", b"<InitgPty><Nm>Other ")
    await finality.files.create(second, key="g")
    with pytest.raises(SeveralFiles) as several:
        await finality.files.get("F/1")
    keys = [each["file_key"] for each in several.value.files]
    assert {(await finality.files.get("F/1", file_key=key)).count for key in keys} == {1, 2}


async def test_lists_and_events_are_read_to_their_ends(finality: AsyncClient) -> None:
    for minor in range(1, 6):
        await finality.payments.create(order(minor), key=f"k{minor}")
    page = await finality.payments.page(limit=2)
    rest = await finality.payments.page(limit=100, after=page.next_cursor)
    assert [each.key for each in page.data + rest.data] == ["k5", "k4", "k3", "k2", "k1"]
    assert [each.key async for each in finality.payments.all(state="created")] == [
        "k5", "k4", "k3", "k2", "k1",
    ]  # fmt: skip
    pages = [each async for each in finality.events.pages()]
    events = [event for each in pages for event in each.data]
    assert [event.position for event in events] == [1, 2, 3, 4, 5]
    assert (await finality.events.get(events[0].id)) == events[0]
    later = await finality.events.page(after=pages[-1].next_cursor)
    assert (later.data, later.next_cursor) == ([], pages[-1].next_cursor)


async def test_a_cursor_of_another_history_is_lost(api: Api, finality: AsyncClient) -> None:
    await finality.payments.create(order())
    page = await finality.events.page()
    async with client(api, OTHER) as other:
        with pytest.raises(CursorLost):
            await other.events.page(after=page.next_cursor)


async def test_tasks_and_halts_are_read(api: Api, finality: AsyncClient) -> None:
    paid = await finality.payments.create(order())
    task_id = await open_task(api, paid.id)
    (task,) = await finality.tasks.open()
    assert (task.id, task.payment_id) == (task_id, paid.id)
    assert await finality.tasks.get(task_id) == task
    assert await finality.halts.in_force() == []
