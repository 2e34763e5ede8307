"""The same plans in simulated worlds and on a real server: each ends the same in both.

What is simulated rests on our model of Temporal, of a network and of a clock. Here a real worker,
a real server and real sockets meet the same faults, by a proxy that breaks as the plan says.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from sqlmodel import col, select

from domain.lifecycle.profile import IdempotencyKind, LookupKind
from domain.lifecycle.sending import AttemptResult
from domain.payments.report import PaymentState
from domain.payments.states import ENDS
from store.tables.lifecycles import AttemptRow, InstructionRow
from tests.polling import eventually
from tests.proof.arena import Arena, BankServer, Standing, arena
from tests.proof.bank_partner import BANK
from tests.proof.fault_proxy import PROXIED, FaultProxy
from tests.proof.simulation.lived import simulate
from tests.proof.simulation.plan import Fault, Kind, Plan
from tests.proof.world import order

#: How a bank treats keys, and how it can be asked: each meets every fault.
SHAPES: Final = (
    (IdempotencyKind.NONE, LookupKind.STRONG),
    (IdempotencyKind.NONE, LookupKind.NONE),
    (IdempotencyKind.REPLAY_STATE, LookupKind.NONE),
    (IdempotencyKind.REJECT_DUPLICATE, LookupKind.STRONG),
)
#: Less than the patience with an answer: it arrives while somebody still waits.
_HOLDS_SECONDS: Final = 0.7
_END_SECONDS: Final = 90.0
_POINTS: Final = ("order", "exchange")


def plans() -> dict[str, Plan]:
    """One payment each, and one fault on its way; some meet a second one."""
    made: dict[str, Plan] = {}
    for keys, lookup in SHAPES:
        shape = (keys.value, lookup.value)
        for kind in PROXIED:
            if kind is Kind.DUPLICATE_UPSTREAM and keys is IdempotencyKind.NONE:
                continue  # Such a bank executes both, whoever sent the second.
            name = f"{kind.value} at {keys.value}/{lookup.value}"
            made[name] = Plan(1, 1, (shape,), (Fault(kind, 0, "order"),))
        twice = (Fault(Kind.SWALLOW_REPLY, 0, "order"), Fault(Kind.ERROR_AFTER, 0, "exchange"))
        made[f"two in a row at {keys.value}/{lookup.value}"] = Plan(1, 1, (shape,), twice)
    return made


PLANS: Final = plans()


@dataclass(frozen=True)
class Real:
    """What a plan came to on a real server."""

    standing: Standing
    booked: int
    fired: Mapping[tuple[str, str], int]


@pytest_asyncio.fixture(scope="module")
async def real(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[dict[str, Real]]:
    """All plans at once: most of each is waiting."""
    proxies: dict[str, FaultProxy] = {}

    async def accounts(bank: BankServer) -> Mapping[str, Any]:
        address = urlsplit(bank.base_url)
        for name, plan in PLANS.items():
            upstream = (str(address.hostname), int(address.port or 0))
            proxies[name] = FaultProxy(upstream, plan.faults, _HOLDS_SECONDS)
            await proxies[name].start()
        return {
            _account(number): {
                "base_url": f"http://127.0.0.1:{proxies[name].port}",
                "idempotency": plan.shapes[0][0],
                "lookup": plan.shapes[0][1],
            }
            for number, (name, plan) in enumerate(PLANS.items())
        }

    home = tmp_path_factory.mktemp("conformance")
    async with arena(home, more_banks=accounts) as made:
        worker = await made.forks.fork("worker", upkeep=True)
        ids = {name: await _pay(made, number) for number, name in enumerate(PLANS)}
        for name, proxy in proxies.items():
            if proxy.refuses:
                await _until_nothing_was_sent(made, ids[name])
                await proxy.listen()
        standing = await _until_over(made, list(ids.values()))
        await worker.kill()
        book = await made.bank.control("book")
        paid = [payment["reference"] for payment in book["payments"]]
        yield {
            name: Real(
                standing[ids[name]], paid.count(_reference(number)), dict(proxies[name].fired)
            )
            for number, name in enumerate(PLANS)
        }
    for proxy in proxies.values():
        await proxy.stop()


def test_there_are_enough_of_them() -> None:
    assert len(PLANS) >= 30


@pytest.mark.parametrize("name", PLANS)
def test_a_plan_ends_on_a_real_server_as_it_does_in_a_simulated_world(
    real: dict[str, Real], name: str
) -> None:
    plan, found = PLANS[name], real[name]
    simulated = simulate(plan)
    assert simulated.is_good
    [state] = simulated.states
    assert f"{found.standing.state} ({found.standing.certainty})" == state
    assert found.booked == simulated.comparison.booked
    assert found.booked <= 1
    met = {where: count for where, count in simulated.fired.items() if where[1] in _POINTS}
    assert found.fired == met, "the same faults were met in both"


def _account(number: int) -> str:
    return f"plan-{number}"


def _reference(number: int) -> str:
    return f"conformance-{number}"


async def _pay(made: Arena, number: int) -> str:
    given = order(_reference(number), number + 1, minor=1000 + number, account=_account(number))
    given = given.model_copy(update={"partner": BANK})
    receipt = await made.assembly.orchestrator.pay(given, _reference(number), patience=None)
    return str(receipt.payment_id)


async def _until_over(made: Arena, ids: list[str]) -> dict[str, Standing]:
    """At an end, or in doubt with a person asked."""
    deadline = time.monotonic() + _END_SECONDS
    while True:
        standing = await made.standing(ids)
        open_ones = [one for one in standing.values() if not _is_over(one)]
        if not open_ones or time.monotonic() > deadline:
            assert len(standing) == len(ids)
            return standing
        await asyncio.sleep(0.2)


async def _until_nothing_was_sent(made: Arena, payment_id: str) -> None:
    """The first attempt is closed as one that was not sent."""
    found = (
        select(AttemptRow.result)
        .join(InstructionRow, col(InstructionRow.instruction_id) == AttemptRow.instruction_id)
        .where(InstructionRow.resource_id == payment_id)
        .order_by(col(AttemptRow.number))
    )

    async def was_refused() -> bool:
        result = await made.assembly.database.read(lambda session: session.exec(found).first())
        return result == AttemptResult.NOT_SENT

    await eventually(was_refused, f"{payment_id} refused a connection", _END_SECONDS)


def _is_over(standing: Standing) -> bool:
    if not standing.is_certain:
        return standing.is_asked
    return PaymentState(standing.state) in ENDS
