"""Ids of another tenant: every route of the API answers them as it answers unknown ones."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import httpx

from domain.scopes import Scope
from starter.reporting import Report
from store.tables.people import TaskRow
from tests.consents.bank import ModelBank
from tests.consents.home import BROWSER
from tests.starter.api.conftest import OTHER, SHOP, Api
from tests.starter.api.test_account_data import having_read
from tests.starter.api.test_consents import AT_BANK, wanted
from tests.starter.api.test_files import a_file, post
from tests.starter.api.test_payments import recorded
from tests.starter.api.test_replays import COLLECTION
from tests.starter.api.test_webhooks import made as endpoint

_AMOUNT: Final = {"amount": {"minor": 1, "currency": "EUR"}}
#: What a POST needs to come as far as the look for its object, by its path or the end of it.
_BODIES: Final[dict[str, Any]] = {
    "captures": _AMOUNT,
    "increments": _AMOUNT,
    "refunds": _AMOUNT,
    "renew": {"browser_session": BROWSER},
    "/v1/webhook-endpoints/{endpoint_id}/resend": {"first_position": 1},
}
#: Parameters that a list cannot do without.
_QUERIES: Final = {"from": "2026-01-01", "to": "2026-12-31"}
#: Addresses whose last part is a word and no id, each as it is asked.
_WORDS: Final = {
    "/v1/reports/{report}": [f"/v1/reports/{each.value}" for each in Report],
    "/v1/callbacks/{tenant}": [],  # Its own tests try callbacks of others.
}
#: A program that may do everything for a tenant.
ALL_OF: Final = {SHOP: "all of shop", OTHER: "all of other"}
#: Addresses that have nothing to show of these objects, although the objects exist.
_EMPTY: Final = ("action",)


async def can_make_all(api: Api, folder: Path) -> None:
    """Give each tenant a key that may do everything, and the API a bank that gives consents."""
    bank = ModelBank(folder / "no book", api.assembly.clock)
    api.assembly.make_consent_partners = lambda: {AT_BANK: bank}
    for tenant, name in ALL_OF.items():
        new = await api.assembly.api_keys.make(
            tenant, name, list(Scope), api.assembly.clock.now(), accounts=[AT_BANK]
        )
        api.texts[name] = new.text


async def open_task(api: Api, payment_id: str, *, due_in: timedelta = timedelta(hours=1)) -> str:
    """A task about the payment."""
    now, task_id = api.assembly.clock.now(), f"task_{uuid4().hex}"
    row = TaskRow(
        task_id=task_id, resource_id=payment_id, kind="unmapped", question="What is it?",
        owner="operations", due_at=now + due_in, opened_at=now,
    )  # fmt: skip
    await api.assembly.database.write(lambda session: session.add(row))
    return task_id


async def _payment(api: Api) -> str:
    return str((await api.pay("p")).json()["id"])


async def _collection(api: Api) -> str:
    return str((await api.post("/v1/collections", COLLECTION, key="c")).json()["id"])


async def _file(api: Api) -> str:
    return str((await post(api, a_file("F-1", 1))).json()["id"])


async def _event(api: Api) -> str:
    await api.pay("p")
    return str((await api.get("/v1/events")).json()["data"][0]["id"])


async def _task(api: Api) -> str:
    return await open_task(api, await _payment(api))


async def _consent(api: Api) -> str:
    answer = await api.post("/v1/consents", wanted(), key="con", who=ALL_OF[SHOP])
    return str(answer.json()["id"])


async def _account(api: Api) -> str:
    return (await (await having_read(api)).account()).account_id


async def _endpoint(api: Api) -> str:
    return str((await endpoint(api))["id"])


async def _delivery(api: Api) -> str:
    at = f"/v1/webhook-endpoints/{(await endpoint(api, 'd'))['id']}"
    return str((await api.post(f"{at}/test", key="t")).json()["id"])


#: Makes an object of SHOP below each address that takes an id. A new address needs a line here.
MAKERS: Final[dict[str, Callable[[Api], Awaitable[str]]]] = {
    "/v1/payments/{payment_id}": _payment,
    "/v1/collections/{payment_id}": _collection,
    "/v1/files/{message_id}": _file,
    "/v1/events/{event_id}": _event,
    "/v1/tasks/{task_id}": _task,
    "/v1/consents/{consent_id}": _consent,
    "/v1/accounts/{account_id}": _account,
    "/v1/webhook-endpoints/{endpoint_id}": _endpoint,
    "/v1/webhook-deliveries/{delivery_id}": _delivery,
}


async def test_every_route_that_takes_an_id_answers_404_to_another_tenant(
    api: Api, tmp_path: Path
) -> None:
    await can_make_all(api, tmp_path)
    document = (await api.get("/openapi.json", who="")).json()
    routes = [
        (method.upper(), path)
        for path, item in document["paths"].items()
        if "{" in path and path not in _WORDS
        for method in item
        if method in ("get", "post", "put", "patch", "delete")
    ]
    assert len(routes) >= 14
    made = {address: await make(api) for address, make in MAKERS.items()}
    stored = recorded(api)

    async def ask(method: str, path: str, who: str, id: str) -> httpx.Response:
        head, _, rest = path.partition("}")
        end = rest.rpartition("/")[2]
        body = _BODIES.get(path, _BODIES.get(end, {})) if method in ("POST", "PATCH") else None
        assert "{" not in rest, f"{path} takes two ids; teach this test to give both"
        address = f"{head.partition('{')[0]}{id}{rest}"
        return await api.ask(
            method,
            address,
            body,
            who=ALL_OF[who],
            key=f"foreign {path}"[:255] if method == "POST" else None,
        )

    for method, path in routes:
        address = f"{path.partition('}')[0]}}}"
        assert address in made, f"add a maker of an object below {address} to MAKERS"
        foreign = await ask(method, path, OTHER, made[address])
        unknown = await ask(method, path, OTHER, "unknown_1")
        assert (foreign.status_code, unknown.status_code) == (404, 404), (path, foreign.text)
        told = foreign.text.replace(made[address], "unknown_1")
        assert told == unknown.text, "the two answers differ, which tells that the id exists"
        if method == "GET" and not path.endswith(_EMPTY):
            own = await ask(method, path, SHOP, made[address])
            assert own.status_code == 200, (path, own.text)
    assert recorded(api) == stored
    for path, item in document["paths"].items():
        if not path.startswith("/v1/") or path in made or "get" not in item:
            continue
        for address in _WORDS.get(path, [path] if "{" not in path else []):
            needed = [
                each["name"] for each in item["get"].get("parameters", []) if each.get("required")
            ]
            query = "&".join(f"{name}={_QUERIES[name]}" for name in needed if name in _QUERIES)
            found = await api.get(f"{address}?{query}", who=ALL_OF[OTHER])
            assert found.json()["data"] == [], address


async def test_a_task_is_found_by_its_id_however_many_are_more_urgent(api: Api) -> None:
    payment = await _payment(api)
    now = api.assembly.clock.now()
    urgent = [
        TaskRow(
            task_id=f"task_{number}", resource_id=payment, kind="unmapped", question="?",
            owner="operations", due_at=now, opened_at=now,
        )
        for number in range(1001)
    ]  # fmt: skip
    await api.assembly.database.write(lambda session: session.add_all(urgent))
    last = await open_task(api, payment, due_in=timedelta(days=1))
    answer = await api.get(f"/v1/tasks/{last}")
    assert (answer.status_code, answer.json()["id"]) == (200, last)
    assert answer.json()["amount"] == {"minor": 1250, "currency": "EUR"}
    assert (await api.get(f"/v1/tasks/{last}", who=OTHER)).status_code == 404

    def close(session: Any) -> None:
        row = session.get(TaskRow, last)
        row.closed_at = now
        session.add(row)

    await api.assembly.database.write(close)
    assert (await api.get(f"/v1/tasks/{last}")).status_code == 404
