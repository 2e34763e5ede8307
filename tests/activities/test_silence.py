"""A partner that does not answer: when it is seen, by whom, and when it is over."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any, cast

import httpx
import pytest

from domain.lifecycle.answers import NotReady
from domain.lifecycle.silence import LADDER, has_answered
from partners.currencycloud.profile import PROFILE
from store.tables.lifecycles import LifecycleRow
from store.tasks import Tasks
from tests.activities.steps import Steps
from tests.clock import SteppedClock
from tests.fakes import BANK
from tests.partners.currencycloud.scripted import ACCOUNT, FakeLoginBook, partner
from tests.store.books import PAYMENT, Store

MINUTE = timedelta(minutes=1)
Answer = Callable[[httpx.Request], httpx.Response]


def _failing(error: Exception) -> Answer:
    def answer(_: httpx.Request) -> httpx.Response:
        raise error

    return answer


SILENT: dict[str, Answer] = {
    "no connection": _failing(httpx.ConnectError("refused")),
    "no name": _failing(httpx.ConnectError("Name or service not known")),
    "no answer in time": _failing(httpx.ReadTimeout("")),
    "500": lambda _: httpx.Response(500),
    "503": lambda _: httpx.Response(503, text="<html>maintenance</html>"),
}
ANSWERED: dict[str, Answer] = {
    "429": lambda _: httpx.Response(429),
    "403": lambda _: httpx.Response(403, json={"error_code": "permission_denied"}),
    "404": lambda _: httpx.Response(404, json={"error_code": "payment_not_found"}),
}


def _steps(store: Store, answer: Answer, *, login: str | None = "token") -> Steps:
    adapter = partner(answer, FakeLoginBook(held=login), ACCOUNT, store.clock)
    return Steps(store, cast(Any, adapter))


async def _silent(store: Store) -> Any:
    return store.rows(lambda session: session.get_one(LifecycleRow, PAYMENT)).silent_since


async def _asked(store: Store) -> list[str]:
    tasks = await Tasks(store.database).open(limit=50)
    return [task.kind for task in tasks if task.kind.startswith("silent")]


@pytest.mark.parametrize("how", SILENT)
@pytest.mark.parametrize("login", ["token", None], ids=["at work", "at the login"])
async def test_silence_is_noted_at_the_first_step_and_its_ladder_is_climbed(
    store: Store, clock: SteppedClock, how: str, login: str | None
) -> None:
    await store.accept(as_of=PROFILE.model_copy(update={"partner": BANK}))
    await store.build()
    began = clock.now()
    await _steps(store, SILENT[how], login=login).instruct()
    assert await _silent(store) == began
    assert await _asked(store) == []
    for number, rung in enumerate(LADDER.rungs, start=1):
        clock.step(began + rung.after - clock.now())
        await store.payments.escalate(clock.now(), limit=10)
        assert await _asked(store) == [f"silent_{n}" for n in range(1, number + 1)]
    assert await _silent(store) == began, "it is the same silence"


@pytest.mark.parametrize("how", ANSWERED)
async def test_an_answer_of_any_kind_ends_it_and_its_questions(
    store: Store, clock: SteppedClock, how: str
) -> None:
    await store.accept(as_of=PROFILE.model_copy(update={"partner": BANK}))
    await store.build()
    await _steps(store, SILENT["503"]).instruct()
    clock.step(2 * MINUTE)
    await store.payments.escalate(clock.now(), limit=10)
    assert await _asked(store) == ["silent_1"]
    await _steps(store, ANSWERED[how]).instruct()
    assert await _silent(store) is None
    assert await _asked(store) == []


async def test_a_refused_login_is_an_answer(store: Store, clock: SteppedClock) -> None:
    await store.accept(as_of=PROFILE.model_copy(update={"partner": BANK}))
    await store.build()
    refused = {"error_code": "auth_failed", "error_messages": {}}
    steps = _steps(store, lambda _: httpx.Response(401, json=refused), login=None)
    await steps.instruct()
    assert await _silent(store) is None
    [task] = await Tasks(store.database).open(limit=5)
    assert task.kind == "not_ready"
    assert "refused our login" in task.question


async def test_the_log_says_it_once_then_seldom_and_when_it_is_over(
    store: Store, clock: SteppedClock, caplog: pytest.LogCaptureFixture
) -> None:
    await store.accept(as_of=PROFILE.model_copy(update={"partner": BANK}))
    await store.build()
    answers = [SILENT["no connection"]]
    steps = _steps(store, lambda request: answers[0](request), login=None)
    with caplog.at_level(logging.INFO, "finality.partners"):
        for _ in range(5):
            await steps.instruct()
            clock.step(MINUTE)
        [line] = caplog.messages
        assert line.startswith(f"partner {BANK}/")
        assert "has not answered since" in line
        clock.step(10 * MINUTE)
        await steps.instruct()
        assert len(caplog.messages) == 2
        answers[0] = ANSWERED["429"]
        clock.step(MINUTE)
        await steps.instruct()
        ended = [each for each in caplog.messages if "answers again, after" in each]
        assert len(ended) == 1


def test_a_login_under_way_elsewhere_says_nothing_of_the_partner() -> None:
    clock = SteppedClock()
    assert has_answered(NotReady("another process is logging in", clock.now())) is None
