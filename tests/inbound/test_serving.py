"""Serving begins and ends with its context."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from serving import PortTaken, served


async def test_a_taken_port_is_named() -> None:
    async with served(Starlette(), host="127.0.0.1", port=0) as port:
        with pytest.raises(PortTaken, match=f"127.0.0.1:{port}"):
            async with served(Starlette(), host="127.0.0.1", port=port):
                raise AssertionError("two listen at one port")


@pytest.mark.parametrize("behind_proxy", [False, True])
async def test_only_behind_a_proxy_a_header_says_who_calls(behind_proxy: bool) -> None:
    """Every program of this machine could send one, and claim to be another user's."""

    async def caller(request: Request) -> Response:
        return PlainTextResponse(str(request.client and request.client.host))

    application = Starlette(routes=[Route("/", caller)])
    async with (
        served(application, host="127.0.0.1", port=0, behind_proxy=behind_proxy) as port,
        httpx.AsyncClient(trust_env=False) as http,
    ):
        headers = {"x-forwarded-for": "192.0.2.7:4321"}
        got = await http.get(f"http://127.0.0.1:{port}/", headers=headers)
    assert got.text == ("192.0.2.7" if behind_proxy else "127.0.0.1")


async def test_a_request_in_hand_is_finished_when_the_end_comes() -> None:
    inside, go_on = asyncio.Event(), asyncio.Event()

    async def slow(_: Request) -> Response:
        inside.set()
        await go_on.wait()
        return PlainTextResponse("done")

    application = Starlette(routes=[Route("/", slow)])
    async with httpx.AsyncClient(trust_env=False) as http:
        async with served(application, host="127.0.0.1", port=0) as port:
            asked = asyncio.create_task(http.get(f"http://127.0.0.1:{port}/"))
            await inside.wait()
            asyncio.get_running_loop().call_later(0.2, go_on.set)
        assert (await asked).text == "done"
        with pytest.raises(httpx.ConnectError):
            await http.get(f"http://127.0.0.1:{port}/")
