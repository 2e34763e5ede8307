"""Whole lives on either database, through what goes wrong with it."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from domain.payments.order import Rail
from domain.payments.report import PaymentState
from local.temporal_server import DevServer
from tests.fakes import order, profile
from tests.polling import eventually
from tests.postgresql import PostgreSQL
from tests.words import OnSend
from tests.world import World, world

#: What befalls one payment's send each.
TROUBLES = (
    OnSend.NOTHING,
    OnSend.LOST_AFTER,
    OnSend.NOTHING_LEFT,
    OnSend.FAILS_AFTER,
    OnSend.LOST_BEFORE,
    OnSend.NOTHING,
)
#: Nothing comes back to be watched for.
QUICK = profile(watch={Rail.SEPA_CREDIT_TRANSFER: timedelta(seconds=1)})
#: How long the database is gone.
AWAY_SECONDS = 3


@pytest.fixture
def server_of_its_own() -> Iterator[PostgreSQL]:
    """Which may be stopped without stopping other tests."""
    made = PostgreSQL()
    yield made
    made.close()


async def _ordered(made: World) -> list[str]:
    made.partner.on_send.extend(TROUBLES)
    now = made.assembly.clock.now()
    return [
        (await made.pay(f"k{number}", of=order(now, minor=number))).payment_id
        for number in range(1, len(TROUBLES) + 1)
    ]


async def _paid_once_each(made: World, payments: list[str]) -> None:
    for payment_id in payments:
        await made.until(payment_id, PaymentState.FINAL, seconds=60)
    assert len(made.partner.effects) == len(payments)
    assert all(len(effects) == 1 for effects in made.partner.book.values())


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
async def test_every_payment_becomes_final_once_on_each_database(
    server: DevServer, tmp_path: Path, request: pytest.FixtureRequest, database: str
) -> None:
    url = None
    if database == "postgresql":
        postgresql: PostgreSQL = request.getfixturevalue("postgresql")
        url = postgresql.database()
    async with world(tmp_path / "home", server.address, of=QUICK, database_url=url) as made:
        assert made.assembly.database.kind == database
        await made.work()
        await _paid_once_each(made, await _ordered(made))
    if url is not None:
        postgresql.give_back(url)


async def test_payments_go_on_when_postgresql_comes_back(
    server: DevServer, tmp_path: Path, server_of_its_own: PostgreSQL
) -> None:
    """It crashes while some replies are on their way and some payments wait, and is away."""
    url = server_of_its_own.database()
    async with world(tmp_path / "home", server.address, of=QUICK, database_url=url) as made:
        made.partner.gate = asyncio.Event()
        await made.work()
        payments = await _ordered(made)

        async def executed() -> bool:
            return bool(made.partner.effects)

        await eventually(executed, "the partner has executed something")
        await asyncio.to_thread(server_of_its_own.stop, signal.SIGQUIT)
        made.partner.gate.set()
        await asyncio.sleep(AWAY_SECONDS)
        await asyncio.to_thread(server_of_its_own.start)
        await _paid_once_each(made, payments)
