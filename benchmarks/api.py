"""A payment over HTTP, beside the same call of `Orchestrator.pay` in a program of its own.

Both wait for the first news, from the same worker. So their rates differ little, and what the API
costs is seen in the processor time of the process that takes the order: the one that serves it, or
the one that calls `pay`. What the HTTP client spends belongs to neither.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final
from uuid import uuid4

import httpx
import psutil

from benchmarks.sides import Product, working
from benchmarks.stand import ACCOUNT, Stand, order
from domain.ids import workflow_id
from domain.scopes import Scope
from local.temporal_server import free_port

#: Open at once. One API key may have more under way.
_AT_ONCE: Final = 20
#: A key may ask 50 times a second: with several, the limit is not what is measured.
_KEYS: Final = 8
_TENANT: Final = "bench"
_START_SECONDS: Final = 60

Pay = Callable[[str], Awaitable[str]]


class Refused(RuntimeError):
    """The API did not take a payment; the text is its answer."""


@dataclass(frozen=True)
class Cost:
    """Of one round.

    Attributes:
        per_second: payments that were answered.
        cpu_ms: milliseconds of a core, for each payment, of the process that takes the order.
    """

    per_second: float
    cpu_ms: float


async def api_ratio(made: Stand, payments: int, rounds: int) -> dict[str, Any]:
    """Both in turn. `api_ratio` is of processor times, and `api_rate_ratio` of rates."""
    product = Product(made)
    port = free_port()
    keys = [await _new_key(made, number) for number in range(_KEYS)]
    async with working(made, product), httpx.AsyncClient(timeout=60) as http:
        child = made.start("cli", "api", name="api", FINALITY_API_PORT=str(port))
        try:
            address = f"http://127.0.0.1:{port}"
            await _until_served(http, address)

            async def post(reference: str) -> str:
                key = keys[hash(reference) % _KEYS]
                headers = {"authorization": f"Bearer {key}", "idempotency-key": reference}
                answer = await http.post(
                    f"{address}/v1/payments", json=_body(reference), headers=headers
                )
                if not answer.is_success:
                    raise Refused(answer.text)
                return workflow_id(_TENANT, answer.json()["id"])

            ways: dict[str, tuple[Pay, psutil.Process]] = {
                "pay": (product.pay, psutil.Process()),
                "post": (post, psutil.Process(child.pid)),
            }
            for pay, _ in ways.values():
                await _settled(product, await _all(pay, _AT_ONCE))
            costs: dict[str, list[Cost]] = {name: [] for name in ways}
            for number in range(rounds):
                names = list(ways)
                for name in names if number % 2 == 0 else names[::-1]:
                    costs[name].append(await _cost(product, *ways[name], payments))
        finally:
            await made.stop(child)
    cpu = {name: statistics.median(one.cpu_ms for one in found) for name, found in costs.items()}
    rate = {
        name: statistics.median(one.per_second for one in found) for name, found in costs.items()
    }
    return {
        "api_ratio": cpu["post"] / cpu["pay"],
        "api_rate_ratio": rate["post"] / rate["pay"],
        "api": {name: {"cpu_ms": cpu[name], "per_second": rate[name]} for name in ways},
    }


async def _new_key(made: Stand, number: int) -> str:
    new = await made.assembly.api_keys.make(
        _TENANT,
        f"bench-{number}-{uuid4().hex[:8]}",
        [Scope.PAY, Scope.READ],
        made.assembly.clock.now(),
        accounts=[("currencycloud", ACCOUNT)],
    )
    return new.text


def _body(reference: str) -> dict[str, Any]:
    """The same order, as a program in another language would give it."""
    given = order(reference)
    return {
        "partner": given.partner,
        "partner_account": given.partner_account,
        "instructed_amount": given.instructed_amount.model_dump(),
        "debtor": {"name": given.debtor.name},
        "debtor_account": {"iban": given.debtor_account.iban},
        "creditor": {"name": given.creditor.name},
        "creditor_account": {"iban": given.creditor_account.iban},
        "end_to_end_id": given.end_to_end_id,
        "remittance_information": given.remittance_information,
    }


async def _until_served(http: httpx.AsyncClient, address: str) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            if (await http.get(f"{address}/ready")).is_success:
                return
        except httpx.TransportError:
            if time.monotonic() > deadline:
                raise
        await asyncio.sleep(0.1)


async def _all(pay: Pay, payments: int) -> list[str]:
    batch = uuid4().hex[:8]
    slots = asyncio.Semaphore(_AT_ONCE)

    async def one(number: int) -> str:
        async with slots:
            return await pay(f"{batch}-{number}")

    return await asyncio.gather(*(one(number) for number in range(payments)))


async def _settled(product: Product, paid: list[str]) -> None:
    """So that the rest of their lives falls into no measurement."""
    await asyncio.gather(*(product.until_over(workflow) for workflow in paid))


async def _cost(product: Product, pay: Pay, taker: psutil.Process, payments: int) -> Cost:
    used, started = _cpu_seconds(taker), time.perf_counter()
    paid = await _all(pay, payments)
    elapsed, spent = time.perf_counter() - started, _cpu_seconds(taker) - used
    await _settled(product, paid)
    return Cost(payments / elapsed, 1000 * spent / payments)


def _cpu_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
