"""The client: paths, pages, waits, and words that it does not know."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote

import pytest

from finality_client import PaymentState, UnreadableAnswer, WaitedTooLong
from tests.clients.conftest import ORDER, Called, answer, payment

NAIVE = datetime(2026, 1, 1, tzinfo=UTC).replace(tzinfo=None)


async def test_a_word_and_a_field_of_tomorrow_raise_nothing(call: Called) -> None:
    tomorrow = payment(
        state="teleported", certainty="fuzzy", rail="quantum", model_config=1, copy=2,
        display={"headline": "?", "funds": "levitate", "mood": "good"},
        findings=[{"kind": "new", "text": "?", "is_open": True, "x": []}],
        action={"kind": "dance", "expires_at": None}, object="superpayment",
    )  # fmt: skip
    call.answers(answer(200, tomorrow))
    found = await call(lambda client: client.payments.get("pay_1"))
    assert (found.state, found.certainty, found.display.funds) == (
        "teleported",
        "fuzzy",
        "levitate",
    )
    assert not found.is_over
    assert found.display.mood == "good"


async def test_states_are_compared_with_the_words_that_are_known(call: Called) -> None:
    call.answers(answer(200, payment(state="settled")))
    found = await call(lambda client: client.payments.get("pay_1"))
    assert found.state == PaymentState.SETTLED
    assert found.state in {PaymentState.SETTLED, PaymentState.FINAL}


async def test_in_doubt_nothing_is_over(call: Called) -> None:
    for certainty, over in (("unknown", False), ("sent", True)):
        call.answers(answer(200, payment(state="rejected", certainty=certainty)))
        assert (await call(lambda client: client.payments.get("pay_1"))).is_over is over


@pytest.mark.parametrize("id", ["", ".", ".."])
async def test_an_id_that_would_name_another_address_is_refused(call: Called, id: str) -> None:
    for ask in (
        lambda client: client.payments.get(id),
        lambda client: client.collections.refund(id, {"minor": 1, "currency": "EUR"}),
        lambda client: client.files.get(id),
        lambda client: client.tasks.get(id),
        lambda client: client.events.get(id),
    ):
        with pytest.raises(ValueError, match="is no id"):
            await call(ask)
    assert call.sent == []


async def test_an_id_is_one_part_of_its_path(call: Called) -> None:
    call.answers(answer(200))
    await call(lambda client: client.payments.get("../files?x=1#y/z"))
    raw = call.sent[0].url.raw_path.decode()
    assert raw.count("/") == 4  # base, v1, payments, id
    assert unquote(raw).endswith("/../files?x=1#y/z")


async def test_all_reads_page_by_page_with_the_same_filters(call: Called) -> None:
    pages = [
        {"data": [payment(id="a"), payment(id="b")], "next_cursor": "c1"},
        {"data": [payment(id="c")], "next_cursor": None},
    ]
    call.answers(*(answer(200, page) for page in pages))
    since = datetime(2026, 11, 30, tzinfo=UTC)
    found = await call(lambda client: client.payments.all(state="settled", created_from=since))
    assert [each.id for each in found] == ["a", "b", "c"]
    asked = [dict(each.url.params) for each in call.sent]
    assert asked[0] == {"state": "settled", "created_from": since.isoformat(), "limit": "50"}
    assert asked[1] == {**asked[0], "after": "c1"}


async def test_find_gives_the_payment_of_a_key_or_none(call: Called) -> None:
    call.answers(
        answer(200, {"data": [payment()], "next_cursor": None}),
        answer(200, {"data": [], "next_cursor": None}),
    )
    assert (await call(lambda client: client.payments.find("k"))).id == "pay_1"
    assert await call(lambda client: client.payments.find("k")) is None
    assert call.sent[0].url.params["key"] == "k"


def event(number: int) -> dict[str, Any]:
    return {
        "id": f"evt_{number}", "object": "event", "type": "payment.of_tomorrow",
        "created_at": "2026-11-30T08:00:00Z", "sequence": number, "position": number,
        "related": {"type": "payment", "id": "pay_1"}, "change": {"state": None},
    }  # fmt: skip


async def test_events_are_read_to_their_end_from_cursor_to_cursor(call: Called) -> None:
    call.answers(
        answer(200, {"data": [event(1), event(2)], "next_cursor": "c2"}),
        answer(200, {"data": [event(3)], "next_cursor": "c3"}),
        answer(200, {"data": [], "next_cursor": "c3"}),
    )
    pages = await call(lambda client: client.events.pages(after="c0", changes=["created"]))
    assert [[each.sequence for each in page.data] for page in pages] == [[1, 2], [3]]
    assert pages[-1].next_cursor == "c3"
    assert [each.url.params["after"] for each in call.sent] == ["c0", "c2", "c3"]
    assert call.sent[0].url.params["change"] == "created"


async def test_wait_until_polls_from_event_to_event(call: Called) -> None:
    call.answers(
        answer(200, payment(sequence=1)),
        answer(200, payment(sequence=2, state="processing")),
        answer(200, payment(sequence=5, state="settled")),
    )
    found = await call(lambda client: client.payments.wait_until("pay_1", "settled"))
    assert found.state == "settled"
    assert [each.url.params.get("after_sequence") for each in call.sent] == [None, "1", "2"]
    assert call.sent[1].url.params["wait"] == "30"
    timeout = call.sent[1].extensions["timeout"]
    assert timeout["read"] - timeout["connect"] == 30


async def test_wait_until_ends_if_the_state_cannot_come_any_more(call: Called) -> None:
    call.answers(answer(200, payment(state="rejected", certainty="sent")))
    found = await call(lambda client: client.payments.wait_until("pay_1", "settled"))
    assert found.state == "rejected"


async def test_wait_until_says_how_it_stood_when_the_time_was_over(call: Called) -> None:
    call.answers(answer(200, payment(state="accepted")))
    with pytest.raises(WaitedTooLong) as raised:
        await call(lambda client: client.payments.wait_until("pay_1", within=timedelta(0)))
    assert raised.value.payment.state == "accepted"
    assert "goes on by itself" in str(raised.value)


@pytest.mark.parametrize("wait", [-1, 31])
async def test_a_wait_that_the_server_refuses_is_refused_here(call: Called, wait: int) -> None:
    for ask in (
        lambda client: client.payments.get("pay_1", wait=wait),
        lambda client: client.events.page(wait=wait),
    ):
        with pytest.raises(ValueError, match="wait"):
            await call(ask)


@pytest.mark.parametrize(
    "wrong",
    [{"times": {"submit_before": NAIVE}}, {"x": float("nan")}, {"x": object()}],
)
async def test_an_order_that_json_cannot_say_is_refused(call: Called, wrong: Any) -> None:
    with pytest.raises((ValueError, TypeError)):
        await call(lambda client: client.payments.create({**ORDER, **wrong}))
    assert call.sent == []


async def test_a_list_that_is_no_list_is_refused(call: Called) -> None:
    call.answers(answer(200, {"data": [{"id": 1}]}))
    with pytest.raises(UnreadableAnswer, match=r"data\.0"):
        await call(lambda client: client.tasks.open())
