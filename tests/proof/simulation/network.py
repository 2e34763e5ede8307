"""The way to the bank, and what breaks on it, in the names of the fault proxy."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextvars import Context
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from domain.lifecycle.answers import Deadline
from tests.proof.bank import Answer, Bank
from tests.proof.simulation.loop import SimulatedClock
from tests.proof.simulation.plan import Kind
from tests.proof.simulation.weather import Weather
from transport.exchange import Lost, NeverLeft, Outcome, Request, Response

_TRIP_SECONDS: Final = 0.01
#: Requests that hold or move money end so.
_MOVING: Final = ("/orders", "/increments", "/captures", "/refunds")
_BEFORE_END_SECONDS: Final = 0.001


class SimulatedBank(Bank):
    """The bank of the other layer, in this process and by the simulated time."""

    def __init__(self, clock: SimulatedClock) -> None:
        super().__init__(Path(":memory:"))
        self._clock = clock

    def _now(self) -> float:
        return self._clock.now().timestamp()

    def made(self, name: str) -> list[tuple[str, str, float]]:
        """Id, key and moment of everything that one kind of bank made, the oldest first."""
        rows = self._db.execute(
            "SELECT id, key, created_at FROM orders WHERE bank = ? ORDER BY created_at", (name,)
        )
        return [(row["id"], row["key"], row["created_at"]) for row in rows]


class Network:
    """Stands for `transport.http.Transport`: one exchange, and what a network makes of it."""

    def __init__(
        self,
        bank: SimulatedBank,
        weather: Weather,
        clock: SimulatedClock,
        is_idempotent: Callable[[str], bool],
    ) -> None:
        self._bank = bank
        self._weather = weather
        self._clock = clock
        self._is_idempotent = is_idempotent

    async def exchange(self, request: Request, deadline: Deadline) -> Outcome:
        is_order = request.method == "POST" and request.path.endswith(_MOVING)
        fault = self._weather.network_fault("order" if is_order else "exchange")
        await self._weather.point("exchange begun")
        await asyncio.sleep(_TRIP_SECONDS)
        if fault in (Kind.REFUSE, Kind.BAD_CERTIFICATE):
            return NeverLeft(f"{fault}")
        if self._clock.now() >= deadline.write_before:
            return NeverLeft("too late to write")
        if fault in (Kind.RESET_BEFORE, Kind.CUT_REQUEST):
            return Lost(f"{fault}")
        if fault is Kind.ERROR_BEFORE:
            return Response(502, {}, b"<html>bad gateway</html>")
        if fault is Kind.TOO_MANY_BEFORE:
            return _too_many()
        if fault is Kind.REFUSED and is_order:
            return Response(400, {}, b'{"error": "we do not pay that"}')
        if fault is Kind.STALL:
            # It has left. At the last moment at which it may it arrives, whatever has become of
            # the process by then: dead or standing still, it holds nothing back.
            left = (deadline.ends_by - self._clock.now()).total_seconds() - _BEFORE_END_SECONDS
            answer = await asyncio.get_running_loop().create_task(
                self._arrives_after(left, request), context=Context()
            )
        else:
            answer = self._bank.answer(request.method, request.target, _body(request))
        if fault is Kind.DUPLICATE_UPSTREAM and (not is_order or self._is_idempotent(request.path)):
            self._bank.answer(request.method, request.target, _body(request))
        await self._weather.point("exchange effected")
        if fault in (Kind.SWALLOW_REPLY, Kind.STALL):
            await self._until(deadline.ends_by)
            return Lost(f"{fault}")
        if fault is Kind.DRIP:
            await asyncio.sleep(1)
        await asyncio.sleep(_TRIP_SECONDS)
        if fault in (Kind.RESET_AFTER, Kind.CUT_REPLY) or answer.lost:
            return Lost(f"{fault}")
        if fault is Kind.TOO_MANY_AFTER:
            return _too_many()
        if fault is Kind.ERROR_AFTER:
            return Response(500, {}, b'{"error": "internal"}')
        if self._clock.now() >= deadline.ends_by:
            return Lost("no answer in time")
        await self._weather.point("exchange answered")
        return Response(answer.status, {}, json.dumps(answer.body).encode())

    async def close(self) -> None:
        """Nothing is kept open."""

    async def _arrives_after(self, seconds: float, request: Request) -> Answer:
        await asyncio.sleep(max(seconds, 0))
        return self._bank.answer(request.method, request.target, _body(request))

    async def _until(self, moment: datetime) -> None:
        left = (moment - self._clock.now()).total_seconds()
        await asyncio.sleep(max(left, 0))


def _too_many() -> Response:
    return Response(429, {}, b'{"error": "too many requests"}')


def _body(request: Request) -> dict[str, Any]:
    return json.loads(request.body) if request.body else {}
