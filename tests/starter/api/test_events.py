"""The events over HTTP: their order, their numbers, their cursor, and who may see them."""

from __future__ import annotations

import asyncio

from sqlalchemy import delete, update

from store.tables.events import EventRow
from tests.fakes import CREDITOR_IBAN, CREDITOR_NAME
from tests.starter.api.conftest import OTHER, Api


async def test_each_change_is_an_event_in_order_with_its_sequence(api: Api) -> None:
    payment = (await api.pay()).json()["id"]
    await api.post(f"/v1/payments/{payment}/cancel", key="c")
    answer = await api.get("/v1/events")
    listed = answer.json()["data"]
    assert [(each["type"], each["sequence"], each["position"]) for each in listed] == [
        ("payment.created", 1, 1),
        ("payment.state_changed", 2, 2),
    ]
    assert listed[1]["related"] == {"type": "payment", "id": payment}
    assert listed[1]["change"] == {"state": "cancelled", "certainty": "not_sent"}
    assert CREDITOR_IBAN not in answer.text
    assert CREDITOR_NAME not in answer.text
    assert "1250" not in answer.text.replace("evt_", ""), "an event is thin"
    for each in listed:
        assert (await api.get(f"/v1/events/{each['id']}")).json() == each
    for unknown in (f"evt_{payment}_3", f"evt_{payment}_02", f"evt_{payment}_x", "evt", "pay_1"):
        assert (await api.get(f"/v1/events/{unknown}")).status_code == 404


async def test_a_cursor_goes_on_where_it_ended_and_keeps_its_place_when_nothing_came(
    api: Api,
) -> None:
    start = (await api.get("/v1/events")).json()
    assert start["data"] == []
    ids = [(await api.pay(f"k{each}", minor=each)).json()["id"] for each in range(1, 6)]
    seen, cursor = [], start["next_cursor"]
    for _ in range(4):
        page = (await api.get(f"/v1/events?limit=2&after={cursor}")).json()
        seen += [each["related"]["id"] for each in page["data"]]
        cursor = page["next_cursor"]
    assert seen == ids
    assert (await api.get(f"/v1/events?after={cursor}")).json()["next_cursor"] == cursor
    only = (await api.get(f"/v1/events?related={ids[2]}&change=created")).json()["data"]
    assert [each["related"]["id"] for each in only] == [ids[2]]
    assert (await api.get("/v1/events?change=settled")).status_code == 400
    assert (await api.get("/v1/events?after=W10")).status_code == 400


async def test_each_tenant_has_a_list_without_gaps_of_its_own(api: Api) -> None:
    for each in (1, 2):
        await api.pay(f"k{each}", minor=each)
        await api.pay(
            f"k{each}",
            minor=each,
            who=OTHER,
            debtor_account={"iban": CREDITOR_IBAN},
            creditor_account={"iban": "NL91ABNA0417164300"},
        )
    for who in ("shop", OTHER):
        listed = (await api.get("/v1/events", who=who)).json()
        assert [each["position"] for each in listed["data"]] == [1, 2]
    # The cursor of another tenant's list names nothing here.
    answer = await api.get(f"/v1/events?after={listed['next_cursor']}")
    assert answer.status_code == 410


async def test_a_long_poll_ends_with_the_first_event(api: Api) -> None:
    waiting = asyncio.create_task(api.get("/v1/events?wait=20"))
    await asyncio.sleep(0.1)
    await api.pay()
    answer = await asyncio.wait_for(waiting, 15)
    assert [each["type"] for each in answer.json()["data"]] == ["payment.created"]


async def test_a_cursor_from_a_history_that_a_restore_took_away_is_lost_and_says_so(
    api: Api,
) -> None:
    await api.pay("a", minor=1)
    await api.pay("b", minor=2)
    cursor = (await api.get("/v1/events")).json()["next_cursor"]
    write = api.assembly.database.write_now
    write(lambda session: session.connection().execute(
        delete(EventRow).where(EventRow.position == 2)  # type: ignore[arg-type]
    ))  # fmt: skip
    assert (await api.get(f"/v1/events?after={cursor}")).status_code == 410
    await api.pay("c", minor=3)
    answer = await api.get(f"/v1/events?after={cursor}")
    assert answer.status_code == 410, "another event has this position now"
    assert answer.json()["type"] == "urn:finality:problem:cursor-lost"
    write(lambda session: session.connection().execute(update(EventRow).values(position=None)))
    assert len((await api.get("/v1/events")).json()["data"]) == 2
