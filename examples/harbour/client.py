"""The bank as a `PaymentPartner`: each request is sent once, each outcome is a value."""

from __future__ import annotations

from datetime import datetime
from urllib.parse import quote

from domain.lifecycle import answers
from domain.lifecycle.answers import Deadline, Submitted, WireRequest
from domain.lifecycle.profile import InstructionKind
from domain.payments.answers import Subject
from domain.payments.order import Order
from domain.payments.report import Source
from examples.harbour import mapping, wire
from examples.harbour.account import HarbourAccount
from examples.harbour.login import Session
from examples.harbour.profile import PROFILE
from partners.kit.calls import Calls, Reply
from partners.kit.content import json_object
from partners.kit.wire import Unusable, read
from partners.kit.workplace import Workplace


class HarbourPartner:
    """One of our accounts with Harbour Bank."""

    def __init__(self, account: HarbourAccount, workplace: Workplace) -> None:
        self.profile = account.overriding(PROFILE, account.client_id)
        self.login = f"{account.client_id} at {account.base_url}"
        self._transport = workplace.transport(account.base_url)
        self._session = Session(self.login, account, workplace, self._transport)
        self._calls = Calls(self._transport, self._session, workplace.clock)

    async def ready(self) -> answers.NotReady | None:
        return await self._session.ready()

    async def prepare(self, subject: Subject) -> answers.Preparation:
        """The exact bytes: they are stored, and resent as they are if they have to be."""
        path, content = "/orders", json_object(mapping.asked(subject.order))
        if subject.kind is InstructionKind.CANCEL:
            path, content = f"{_path(subject)}/cancel", json_object({})
        return answers.Prepared(WireRequest("POST", path, *content, subject.keys[-1]))

    async def examine(self, order: Order) -> None:
        return None  # Nothing is asked before a payment.

    async def submit(self, subject: Subject, request: WireRequest, deadline: Deadline) -> Submitted:
        reply = await self._calls.instruct(request, deadline, {"idempotency-key": request.key})
        if reply.status is None or reply.status >= 500:
            return reply.no_verdict()
        if reply.is_success:
            return self._accepted(subject, request.key, reply)
        refusal = read(wire.Refusal, reply.body)
        if isinstance(refusal, Unusable):
            return reply.in_doubt(refusal.why, drift=refusal.drift)
        report = mapping.refused(subject, refusal, reply.asked_at)
        if reply.status in (401, 429):
            return answers.TurnedAway(reply.status, reply.why, reply.exchange, reply.retry_at)
        if refusal.error in mapping.DUPLICATE:
            return answers.Duplicate(report, reply.exchange)
        if refusal.error in mapping.REFUSED:
            return answers.Refused(report, reply.exchange)
        drift = f"refusal.error: {refusal.error[:40]!r} is not documented"
        return reply.in_doubt(reply.why, drift=(drift,))

    def _accepted(self, subject: Subject, key: str, reply: Reply) -> Submitted:
        order = read(wire.Order, reply.body)
        if isinstance(order, Unusable):
            return reply.in_doubt(order.why, drift=order.drift)
        is_cancel = subject.kind is InstructionKind.CANCEL
        if order.id != subject.partner_reference if is_cancel else order.key != key:
            return reply.in_doubt("answered with another order", drift=("order: not ours",))
        if is_cancel and order.status != mapping.CANCELLED:
            return reply.in_doubt(f"accepted the cancel, but shows {order.status[:40]!r}")
        report = mapping.report(subject, order, Source.REPLY, reply.asked_at)
        return answers.Accepted(report, reply.exchange)

    async def find(self, subject: Subject) -> answers.LookedFor:
        if subject.kind is InstructionKind.CANCEL:
            return await self._find_cancelled(subject)
        # Every key there ever was, or absence is not proven.
        replies = [await self._calls.get("/orders", {"key": key}) for key in subject.keys]
        for key, reply in zip(subject.keys, replies, strict=True):
            page = read(wire.Page, reply.body) if reply.is_success else None
            if not isinstance(page, wire.Page):
                return reply.cannot_tell()
            if any(order.key != key for order in page.orders):
                return reply.cannot_tell("the search shows an order under another key")
            for order in page.orders:
                report = mapping.report(subject, order, Source.READ, reply.asked_at)
                return answers.Found(report, reply.exchange)
        return answers.Absent(replies[0].asked_at, replies[0].exchange)

    async def _find_cancelled(self, subject: Subject) -> answers.LookedFor:
        reply, order = await self._show(subject)
        if not isinstance(order, wire.Order) or order.status not in mapping.STATES:
            return reply.cannot_tell()
        if order.status != mapping.CANCELLED:
            return answers.Absent(reply.asked_at, reply.exchange, watermark=True)
        report = mapping.report(subject, order, Source.READ, reply.asked_at)
        return answers.Found(report, reply.exchange)

    async def read(self, subject: Subject) -> answers.Read:
        reply, order = await self._show(subject)
        if not isinstance(order, wire.Order):
            return reply.unanswered(drift=order.drift if order else ())
        report = mapping.report(subject, order, Source.READ, reply.asked_at)
        return answers.Answered(report, reply.exchange)

    async def _show(self, subject: Subject) -> tuple[Reply, wire.Order | Unusable | None]:
        reply = await self._calls.get(_path(subject))
        order = read(wire.Order, reply.body) if reply.is_success else None
        if isinstance(order, wire.Order) and order.id != subject.partner_reference:
            order = Unusable(("order.id: not the one we asked for",))
        return reply, order

    async def available(self, currency: str, on_behalf_of: str | None) -> answers.Unanswered:
        return answers.Unanswered("Harbour Bank does not show balances", never=True)

    async def created_since(self, since: datetime) -> answers.Listed | answers.Unanswered:
        """One page, the oldest first. For more, the caller asks again from the last payment."""
        reply = await self._calls.get("/orders", {"since": since.isoformat()})
        page = read(wire.Page, reply.body) if reply.is_success else None
        if not isinstance(page, wire.Page):
            return reply.unanswered(drift=page.drift if page else ())
        shown = (answers.Shown(each.id, each.key, each.created_at) for each in page.orders)
        return answers.Listed(tuple(shown), is_complete=not page.more)

    async def close(self) -> None:
        await self._transport.close()


def _path(subject: Subject) -> str:
    return f"/orders/{quote(subject.partner_reference or '', safe='')}"
