"""`finality listen` forwards events in order, and goes on where it ended."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlmodel import Session, select
from standardwebhooks.webhooks import Webhook

from starter.webhooks.forwarding import (
    Forwarded,
    Forwarding,
    ForwardingPlace,
    ForwardTarget,
)
from starter.webhooks.sources import PlaceLost, StoredEvents
from store.events import Events
from store.tables.events import EventRow
from tests.starter.webhooks.conftest import HERE, TENANT, Webhooks
from tests.starter.webhooks.receiver import Receiver
from transport.posting import Answered, Posting, Unreached


async def _resolve(host: str, port: int) -> list[str]:
    return [host]


class Listening:
    """Calls of `finality listen`, one after the other, with one file."""

    def __init__(self, webhooks: Webhooks, file: Path, *targets: ForwardTarget) -> None:
        posting = Posting(
            allowed=HERE, resolve=_resolve, clock=webhooks.store.clock, answer_seconds=2
        )
        self.forwarding = Forwarding(
            StoredEvents(Events(webhooks.store.database), TENANT), posting, webhooks.store.clock,
            targets=targets, file=file,
        )  # fmt: skip
        self.file = file
        self.said: list[Forwarded] = []

    async def until(self, done: Callable[[], bool], since: datetime | None = None) -> None:
        """One call, which is stopped once that is so."""
        stop = asyncio.Event()

        def said(one: Forwarded) -> None:
            self.said.append(one)
            if done():
                stop.set()

        place = await self.forwarding.begin(since)
        if done():
            stop.set()
        async with asyncio.timeout(60):
            await self.forwarding.forward(place, said, stop)


async def test_it_begins_with_new_events_and_catches_up_on_what_came_while_it_was_away(
    webhooks: Webhooks, receiver: Receiver, tmp_path: Path
) -> None:
    file = tmp_path / "listen" / "place.json"
    listening = Listening(webhooks, file, ForwardTarget(receiver.url))
    await webhooks.event("old")
    await listening.until(lambda: True)
    assert receiver.ids == []
    assert file.stat().st_mode & 0o077 == 0
    sent = [await webhooks.event(f"p{number}") for number in range(3)]
    await listening.until(lambda: len(receiver.ids) >= 3)
    sent.append(await webhooks.event("later"))
    await listening.until(lambda: len(receiver.ids) >= 4)
    assert receiver.ids == sent
    secret = ForwardingPlace.read(file).secret
    library = Webhook(secret)
    for each in receiver.received:
        at = datetime.fromtimestamp(int(each.headers["webhook-timestamp"])).astimezone()
        at = at.astimezone(tz=webhooks.store.clock.now().tzinfo)
        signed = library.sign(each.id, at, each.body.decode())
        assert signed == each.headers["webhook-signature"]
    assert [one.answer for one in listening.said] == [Answered(200, None)] * 4


async def test_since_begins_anew_at_a_moment(
    webhooks: Webhooks, receiver: Receiver, tmp_path: Path
) -> None:
    clock, sent = webhooks.store.clock, []
    for number in range(4):
        sent.append(await webhooks.event(f"p{number}"))
        clock.step(timedelta(minutes=1))
    listening = Listening(webhooks, tmp_path / "place.json", ForwardTarget(receiver.url))
    await listening.until(lambda: len(receiver.ids) >= 2, since=clock.now() - timedelta(minutes=2))
    await listening.until(lambda: len(receiver.ids) >= 6, since=clock.now() - timedelta(minutes=9))
    assert receiver.ids == [*sent[2:], *sent]


async def test_each_type_goes_to_its_target_and_the_rest_to_the_other(
    webhooks: Webhooks, receiver: Receiver, other: Receiver, tmp_path: Path
) -> None:
    listening = Listening(
        webhooks, tmp_path / "place.json", ForwardTarget(receiver.url),
        ForwardTarget(other.url, ("payment.state_changed",)),
    )  # fmt: skip
    await listening.until(lambda: True)
    created = await webhooks.event("a")
    await webhooks.store.commands.cancel(
        "pay_a", command_id="c", by="a", why="", now=webhooks.store.clock.now()
    )
    await listening.until(lambda: len(listening.said) >= 2)
    assert receiver.ids == [created]
    assert other.ids == ["evt_pay_a_2"]


async def test_a_refusal_is_said_and_passed_and_a_target_that_is_away_is_waited_for(
    webhooks: Webhooks, receiver: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("starter.webhooks.forwarding._PAUSES_SECONDS", (0.05,))
    receiver.say("500 X", "200 OK")
    listening = Listening(webhooks, tmp_path / "place.json", ForwardTarget(receiver.url))
    await listening.until(lambda: True)
    sent = [await webhooks.event(f"p{number}") for number in range(2)]
    await listening.until(lambda: len(listening.said) >= 2)
    assert [one.answer for one in listening.said] == [Answered(500, None), Answered(200, None)]
    assert receiver.ids == sent
    away = Listening(webhooks, tmp_path / "away.json", ForwardTarget("http://127.0.0.1:1/"))
    await away.until(lambda: True)
    await webhooks.event("missed")
    await away.until(lambda: len(away.said) >= 3)
    assert all(isinstance(one.answer, Unreached) for one in away.said)
    assert len({one.event.id for one in away.said}) == 1, "it is not passed"
    kept = ForwardingPlace.read(away.file)
    assert kept.cursor is not None
    assert kept.cursor.startswith(f"{away.said[0].event.position - 1}-")


async def test_a_place_that_a_restore_took_away_is_said_with_the_remedy(
    webhooks: Webhooks, receiver: Receiver, tmp_path: Path
) -> None:
    listening = Listening(webhooks, tmp_path / "place.json", ForwardTarget(receiver.url))
    await webhooks.event("a")
    await listening.until(lambda: True)

    def restore(session: Session) -> None:
        for row in session.exec(select(EventRow)):
            session.delete(row)

    webhooks.store.database.write_now(restore)
    with pytest.raises(PlaceLost, match="--since"):
        await listening.until(lambda: False)
    listening.file.write_text("{}")
    with pytest.raises(PlaceLost, match="remove it"):
        await listening.until(lambda: True)
