"""The client for asyncio: the same names as `Client`, to be awaited."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from datetime import timedelta
from typing import Self, TypeVar, Unpack

import httpx

from finality_client import requests
from finality_client.accounts import AsyncAccounts
from finality_client.addresses import checked_address, checked_key, headers
from finality_client.answers import (
    Claim,
    Command,
    Episode,
    Event,
    File,
    FileNow,
    Halt,
    Link,
    Page,
    Payment,
    Task,
)
from finality_client.calls import Call
from finality_client.client import WITHIN
from finality_client.consents import AsyncConsents
from finality_client.endpoints import AsyncWebhookEndpoints
from finality_client.orders import CollectionOrder, Filters, MoneyFields, PaymentOrder
from finality_client.parts import AsyncDo, AsyncPart
from finality_client.reports import AsyncReports
from finality_client.tries import DEFAULT, Retries, Tries
from finality_client.waiting import Waiting

T = TypeVar("T")


class AsyncClient:
    """Calls the API. It belongs to one event loop, and is closed by `async with`.

    Args:
        base_url: such as `https://pay.example`.
        api_key: of `finality api-key new`. It decides the tenant and what is allowed.
        retries: how often a request is repeated; every repeat has the key of the first try.
        timeout: seconds for an answer; a long poll has its own seconds besides.
        allow_http: send the key over http also to another machine.
        transport: of httpx, such as one with a proxy or a certificate of your own.
    """

    def __init__(
        self,
        base_url: str,
        api_key: str,
        *,
        retries: Retries = DEFAULT,
        timeout: float = 30,
        allow_http: bool = False,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._retries = retries
        self._timeout = timeout
        self._http = httpx.AsyncClient(
            base_url=checked_address(base_url, allow_http=allow_http),
            headers=headers(checked_key(api_key)),
            timeout=timeout,
            follow_redirects=False,
            transport=transport,
        )
        self.payments = AsyncPayments(self._do, "payments")
        self.collections = AsyncCollections(self._do, "collections")
        self.files = AsyncFiles(self._do)
        self.tasks = AsyncTasks(self._do)
        self.halts = AsyncHalts(self._do)
        self.events = AsyncEvents(self._do)
        self.consents = AsyncConsents(self._do)
        self.accounts = AsyncAccounts(self._do)
        self.webhook_endpoints = AsyncWebhookEndpoints(self._do)
        self.reports = AsyncReports(self._do)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _do(self, call: Call[T]) -> T:
        tries = Tries(call, self._retries)
        while True:
            pause: float | None
            try:
                response = await self._http.request(
                    call.method,
                    call.path,
                    params=call.query or None,
                    content=call.content,
                    headers=call.headers,
                    timeout=httpx.Timeout(self._timeout, read=self._timeout + call.waits),
                )
            except httpx.RequestError as error:
                pause = tries.failed(error)
            else:
                pause = tries.answered(response)
                if pause is None:
                    return call.read(response)
            await asyncio.sleep(pause)


class _Ordered:
    """What payments and collections have in common."""

    def __init__(self, do: AsyncDo, noun: requests.Noun) -> None:
        self._do = do
        self._noun: requests.Noun = noun

    async def get(self, id: str, *, wait: int = 0, after_sequence: int | None = None) -> Payment:
        """One, as it now stands.

        Args:
            wait: seconds, at most 30, until waiting longer is pointless.
            after_sequence: with `wait`: until it has an event after this one.
        """
        return await self._do(
            requests.one(self._noun, id, wait=wait, after_sequence=after_sequence)
        )

    async def find(self, key: str) -> Payment | None:
        """The one that was ordered under the key; None if there is none."""
        found = await self._do(requests.page(self._noun, None, 1, key=key))
        return found.data[0] if found.data else None

    async def page(
        self, *, after: str | None = None, limit: int = requests.PAGE, **filters: Unpack[Filters]
    ) -> Page[Payment]:
        """A page of those that match every filter, the newest first."""
        return await self._do(requests.page(self._noun, after, limit, **filters))

    async def all(self, **filters: Unpack[Filters]) -> AsyncIterator[Payment]:
        """All that match every filter, the newest first, read page by page."""
        after = None
        while True:
            found = await self.page(after=after, **filters)
            for each in found.data:
                yield each
            if (after := found.next_cursor) is None:
                return

    async def cancel(self, id: str, *, key: str | None = None, why: str = "") -> Command:
        """Cancel it, at whatever point it is; `outcome` says what became of that so far.

        Args:
            why: one line for the timeline; no account number.
        """
        return await self._do(requests.cancel(self._noun, id, key, why))

    async def action(self, id: str) -> Link:
        """Where the payer acts now. Give it to the payer and nobody else.

        Raises:
            NotFound: the payer has nothing to do, or there is no such object.
        """
        return await self._do(requests.action(self._noun, id))

    async def wait_until(self, id: str, *states: str, within: timedelta = WITHIN) -> Payment:
        """Wait for one of the states or, without any, until nothing more is owed.

        It also returns if the payment is over in another state, so look at `state`.

        Raises:
            WaitedTooLong: the time is over; the error has the payment as it was seen last.
        """
        waiting = Waiting(states, within)
        payment = await self.get(id)
        while not waiting.is_over(payment):
            payment = await self.get(id, wait=waiting.seconds, after_sequence=payment.sequence)
        return payment


class AsyncPayments(_Ordered):
    """Credit transfers."""

    async def create(self, order: PaymentOrder, *, key: str | None = None) -> Payment:
        """Order it once under the key. A known key gives the payment as it now stands.

        Args:
            key: your own number for this payment, such as an invoice number: the same for ever,
                so that a program that was restarted pays nothing twice. None makes a new one,
                which protects this call alone; an error names it.

        Raises:
            Invalid: fields are wrong. KeyReused: the key stands for another order.
            PossibleDuplicate: the same was ordered under another key.
            NoAnswer, Unavailable: if `may_be_recorded`, repeat it with the error's `key`.
        """
        return await self._do(requests.create("payments", order, key))


class AsyncCollections(_Ordered):
    """Money pulled from payers."""

    async def create(self, order: CollectionOrder, *, key: str | None = None) -> Payment:
        """Collect once under the key, as `payments.create` does."""
        return await self._do(requests.create("collections", order, key))

    async def capture(self, id: str, amount: MoneyFields, *, key: str | None = None) -> Claim:
        """Take some of what is held.

        Raises:
            CannotClaim: more than is left, or the state does not allow it.
        """
        return await self._do(requests.claim(id, "captures", amount, key))

    async def increment(self, id: str, amount: MoneyFields, *, key: str | None = None) -> Claim:
        """Have so much more held, before any of it is captured. Raises as `capture`."""
        return await self._do(requests.claim(id, "increments", amount, key))

    async def refund(self, id: str, amount: MoneyFields, *, key: str | None = None) -> Claim:
        """Give back some of what was captured. Raises as `capture`."""
        return await self._do(requests.claim(id, "refunds", amount, key))

    async def confirm(self, id: str, *, key: str | None = None) -> Claim:
        """Ask again with the payer there, after a decline because nobody was."""
        return await self._do(requests.confirm(id, key))

    async def captures(self, id: str) -> list[Episode]:
        """Its captures, each with a state of its own."""
        return (await self._do(requests.episodes(id, "captures"))).data

    async def increments(self, id: str) -> list[Episode]:
        """Its increments, each with a state of its own."""
        return (await self._do(requests.episodes(id, "increments"))).data

    async def reversals(self, id: str) -> list[Episode]:
        """Its refunds, and the returns and disputes that nobody of ours asked for."""
        return (await self._do(requests.episodes(id, "reversals"))).data


class AsyncFiles(AsyncPart):
    """pain.001 files, whole."""

    async def create(
        self,
        content: bytes,
        *,
        key: str | None = None,
        skip_invalid: bool = False,
        acknowledge: Collection[str] = (),
    ) -> FileNow:
        """Pay a file once under the key.

        Args:
            skip_invalid: pay the other lines if some are refused or may be duplicates.
            acknowledge: ids of earlier payments that its lines do not repeat.
        """
        call = requests.send_file(content, key, skip_invalid=skip_invalid, acknowledge=acknowledge)
        return await self._do(call)

    async def get(self, message_id: str, *, file_key: str | None = None) -> FileNow:
        """One file, with every line as it now stands.

        Raises:
            SeveralFiles: senders of several files used the message id; give `file_key`.
        """
        return await self._do(requests.one_file(message_id, file_key))

    async def newest(self, limit: int = 20) -> list[File]:
        """The newest files."""
        return (await self._do(requests.files(limit))).data


class AsyncTasks(AsyncPart):
    """What people are asked. They decide by `finality resolve`, with a signature of their own."""

    async def get(self, id: str) -> Task:
        """One open task."""
        return await self._do(requests.task(id))

    async def open(self, limit: int = 100) -> list[Task]:
        """The open tasks, the most urgent first."""
        return (await self._do(requests.tasks(limit))).data


class AsyncHalts(AsyncPart):
    """What stops sends."""

    async def in_force(self) -> list[Halt]:
        """The halts that cover payments of the tenant, the oldest first."""
        return (await self._do(requests.halts())).data


class AsyncEvents(AsyncPart):
    """What changed, in an order in which nothing is missed."""

    async def get(self, id: str) -> Event:
        """One event."""
        return await self._do(requests.event(id))

    async def page(
        self,
        *,
        after: str | None = None,
        limit: int = requests.PAGE,
        wait: int = 0,
        related: str | None = None,
        changes: Collection[str] = (),
    ) -> Page[Event]:
        """The next events after the cursor, the oldest first; `wait` seconds for one to come.

        Raises:
            CursorLost: the cursor is from a history that a restore took away.
        """
        return await self._do(requests.events(after, limit, wait, related, changes))

    async def pages(
        self,
        *,
        after: str | None = None,
        wait: int = 0,
        related: str | None = None,
        changes: Collection[str] = (),
    ) -> AsyncIterator[Page[Event]]:
        """Page after page. Keep `next_cursor` once a page is handled, and begin there again.

        Without `wait` it ends at the last event; with it, it goes on for ever, and a page may be
        empty.
        """
        while True:
            found = await self.page(after=after, wait=wait, related=related, changes=changes)
            if not found.data and not wait:
                return
            yield found
            after = found.next_cursor
