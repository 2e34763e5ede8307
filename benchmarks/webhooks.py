"""A partner's webhook, stored and answered, beside a bare insert behind the same server.

As with the API, the processor time of the process that takes it is what is compared. The deliveries
are about payments that we do not have, so that no run's work falls into the measurement.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import statistics
import subprocess
import time
from dataclasses import dataclass
from typing import Any, Final
from uuid import uuid4

import httpx
import psutil

from benchmarks.stand import ACCOUNT, Stand
from local.temporal_server import free_port

_AT_ONCE: Final = 20
_SECRET: Final = "of-the-benchmark-only"
_SECRETS: Final = f"FINALITY_CURRENCYCLOUD__{ACCOUNT.upper()}__WEBHOOKS__SECRETS"
_START_SECONDS: Final = 60
#: One delivery is much quicker than a payment.
_PER_PAYMENT: Final = 5


class NotTaken(RuntimeError):
    """A delivery was not answered with 200."""


@dataclass(frozen=True)
class Receiver:
    """A process that takes webhooks."""

    child: subprocess.Popen[bytes]
    address: str


async def webhook_ratio(made: Stand, payments: int, rounds: int) -> dict[str, Any]:
    """Both in turn. `webhook_ratio` is of processor times, and `webhook_rate_ratio` of rates."""
    deliveries = payments * _PER_PAYMENT
    ports = free_port(), free_port()
    receivers = {
        "bare": Receiver(
            made.start(
                "benchmarks.webhook_twin", str(ports[0]), str(made.home / "webhooks.db"),
                name="webhook_twin",
            ),
            f"http://127.0.0.1:{ports[0]}",
        ),
        "finality": Receiver(
            made.start(
                "cli", "inbound", name="inbound", FINALITY_INBOUND_PORT=str(ports[1]),
                **{_SECRETS: json.dumps([_SECRET])},
            ),
            f"http://127.0.0.1:{ports[1]}",
        ),
    }  # fmt: skip
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in receivers}
    try:
        async with httpx.AsyncClient(timeout=60) as http:
            for receiver in receivers.values():
                await _until_served(http, receiver.address)
                await _cost(http, receiver, _AT_ONCE)
            for number in range(rounds):
                names = list(receivers)
                for name in names if number % 2 == 0 else names[::-1]:
                    found[name].append(await _cost(http, receivers[name], deliveries))
    finally:
        for receiver in receivers.values():
            await made.stop(receiver.child)
    cpu = {name: statistics.median(one[0] for one in costs) for name, costs in found.items()}
    rate = {name: statistics.median(one[1] for one in costs) for name, costs in found.items()}
    return {
        "webhook_ratio": cpu["finality"] / cpu["bare"],
        "webhook_rate_ratio": rate["finality"] / rate["bare"],
        "webhooks": {name: {"cpu_ms": cpu[name], "per_second": rate[name]} for name in receivers},
    }


async def _until_served(http: httpx.AsyncClient, address: str) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            if (await http.get(f"{address}/health")).is_success:
                return
        except httpx.TransportError:
            if time.monotonic() > deadline:
                raise
        await asyncio.sleep(0.1)


async def _cost(
    http: httpx.AsyncClient, receiver: Receiver, deliveries: int
) -> tuple[float, float]:
    """Milliseconds of a core for each delivery, and deliveries a second."""
    process, slots = psutil.Process(receiver.child.pid), asyncio.Semaphore(_AT_ONCE)
    path = f"{receiver.address}/webhooks/currencycloud/{ACCOUNT}"

    async def one() -> None:
        body = _body(str(uuid4()))
        signature = hmac.digest(_SECRET.encode(), body, "sha512").hex()
        headers = {"x-hmac-digest-sha-512": signature, "content-type": "application/json"}
        async with slots:
            answer = await http.post(path, content=body, headers=headers)
        if answer.status_code != 200:
            raise NotTaken(f"{receiver.address} answered {answer.status_code}")

    used, started = _cpu_seconds(process), time.perf_counter()
    await asyncio.gather(*(one() for _ in range(deliveries)))
    elapsed, spent = time.perf_counter() - started, _cpu_seconds(process) - used
    return 1000 * spent / deliveries, deliveries / elapsed


def _body(payment: str) -> bytes:
    """A notification about a payment, as long as theirs are."""
    return json.dumps(
        {
            "header": {
                "message_type": "payment",
                "notification_type": "payment_completed_notification",
            },
            "body": {
                "id": payment, "short_reference": "241130-ABCDEF001", "status": "completed",
                "amount": "123.45", "currency": "EUR", "reason": "Invoice", "reference": payment,
                "beneficiary_id": str(uuid4()), "payment_type": "regular",
                "created_at": "2026-11-30T10:00:00+00:00",
                "updated_at": "2026-11-30T10:00:00+00:00",
            },
        }
    ).encode()  # fmt: skip


def _cpu_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
