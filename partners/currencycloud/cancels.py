"""Cancelling a payment: requested once, and believed only when the payment shows `deleted`."""

from __future__ import annotations

from typing import Final

from domain.clock import Clock
from domain.lifecycle.answers import (
    Absent,
    Accepted,
    CannotTell,
    Found,
    LookedFor,
    Preparation,
    Prepared,
    Submitted,
    Unprepared,
    WireRequest,
)
from domain.payments.answers import Subject
from domain.payments.report import Source
from partners.currencycloud import mapping, wire
from partners.currencycloud.searches import acting, payment_path, search, show
from partners.kit.calls import Calls, Reply, together
from partners.kit.content import form
from partners.kit.wire import Unusable

#: The key of the payment to be cancelled. It finds the payment when its id no longer does.
_PAYMENT_KEY: Final = "unique_request_id"


class Cancels:
    """POST /payments/{id}/delete: the request, and what proves that the payment was deleted."""

    def __init__(self, calls: Calls, clock: Clock) -> None:
        self._calls = calls
        self._clock = clock

    async def prepare(self, subject: Subject) -> Preparation:
        """Build the exact request, and note the key that finds the payment once it is deleted.

        A payment that already reads as 404 shows no key: it is deleted, or not ours. The request
        does no harm then, so it is built all the same.
        """
        if subject.partner_reference is None:
            return Unprepared("there is no payment to take back")
        reply = await show(self._calls, subject)
        if not reply.is_success and reply.status != 404:
            return reply.unprepared()
        payment = wire.read_payment(reply.body)
        is_ours = isinstance(payment, wire.Payment) and payment.id == subject.partner_reference
        key = payment.unique_request_id if isinstance(payment, wire.Payment) and is_ours else None
        body, content_type = form(acting(subject))
        return Prepared(
            WireRequest(
                method="POST",
                path=f"{payment_path(subject.partner_reference)}/delete",
                body=body,
                content_type=content_type,
                key=subject.keys[-1],
                prepared={_PAYMENT_KEY: key} if key else {},
            )
        )

    def answered(self, subject: Subject, reply: Reply) -> Submitted:
        """What a 2xx proves. It proves the cancel only if the payment in it is `deleted`.

        Recorded answers show the payment as it was before, so those leave the cancel in doubt.
        """
        payment = wire.read_payment(reply.body)
        if isinstance(payment, Unusable):
            return reply.in_doubt("answered outside the known contract", drift=payment.drift)
        if payment.id != subject.partner_reference:
            drift = ("payment.id: not the one we asked to delete",)
            return reply.in_doubt("the answer is about another payment", drift=drift)
        if payment.status != mapping.DELETED:
            return reply.in_doubt(
                f"the partner accepted the cancel, but shows {payment.status[:40]}"
            )
        report = mapping.report(subject, payment, None, source=Source.REPLY, as_of=reply.asked_at)
        return Accepted(report, reply.exchange)

    async def find(self, subject: Subject) -> LookedFor:
        """Look up the payment, which is the proof: it is deleted, or exists and is not deleted."""
        if subject.partner_reference is None:
            return CannotTell(self._clock.now(), "there is no payment to look at")
        reply = await show(self._calls, subject)
        if reply.status == 404:
            return await self._find_gone(subject, reply)
        if not reply.is_success:
            return reply.cannot_tell()
        payment = wire.read_payment(reply.body)
        if isinstance(payment, Unusable):
            return reply.cannot_tell(payment.why)
        if payment.id != subject.partner_reference:
            return reply.cannot_tell("the partner showed another payment")
        if payment.status == mapping.DELETED:
            report = mapping.report(
                subject, payment, None, source=Source.READ, as_of=reply.asked_at
            )
            return Found(report, reply.exchange)
        if payment.status not in mapping.STATUSES:
            return reply.cannot_tell(
                f"the partner's status {payment.status[:40]!r} is unknown to us"
            )
        return Absent(reply.asked_at, reply.exchange, watermark=True)

    async def _find_gone(self, subject: Subject, reply: Reply) -> LookedFor:
        """404: deleted, or not visible to us. Only a complete search by its key decides."""
        key = subject.prepared.get(_PAYMENT_KEY)
        if key is None:
            return reply.cannot_tell("no longer readable by its id, and its key is not known")
        found = await search(self._calls, subject, (key,))
        exchange = together(reply.exchange, found.exchange)
        if found.why or exchange is None:
            return CannotTell(found.asked_at, found.why, exchange)
        if [payment.id for payment in found.payments] != [subject.partner_reference]:
            return CannotTell(found.asked_at, "neither readable nor found by its key", exchange)
        (payment,) = found.payments
        if payment.status != mapping.DELETED:
            why = f"not readable by its id, but found as {payment.status[:40]}"
            return CannotTell(found.asked_at, why, exchange)
        report = mapping.report(subject, payment, None, source=Source.READ, as_of=found.asked_at)
        return Found(report, exchange)
