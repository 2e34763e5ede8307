"""Attacks by what a partner answers: bodies and headers made to stop whoever reads them.

Whatever comes, the step ends with a view, what was heard is in the database, and the next step
can be taken. An exception would be repeated by every step for ever.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any, cast

import httpx
import pytest

from activities.messages import Step
from domain.money import Money
from domain.payments.report import PaymentState
from domain.payments.view import PaymentView
from partners.currencycloud.profile import PROFILE
from store.timeline import Timelines
from tests.activities.steps import Steps
from tests.clock import SteppedClock
from tests.fakes import BANK
from tests.partners.currencycloud.scripted import ACCOUNT, FakeLoginBook, page, partner, payment
from tests.store.books import INSTRUCTION, PAYMENT, Store

SHOWN = json.dumps(payment(unique_request_id="KEY", amount="123.45"))


def _with(old: str, new: str) -> str:
    assert old in SHOWN
    return SHOWN.replace(old, new)


BODIES = {
    "arrays without end": "[" * 200_000,
    "objects without end": '{"a":' * 200_000,
    "deep beside a payment": _with('"INV-7"', "[" * 200 + "]" * 200),
    "half a character": _with("Invoice 7", "\\ud800"),
    "half a character as a name": _with('"reason"', '"\\udfff"'),
    "NUL in every text": _with("Invoice 7", "\\u0000").replace("INV-7", "a\\u0000b"),
    "NUL in its id": _with(payment()["id"], "80bb\\u000087ac"),
    "two statuses": _with('"status": "ready_to_send"', '"status": "failed", "status": "completed"'),
    "no number": _with('"123.45"', "NaN"),
    "a number without end": _with('"123.45"', "1e999"),
    "a very long number": _with('"123.45"', "9" * 100_000),
    "more money than there is": _with('"123.45"', f'"{"9" * 40}.00"'),
    "a status of a megabyte": _with('"ready_to_send"', f'"{"x" * 1_000_000}"'),
    "a status that writes on screens": _with('"ready_to_send"', '"\\u001b[2Jdone\\u202e"'),
    "a field nobody knows, of a megabyte": _with('"reason"', f'"{"x" * 1_000_000}": 1, "reason"'),
    "many fields nobody knows": json.dumps(
        json.loads(SHOWN) | dict.fromkeys(map(str, range(9999)))
    ),
    "an id of a megabyte": _with(payment()["id"], "8" * 1_000_000),
    "an id that is a path": _with(payment()["id"], "../../v2/transfers/create?x=\\r\\nHost: y"),
    "a refusal of halves": '{"error_code":"\\ud800","error_messages":{"\\ud800":[{}]}}',
    "a refusal without an end": '{"error_code":"x","error_messages":' + '{"a":[' * 5000,
    "a refusal with NUL": '{"error_code":"\\u0000","error_messages":{"a":[{"code":"\\u0000"}]}}',
    "a refusal of a megabyte": json.dumps(
        {"error_code": "x" * 1_000_000, "error_messages": {"y" * 999_999: [{"code": "z" * 9999}]}}
    ),
    "a thousand reasons": json.dumps(
        {"error_code": "x", "error_messages": {f"f{n}": [{"code": f"c{n}"}] for n in range(1000)}}
    ),
    "nothing": "",
    "no text": "\udcff\udcfe\x00\x00",
}
NOTHING_HELD = cast(tuple[int, Any], page("payments"))[1]
#: What a step brings crosses Temporal, which refuses large results and then has none at all.
STEP_CHARACTERS_MAX = 30_000
RETRY_AFTER = ("Mon, 01 Jan 99999999999 00:00:00 GMT", "9" * 5000, "-1", "\xb2")


def _steps(
    store: Store,
    status: int,
    body: str,
    headers: dict[bytes, bytes] | None = None,
    *,
    shows_nothing: bool = True,
) -> Steps:
    """Of a partner that answers with this; by default it shows that it holds nothing of ours."""
    content = body.encode("utf-8", "surrogateescape")

    def answer(request: httpx.Request) -> httpx.Response:
        if shows_nothing and "created_at_from" in request.url.params:
            return httpx.Response(200, json=NOTHING_HELD)
        return httpx.Response(status, content=content, headers=headers)

    adapter = partner(answer, FakeLoginBook(), ACCOUNT, store.clock)
    return Steps(store, cast(Any, adapter))


async def _view(store: Store, step: Step) -> PaymentView:
    """After a step that was recorded, and that Temporal can keep."""
    assert step.next is not None
    assert len(step.model_dump_json()) < STEP_CHARACTERS_MAX
    return await store.payments.view(PAYMENT)


async def _accepted(store: Store) -> None:
    await store.accept(as_of=PROFILE.model_copy(update={"partner": BANK}))
    await store.build()


async def _shown(store: Store) -> None:
    """People can look at all of it."""
    timelines = Timelines(store.database, store.keyring)
    assert await timelines.of(PAYMENT)
    assert await timelines.exchanges(PAYMENT)


@pytest.mark.parametrize("name", BODIES)
async def test_a_send_and_its_lookups_end_whatever_the_partner_answers(
    store: Store, clock: SteppedClock, name: str
) -> None:
    await _accepted(store)
    for status in (200, 503, 400, 200):
        view = await _view(store, await _steps(store, status, BODIES[name]).instruct())
        assert view.payment.state in {PaymentState.SUBMITTING, PaymentState.CREATED}, status
        clock.step(timedelta(minutes=3))
    await _shown(store)


@pytest.mark.parametrize("name", BODIES)
async def test_nothing_is_sent_while_the_partner_shows_nonsense_for_what_it_holds(
    store: Store, name: str
) -> None:
    await _accepted(store)
    for status in (200, 503, 400):
        steps = _steps(store, status, BODIES[name], shows_nothing=False)
        view = await _view(store, await steps.instruct())
        assert not view.instructions[0].book.attempts, status


@pytest.mark.parametrize("name", BODIES)
async def test_a_read_ends_whatever_the_partner_answers(
    store: Store, clock: SteppedClock, name: str
) -> None:
    taken = await _taken(store)
    key = (await store.reading(INSTRUCTION)).subject.keys[-1]
    for status in (200, 404, 503):
        clock.step(timedelta(hours=1))
        body = BODIES[name].replace('"KEY"', json.dumps(key))
        view = await _view(store, await _steps(store, status, body).read())
        assert view.payment.state is taken.payment.state, status
        assert view.payment.amounts.settled == Money(minor=0, currency="EUR")
    await _shown(store)


@pytest.mark.parametrize("text", RETRY_AFTER)
async def test_a_retry_after_that_is_no_moment_is_ignored(
    store: Store, clock: SteppedClock, text: str
) -> None:
    await _taken(store)
    clock.step(timedelta(hours=1))
    headers = {b"retry-after": text.encode("latin-1")}
    view = await _view(store, await _steps(store, 503, "{}", headers).read())
    assert view.not_before is None


async def _taken(store: Store) -> PaymentView:
    """A payment that the partner accepted."""
    await _accepted(store)
    key = (await store.reading(INSTRUCTION)).subject.keys[-1]
    body = json.dumps(payment(unique_request_id=key, amount="123.45"))
    return await _view(store, await _steps(store, 200, body).instruct())
