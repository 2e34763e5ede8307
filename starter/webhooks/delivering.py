"""Delivers events to webhook endpoints, in every worker, as long as it runs.

The store says which endpoints have something due, by moments that it keeps. There is no workflow:
a delivery needs no more than a moment and a row, and it goes on while Temporal is away
(docs/decisions/0038). Each endpoint has a task of its own for its turn, so one that is slow or
fails holds up nobody else.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Final

from domain.clock import Clock
from starter.webhooks.signing import body_of, body_of_test, signed_headers
from store.faults import StoreAway
from store.keyring import KeyringError
from store.webhooks.deliveries import Attempt
from store.webhooks.turns import Due, EndpointTurns, Leased
from transport.posting import ANSWER_SECONDS, Answered, Line, Posting, Unreached

log = logging.getLogger("finality.webhooks")

#: The pause between two looks at what is due.
_LOOK_SECONDS: Final = 1.0
#: Time in which an endpoint's turn begins further deliveries, so that others get their turn too.
_TURN_SECONDS: Final = 20.0
#: After this time another process may take the turn: the last delivery has long ended then.
_LEASE: Final = timedelta(seconds=_TURN_SECONDS + 2 * ANSWER_SECONDS)
#: Endpoints that one process serves at the same time.
_AT_ONCE: Final = 200
_GONE: Final = 410


class Deliverer:
    """Takes the turns of endpoints and sends what is due."""

    def __init__(self, *, turns: EndpointTurns, posting: Posting, clock: Clock) -> None:
        self._turns = turns
        self._posting = posting
        self._clock = clock
        self._serving: dict[str, asyncio.Task[None]] = {}
        self._is_stopping = False

    async def run(self, stop: asyncio.Event) -> None:
        """Deliver until the stop, then end the deliveries under way."""
        while not stop.is_set():
            try:
                await self.look()
            except StoreAway as away:
                log.warning("the database is away, so no webhooks are sent: %s", away)
            try:
                await asyncio.wait_for(stop.wait(), _LOOK_SECONDS)
            except TimeoutError:
                continue
        self._is_stopping = True
        await self.settled()

    async def look(self) -> int:
        """Begin the turns of endpoints that have something due. Returns how many began."""
        room = _AT_ONCE - len(self._serving)
        if room <= 0:
            return 0
        # Those that are being served here have a lease, so they are not among these.
        due = await self._turns.due(self._clock.now(), limit=room)
        begun = [each for each in due if each not in self._serving]
        for endpoint_id in begun:
            self._serving[endpoint_id] = asyncio.create_task(self._serve(endpoint_id))
        return len(begun)

    async def settled(self) -> None:
        """Wait until the turns that began have ended."""
        await asyncio.gather(*self._serving.values())

    async def _serve(self, endpoint_id: str) -> None:
        """One turn of one endpoint."""
        now = self._clock.now()
        until = now + _LEASE
        try:
            leased = await self._turns.lease(endpoint_id, now, until)
            if leased is None:
                return
            async with self._posting.line(leased.endpoint.url) as line:
                await self._send_due(leased, line)
            await self._turns.release(endpoint_id, until)
        except StoreAway as away:
            log.warning("%s: its turn ends, since the database is away: %s", endpoint_id, away)
        except KeyringError as error:
            log.error("%s: nothing is sent: %s; `finality doctor` says more", endpoint_id, error)
        except Exception:
            # A fault of ours. The lease ends by itself, and the next turn tries again.
            log.exception("%s: its turn failed", endpoint_id)
        finally:
            del self._serving[endpoint_id]

    async def _send_due(self, leased: Leased, line: Line) -> None:
        endpoint_id = leased.endpoint.endpoint_id
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + _TURN_SECONDS
        while loop.time() < ends_at and not self._is_stopping:
            due = await self._turns.next(endpoint_id, self._clock.now())
            if due is None:
                if not await self._turns.fill(endpoint_id, self._clock.now()):
                    return
                continue
            if not await self._send(leased, line, due):
                return

    async def _send(self, leased: Leased, line: Line, due: Due) -> bool:
        """Send one delivery and record what came of it. False: the endpoint waits now."""
        endpoint_id, sent_at = leased.endpoint.endpoint_id, self._clock.now()
        body = (
            body_of(due.event)
            if due.event is not None
            else body_of_test(due.event_id, due.created_at)
        )
        loop = asyncio.get_running_loop()
        started = loop.time()
        answer = await line.post(signed_headers(leased.secrets, due.event_id, sent_at, body), body)
        took_ms = int((loop.time() - started) * 1000)
        answered = answer if isinstance(answer, Answered) else None
        attempt = Attempt(
            at=sent_at,
            took_ms=took_ms,
            status=answered.status if answered else None,
            why=_why(answer),
        )
        await self._turns.sent(
            due,
            endpoint_id,
            attempt,
            self._clock.now(),
            retry_after=answered.retry_after if answered else None,
            is_gone=answered is not None and answered.status == _GONE,
            jitter=random.random(),
        )
        if attempt.why is not None:
            log.warning("%s: %s was not delivered: %s", endpoint_id, due.event_id, attempt.why)
        return attempt.is_success


def _why(answer: Answered | Unreached) -> str | None:
    """Why it failed; None: it was delivered."""
    if isinstance(answer, Unreached):
        return answer.why
    return None if answer.is_success else f"it answered {answer.status}"


@asynccontextmanager
async def delivering(deliverer: Deliverer) -> AsyncIterator[None]:
    """Deliver as long as the context lasts."""
    stop = asyncio.Event()
    running = asyncio.create_task(deliverer.run(stop))
    try:
        yield
    finally:
        stop.set()
        await running
