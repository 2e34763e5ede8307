"""`finality listen` reads events over the API with a key, one cursor after the other."""

from __future__ import annotations

from datetime import timedelta

import httpx
import pytest

from starter.webhooks.sources import ApiEvents, PlaceLost, SourceAway
from tests.starter.api.conftest import OTHER, SHOP, Api
from transport.http import Transport


def source(api: Api, key: str) -> ApiEvents:
    clock = api.assembly.clock
    over = Transport("http://127.0.0.1", clock=clock, instead=api.http._transport)
    return ApiEvents(over, key, clock)


async def test_every_event_comes_once_from_the_place_on(api: Api) -> None:
    events = source(api, api.texts[SHOP])
    start = await events.place_at(None)
    paid = [(await api.pay(f"k{each}", minor=each)).json() for each in range(1, 4)]
    seen: list[str] = []
    cursor = start
    while len(seen) < 3:
        for event, following in await events.after(cursor):
            seen.append(event.related.id)
            cursor = following
    assert seen == [each["id"] for each in paid]
    again = source(api, api.texts[SHOP])
    listed = (await api.get("/v1/events")).json()["data"]
    [(second, _)] = await again.after(await again.place_at(api.assembly.clock.now()
        - timedelta(days=1)))  # fmt: skip
    assert second.model_dump(mode="json") == listed[0]
    assert await again.place_at(None) == cursor


async def test_what_the_api_refuses_is_said_with_the_remedy(api: Api) -> None:
    with pytest.raises(SourceAway, match="scope `read`"):
        await source(api, "fin_wrong").place_at(None)
    with pytest.raises(SourceAway, match="scope `read`"):
        await source(api, api.texts["payer"]).place_at(None)
    await api.pay()
    cursor = await source(api, api.texts[SHOP]).place_at(None)
    with pytest.raises(PlaceLost, match="--since"):
        await source(api, api.texts[OTHER]).after(cursor)
    clock = api.assembly.clock
    nobody = httpx.MockTransport(lambda request: httpx.Response(200, json={"hello": 1}))
    over = Transport("http://127.0.0.1", clock=clock, instead=nobody)
    with pytest.raises(SourceAway, match="is not the API of Finality"):
        await ApiEvents(over, "k", clock).place_at(None)
