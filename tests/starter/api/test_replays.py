"""A known key answers whatever the settings say now; extreme moments are refused by name."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from domain.lifecycle.profile import InstructionKind
from domain.money import Money
from domain.payments.episodes import CaptureState, Episode
from domain.scopes import Scope
from starter.api.answers import episode_answer
from store.halts import Halts
from tests.starter.api.conftest import OTHER, SHOP, TILL, Api

UNMAPPED: dict[str, Any] = {
    "debtor_account": {"iban": "NL91ABNA0417164300"},
    "partner": "bank",
    "partner_account": TILL,
}
COLLECTION = {
    "instructed_amount": {"minor": 900, "currency": "EUR"},
    "payment_method": "pm_1",
    "end_to_end_id": "ORDER-1",
}


async def test_a_known_key_answers_after_the_api_key_has_lost_its_account(api: Api) -> None:
    paid = await api.pay("p", **UNMAPPED)
    collected = await api.post("/v1/collections", COLLECTION, key="c")
    assert (paid.status_code, collected.status_code) == (202, 202), collected.text
    new = await api.assembly.api_keys.make(
        SHOP, "later", [Scope.PAY, Scope.READ], api.assembly.clock.now(), accounts=[]
    )
    api.texts["later"] = new.text
    for again, first in (
        (await api.pay("p", who="later", **UNMAPPED), paid),
        (await api.post("/v1/collections", COLLECTION, key="c", who="later"), collected),
    ):
        assert (again.status_code, again.json()["id"]) == (200, first.json()["id"]), again.text
    reused = await api.pay("p", who="later", minor=7, **UNMAPPED)
    assert (reused.status_code, reused.json()["id"]) == (409, paid.json()["id"])
    assert (await api.pay("new", who="later", **UNMAPPED)).status_code == 422


@pytest.mark.parametrize(
    "moment", ["9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00%2B14:00", "1969-12-31T00:00:00Z"]
)
async def test_a_moment_outside_the_years_that_can_be_converted_is_refused(
    api: Api, moment: str
) -> None:
    for name in ("created_from", "created_before"):
        answer = await api.get(f"/v1/payments?{name}={moment}")
        assert answer.status_code == 400, answer.text
        assert name in answer.json()["detail"]
    for name in ("submit_before", "execute_by"):
        answer = await api.pay(times={name: moment.replace("%2B", "+")})
        assert answer.status_code == 422, answer.text
        assert [each["pointer"] for each in answer.json()["errors"]] == [f"/times/{name}"]
    answer = await api.pay(times={"requested_execution_date": "9999-12-31"})
    assert answer.status_code == 422


@pytest.mark.parametrize(
    "place",
    [
        ["9999-12-31T23:59:59-14:00", "pay_1"],
        ["0001-01-01T00:00:00+14:00", "pay_1"],
        ["2026-11-30T00:00:00+00:00", "\ud800"],
    ],
)
async def test_a_crafted_cursor_is_refused(api: Api, place: list[str]) -> None:
    text = base64.urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=")
    answer = await api.get(f"/v1/payments?after={text}")
    assert (answer.status_code, answer.json()["title"]) == (400, "Invalid cursor"), answer.text


async def test_a_halt_of_everything_does_not_tell_a_tenant_about_payments_of_others(
    api: Api,
) -> None:
    halts, now = Halts(api.assembly.database), api.assembly.clock.now()
    await halts.halt(by="upkeep", why="it does not have payment pay_of_other", now=now)
    await halts.halt(by="ann", why="a fraud at the shop", now=now, tenant=SHOP)
    answer = await api.get("/v1/halts")
    assert "pay_of_other" not in answer.text
    assert answer.json()["data"][1]["why"] == "a fraud at the shop"
    assert len((await api.get("/v1/halts", who=OTHER)).json()["data"]) == 1


@pytest.mark.parametrize(
    ("kind", "named"),
    [
        (InstructionKind.CAPTURE, "capture"),
        (InstructionKind.CONFIRM, "confirmation"),
        (InstructionKind.INCREMENT, "increment"),
    ],
)
def test_a_claim_that_takes_nothing_is_shown_as_no_capture(
    kind: InstructionKind, named: str
) -> None:
    episode = Episode(kind, CaptureState.DONE, Money(minor=900, currency="EUR"), is_open=False)
    assert episode_answer(episode).object == named
