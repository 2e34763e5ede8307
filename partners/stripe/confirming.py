"""CONFIRM: the payer comes back, and the intent that was declined without them is tried again.

Guide "Save and reuse", off-session payments: after the decline `authentication_required`, the same
PaymentIntent is confirmed again while the payer is there, and shows the page on which they confirm.
To collect again with a new intent was refused: two intents can both take the money.
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
from partners.stripe.collecting import Collecting

#: What a confirmation leaves for the lookup: the charge that was declined before it.
_BEFORE: Final = "declined_before"


class Confirming:
    """CONFIRM of an intent that was declined because nobody was there."""

    def __init__(self, collecting: Collecting) -> None:
        self._collecting = collecting

    async def prepare(self, subject: Subject) -> Preparation:
        """Note the decline that is to be overcome, then build the confirmation."""
        left = dict(subject.prepared)
        if _BEFORE not in left:
            reply, intent = await self._collecting.show(subject.partner_reference or "")
            if not isinstance(intent, wire.PaymentIntent):
                return reply.unprepared(intent.why if intent else "")
            failed = intent.last_payment_error
            if failed is None or not mapping.waits_for_payer(intent):
                why = f"state: the intent is {intent.status[:40]}, and waits for no payer"
                return Unprepared(why, refused=refusals.unfit(subject, why, reply.asked_at))
            left = {_BEFORE: failed.charge or ""}
        path = requests.path_of(requests.INTENTS, subject.partner_reference, "/confirm")
        content = form(requests.confirm_again_form(subject.order))
        return Prepared(WireRequest("POST", path, *content, subject.keys[-1], prepared=left))

    def accepted(self, subject: Subject, request: WireRequest, reply: Reply) -> Submitted:
        intent = read(wire.PaymentIntent, reply.body)
        if isinstance(intent, Unusable):
            return reply.in_doubt(intent.why, drift=intent.drift)
        if intent.id != subject.partner_reference:
            drift = ("payment_intent.id: not the one we confirmed",)
            return reply.in_doubt("the answer is about another intent", drift=drift)
        if _was_tried(request.prepared, intent) is False:
            return reply.in_doubt("accepted, but the intent is not shown as confirmed again")
        report = mapping.about_intent(subject, intent, Source.REPLY, reply.asked_at)
        return Accepted(report, reply.exchange)

    def objected(self, subject: Subject, reply: Reply, error: wire.ApiError) -> Submitted | None:
        """A second decline was executed. So was the confirmation before the one that comes too
        late."""
        intent = error.payment_intent
        if intent is None or intent.id != subject.partner_reference:
            return None
        if not _was_tried(subject.prepared, intent):
            return None
        report = mapping.about_intent(subject, intent, Source.REPLY, reply.asked_at)
        return Accepted(report, reply.exchange)

    async def find(self, subject: Subject) -> LookedFor:
        """The intent shows whether it was tried again since the decline."""
        reply, intent = await self._collecting.show(subject.partner_reference or "")
        if not isinstance(intent, wire.PaymentIntent):
            return reply.cannot_tell(intent.why if intent else "")
        match _was_tried(subject.prepared, intent):
            case True:
                report = mapping.about_intent(subject, intent, Source.READ, reply.asked_at)
                return Found(report, reply.exchange)
            case False:
                return Absent(reply.asked_at, reply.exchange, watermark=True)
            case None:
                return reply.cannot_tell(f"its status {intent.status[:40]!r} is unknown to us")


def _was_tried(prepared: Mapping[str, str], intent: wire.PaymentIntent) -> bool | None:
    """Whether the intent was confirmed again; None if its status is unknown.

    A cancelled one can no longer be confirmed, so whether it was makes no difference.
    """
    if intent.status not in words.INTENT:
        return None
    if not mapping.waits_for_payer(intent):
        return intent.status != words.UNCONFIRMED
    failed, before = intent.last_payment_error, prepared.get(_BEFORE)
    return failed is not None and before is not None and (failed.charge or "") != before
