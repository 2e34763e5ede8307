"""Cancels of intents and payouts, which are proven by the object itself."""

from __future__ import annotations

from domain.lifecycle.answers import (
    Absent,
    Accepted,
    Found,
    LookedFor,
    Preparation,
    Prepared,
    Submitted,
    Unprepared,
    WireRequest,
)
from domain.payments.answers import Subject
from domain.payments.report import Report, Source
from partners.kit.calls import Calls, Reply
from partners.kit.content import form
from partners.kit.wire import Unusable, read
from partners.stripe import mapping, payout_mapping, requests, wire, words
from partners.stripe.account import StripeAccount
from partners.stripe.collecting import Collecting
from partners.stripe.lists import Around
from partners.stripe.paying_out import PayingOut


class Cancelling:
    """CANCEL of a collection or a payout."""

    def __init__(
        self,
        account: StripeAccount,
        calls: Calls,
        collecting: Collecting,
        paying_out: PayingOut,
    ) -> None:
        self._account = account
        self._calls = calls
        self._collecting = collecting
        self._paying_out = paying_out

    async def prepare(self, subject: Subject) -> Preparation:
        if subject.partner_reference is None:
            return Unprepared("there is nothing to take back")
        objects, fields = requests.PAYOUTS, dict[str, str]()
        if subject.order.collection is not None:
            objects = requests.INTENTS
            # The charge shows what was held, and is released with the cancel.
            fields = {
                "cancellation_reason": "requested_by_customer",
                "expand[]": "latest_charge",
            }
        path = requests.path_of(objects, subject.partner_reference, "/cancel")
        return Prepared(WireRequest("POST", path, *form(fields), subject.keys[-1]))

    def accepted(self, subject: Subject, request: WireRequest, reply: Reply) -> Submitted:
        shown = read(_kind(subject), reply.body)
        if isinstance(shown, Unusable):
            return reply.in_doubt(shown.why, drift=shown.drift)
        if shown.id != subject.partner_reference:
            drift = ("id: not the one we cancelled",)
            return reply.in_doubt("the answer is about another object", drift=drift)
        if shown.status != words.CANCELED:
            return reply.in_doubt(f"accepted the cancel, but shows {shown.status[:40]!r}")
        return Accepted(self._report(subject, shown, reply, Source.REPLY), reply.exchange)

    def objected(self, subject: Subject, reply: Reply, error: wire.ApiError) -> Submitted | None:
        """A cancelled intent cannot be cancelled again; the lookup gets its state."""
        intent = error.payment_intent
        if intent is None or intent.id != subject.partner_reference:
            return None
        if intent.status != words.CANCELED:
            return None
        return reply.in_doubt("it was cancelled before")

    async def find(self, subject: Subject) -> LookedFor:
        reply, shown = await self._show(subject)
        if not isinstance(shown, (wire.PaymentIntent, wire.Payout)):
            return reply.cannot_tell(shown.why if shown else "")
        if shown.status == words.CANCELED:
            return Found(self._report(subject, shown, reply, Source.READ), reply.exchange)
        known = words.PAYOUT if isinstance(shown, wire.Payout) else words.INTENT
        if shown.status not in known:
            return reply.cannot_tell(f"its status {shown.status[:40]!r} is unknown to us")
        return Absent(reply.asked_at, reply.exchange, watermark=True)

    async def _show(
        self, subject: Subject
    ) -> tuple[Reply, wire.PaymentIntent | wire.Payout | Unusable | None]:
        object_id = subject.partner_reference or ""
        if subject.order.collection is None:
            return await self._paying_out.show(object_id)
        return await self._collecting.show(object_id)

    def _report(
        self,
        subject: Subject,
        shown: wire.PaymentIntent | wire.Payout,
        reply: Reply,
        source: Source,
    ) -> Report:
        if isinstance(shown, wire.Payout):
            # Whose account it was going to does not matter any more.
            return payout_mapping.payout_report(
                subject, shown, source, reply.asked_at, destination=shown.destination
            )
        # If nothing was captured, nothing can hang on it. Nobody reads it again, so the report has
        # to show that what was held is released.
        is_partly_shown = shown.amount_received or isinstance(shown.latest_charge, str)
        around = None if is_partly_shown else Around()
        return mapping.intent_report(
            subject,
            shown,
            source,
            reply.asked_at,
            acts_within=self._account.payer_acts_within,
            around=around,
        )


def _kind(subject: Subject) -> type[wire.PaymentIntent] | type[wire.Payout]:
    return wire.Payout if subject.order.collection is None else wire.PaymentIntent
