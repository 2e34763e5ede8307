"""A cancel carries no payload that could be sealed: only what its token proves may be cancelled."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowHandle

from domain.ids import payment_end_id, workflow_id
from tests.polling import eventually
from tests.starter.nexus.shop import DOOR, OTHER_DOOR, Shop, next_week, order

ACCEPTED = 202
BAD_REQUEST = 400
NOT_FOUND = 404
NAMES = ("another tenant's payment", "a payment", "another door's run", "the door's own run")


def _plain(run: str, **more: Any) -> str:
    """A token as the SDK makes it, which anybody can make."""
    named = json.dumps({"t": 1, "ns": "default", "wid": run, **more}).encode()
    return base64.urlsafe_b64encode(named).decode().rstrip("=")


@dataclass
class Waiting:
    """Payments that are held, and the operations which wait for them.

    Attributes:
        token: of the operation that came through the door which is attacked.
        others_token: of the one that came through the other door.
        runs: the workflow ids of everything that nobody may cancel here.
    """

    token: str
    others_token: str
    runs: dict[str, str]


@pytest.fixture(scope="module")
async def waiting(shop: Shop) -> AsyncIterator[Waiting]:
    buying = await shop.buy("held", order("HELD", times=next_week(shop)))
    payment_id = await shop.recorded("held")
    selling = await shop.sell("sold", order("SOLD", times=next_week(shop)))
    token, others_token = await _token(buying), await _token(selling)
    sold = await shop.look("sold")
    assert sold.payment is not None
    foreign = shop.world.ordered.model_copy(
        update={
            "tenant": "other",
            "times": shop.world.ordered.times.model_copy(
                update={
                    "submit_from": shop.world.ordered.times.submit_before,
                    "submit_before": None,
                }
            ),
        }
    )
    theirs = await shop.world.assembly.orchestrator.pay(foreign, "foreign")
    yield Waiting(token, others_token, {
        "another tenant's payment": workflow_id("other", theirs.payment_id),
        "a payment": workflow_id("shop", payment_id),
        "another door's run": payment_end_id(OTHER_DOOR, "shop", sold.payment["id"]),
        "the door's own run": payment_end_id(DOOR, "shop", payment_id),
    })  # fmt: skip
    await buying.cancel()
    await selling.cancel()
    for each in (buying, selling):
        ended = (await each.result()).payment
        assert ended is not None
        assert ended["state"] == "cancelled"


async def _token(buying: WorkflowHandle[Any, Any]) -> str:
    async def started() -> str | None:
        async for event in buying.fetch_history_events():
            if event.event_type == EventType.EVENT_TYPE_NEXUS_OPERATION_STARTED:
                return event.nexus_operation_started_event_attributes.operation_token
        return None

    found: str = await eventually(started, "the operation's start", every=0.2)
    return found


async def _is_cancelled(shop: Shop, run: str) -> bool:
    kinds = {event.event_type async for event in shop.ours.get_workflow_handle(run)
             .fetch_history_events()}  # fmt: skip
    return EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED in kinds


@pytest.mark.parametrize("named", NAMES)
@pytest.mark.parametrize("operation", ["pay", "get_payment", "cancel_payment"])
async def test_a_token_that_anybody_can_make_cancels_nothing(
    shop: Shop, waiting: Waiting, named: str, operation: str
) -> None:
    run = waiting.runs[named]
    status = await shop.cancelled_by_http(_plain(run), operation)
    assert status == NOT_FOUND if operation == "pay" else status >= BAD_REQUEST
    assert not await _is_cancelled(shop, run)


@pytest.mark.parametrize("spoil", [
    lambda waiting: waiting.token.partition(".")[0],
    lambda waiting: f"{waiting.token.partition('.')[0]}.",
    lambda waiting: f"{waiting.token}.",
    lambda waiting: waiting.token[:-1],
    lambda waiting: waiting.token.replace("pay_", "pay_x"),
    lambda waiting: waiting.others_token,
    lambda waiting: f"{waiting.token.partition('.')[0]}.{waiting.others_token.partition('.')[2]}",
    lambda waiting: f"{waiting.others_token.partition('.')[0]}.{waiting.token.partition('.')[2]}",
    lambda waiting: f"../{waiting.token}",
    lambda waiting: "[" * 3000,
    lambda waiting: ".",
])  # fmt: skip
async def test_a_token_that_this_door_did_not_give_is_not_found(
    shop: Shop, waiting: Waiting, spoil: Callable[[Waiting], str]
) -> None:
    assert await shop.cancelled_by_http(spoil(waiting)) == NOT_FOUND
    for run in waiting.runs.values():
        assert not await _is_cancelled(shop, run)


async def test_a_team_with_the_key_reaches_runs_of_its_door_alone(
    shop: Shop, waiting: Waiting
) -> None:
    """It can make tokens of its own."""
    for its in ("../other/pay_1", waiting.runs["another tenant's payment"]):
        run = payment_end_id(DOOR, "shop", its)
        for mac in shop.keyring.macs(f"default\n{run}".encode(), "nexus operation token"):
            assert await shop.cancelled_by_http(f"{its}.{mac}") == NOT_FOUND
    for run in waiting.runs.values():
        assert not await _is_cancelled(shop, run)


@pytest.mark.parametrize("by_key", [0, 1], ids=["current", "older"])
async def test_the_operations_token_cancels_its_payment(shop: Shop, by_key: int) -> None:
    """Also one that was signed before another key became the current one."""
    buying = await shop.buy(f"token{by_key}", order(f"TOKEN{by_key}", times=next_week(shop)))
    given = await _token(buying)
    payment_id = given.partition(".")[0]
    run = payment_end_id(DOOR, "shop", payment_id)
    macs = shop.keyring.macs(f"default\n{run}".encode(), "nexus operation token")
    assert given == f"{payment_id}.{macs[0]}"
    assert await shop.cancelled_by_http(f"{payment_id}.{macs[by_key]}") == ACCEPTED
    ended = (await buying.result()).payment
    assert ended is not None
    assert ended["state"] == "cancelled"


async def test_one_payment_through_two_doors_ends_the_operations_of_both(shop: Shop) -> None:
    asked = order("BOTH", times=next_week(shop))
    buying, selling = await shop.buy("both", asked), await shop.sell("both", asked)
    assert await _token(buying) != await _token(selling)
    await selling.cancel()
    ends = [(await each.result()).payment for each in (buying, selling)]
    assert ends[0] == ends[1]
    assert ends[0] is not None
    assert (ends[0]["key"], ends[0]["state"]) == ("both", "cancelled")
