"""INCREMENT: the payer's bank holds more for an intent of which nothing was captured yet.

Reference, "Increment an authorization", and the guide of the same name: the request names the new
total. So what is held is read first and noted with the request, and every resend asks for the same
total. After a decline the intent can be captured for the amount that was held before.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

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
from domain.payments.report import Source
from partners.kit.calls import Reply
from partners.kit.content import form
from partners.kit.wire import Unusable, read
from partners.stripe import mapping, refusals, requests, wire, words
from partners.stripe.amounts import to_stripe
from partners.stripe.collecting import Collecting

#: What an increment leaves for the lookup: the amount that was held before it, in Stripe's units.
_BEFORE: Final = "held_before"


class Incrementing:
    """INCREMENT of an intent whose money is held."""

    def __init__(self, collecting: Collecting) -> None:
        self._collecting = collecting

    async def prepare(self, subject: Subject) -> Preparation:
        """Read what is held and what the card allows, then build the request for the new total."""
        left = dict(subject.prepared)
        if _BEFORE not in left:
            reply, intent = await self._collecting.show(subject.partner_reference or "")
            if not isinstance(intent, wire.PaymentIntent):
                return reply.unprepared(intent.why if intent else "")
            if _has_mark(subject, intent):
                # Nothing of ours was sent yet, so the database has forgotten it.
                return reply.unprepared("the partner shows this increment, and we have no attempt")
            if why := _unfit(intent):
                return Unprepared(why, refused=refusals.unfit(subject, why, reply.asked_at))
            left = {_BEFORE: str(intent.amount)}
        key, amount = subject.keys[-1], subject.amount
        assert amount is not None, "an increment claims an amount"
        fields = {
            "amount": str(int(left[_BEFORE]) + to_stripe(amount)),
            f"metadata[{requests.increment_mark(key)}]": str(amount.minor),
        }
        path = requests.path_of(
            requests.INTENTS, subject.partner_reference, "/increment_authorization"
        )
        return Prepared(WireRequest("POST", path, *form(fields), key, prepared=left))

    def accepted(self, subject: Subject, request: WireRequest, reply: Reply) -> Submitted:
        intent = read(wire.PaymentIntent, reply.body)
        if isinstance(intent, Unusable):
            return reply.in_doubt(intent.why, drift=intent.drift)
        if intent.id != subject.partner_reference:
            drift = ("payment_intent.id: not the one whose hold we raised",)
            return reply.in_doubt("the answer is about another intent", drift=drift)
        if not _has_mark(subject, intent) or _is_raised(subject, request.prepared, intent) is False:
            return reply.in_doubt("accepted, but the intent does not show the larger hold")
        report = mapping.about_intent(subject, intent, Source.REPLY, reply.asked_at)
        return Accepted(report, reply.exchange)

    def objected(self, subject: Subject, reply: Reply, error: wire.ApiError) -> Submitted | None:
        """A decline changes nothing on the intent, so its own words count."""
        return None

    async def find(self, subject: Subject) -> LookedFor:
        """The mark of an increment is written with it, and the amount has to agree with it."""
        reply, intent = await self._collecting.show(subject.partner_reference or "")
        if not isinstance(intent, wire.PaymentIntent):
            return reply.cannot_tell(intent.why if intent else "")
        is_marked = _has_mark(subject, intent)
        if _is_raised(subject, subject.prepared, intent) is (not is_marked):
            return reply.cannot_tell("the amount that is held and our mark do not agree")
        if not is_marked:
            return Absent(reply.asked_at, reply.exchange, watermark=True)
        report = mapping.about_intent(subject, intent, Source.READ, reply.asked_at)
        return Found(report, reply.exchange)


def _unfit(intent: wire.PaymentIntent) -> str:
    """Why the hold cannot be raised; empty if the card allows it."""
    if intent.status != words.HELD or intent.amount_received:
        return f"state: the intent is {intent.status[:40]}, and its hold cannot be raised any more"
    if intent.charge is None or not intent.charge.allows_increments:
        return "the card allows no increment of what it holds; collect the rest on its own"
    return ""


def _is_raised(
    subject: Subject, prepared: Mapping[str, str], intent: wire.PaymentIntent
) -> bool | None:
    """Whether the intent shows at least the total that we asked for.

    None: the database has forgotten what was held before, so the mark alone tells. Somebody may
    have raised the hold further meanwhile.
    """
    if _BEFORE not in prepared or subject.amount is None:
        return None
    return intent.amount >= int(prepared[_BEFORE]) + to_stripe(subject.amount)


def _has_mark(subject: Subject, intent: wire.PaymentIntent) -> bool:
    return any(requests.increment_mark(key) in intent.metadata for key in subject.keys)
