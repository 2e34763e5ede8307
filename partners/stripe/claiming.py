"""Captures and refunds of a collection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

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
from partners.kit.calls import Calls, Reply
from partners.kit.content import form
from partners.kit.wire import Unusable, read
from partners.stripe import mapping, requests, wire, words
from partners.stripe.collecting import Collecting
from partners.stripe.lists import Partly, whole

#: What a capture leaves for the lookup: what was captured before it, in Stripe's units.
_BEFORE: Final = "captured_before"
_IS_LAST: Final = "is_last"


class Capturing:
    """CAPTURE: some of what an intent holds."""

    def __init__(self, collecting: Collecting) -> None:
        self._collecting = collecting

    async def prepare(self, subject: Subject) -> Preparation:
        """Read what the card allows, then build the capture.

        Where a card allows several captures, none is the last, so that the rest stays held until
        the hold ends or is cancelled. Elsewhere the first one releases the rest.
        """
        left = dict(subject.prepared)
        if _BEFORE not in left:
            reply, intent = await self._collecting.show(subject.partner_reference or "")
            if not isinstance(intent, wire.PaymentIntent):
                return reply.unprepared(intent.why if intent else "")
            if _has_mark(subject, intent):
                # Nothing of ours was sent yet, so the database has forgotten it.
                return reply.unprepared("the partner shows this capture, and we have no attempt")
            several = intent.charge is not None and intent.charge.allows_several_captures
            left = {_BEFORE: str(intent.amount_received), _IS_LAST: str(not several)}
        key, amount = subject.keys[-1], subject.amount
        assert amount is not None, "a capture claims an amount"
        fields = {
            "amount_to_capture": requests.amount_fields(amount)["amount"],
            f"metadata[{requests.capture_mark(key)}]": str(amount.minor),
        }
        if left[_IS_LAST] == str(False):
            fields["final_capture"] = "false"
        path = requests.path_of(requests.INTENTS, subject.partner_reference, "/capture")
        return Prepared(WireRequest("POST", path, *form(fields), key, prepared=left))

    def accepted(self, subject: Subject, request: WireRequest, reply: Reply) -> Submitted:
        intent = read(wire.PaymentIntent, reply.body)
        if isinstance(intent, Unusable):
            return reply.in_doubt(intent.why, drift=intent.drift)
        if intent.id != subject.partner_reference:
            drift = ("payment_intent.id: not the one we captured",)
            return reply.in_doubt("the answer is about another intent", drift=drift)
        if not _has_mark(subject, intent) or _is_unchanged(request.prepared, intent):
            return reply.in_doubt("accepted, but the intent does not show the capture")
        report = mapping.about_intent(subject, intent, Source.REPLY, reply.asked_at)
        return Accepted(report, reply.exchange)

    def objected(self, subject: Subject, reply: Reply, error: wire.ApiError) -> Submitted | None:
        return None

    async def find(self, subject: Subject) -> LookedFor:
        """The mark of a capture is written with it, and both have to agree.

        An amount that changed without our mark is somebody else's capture. A mark without a change
        is nothing that they describe.
        """
        reply, intent = await self._collecting.show(subject.partner_reference or "")
        if not isinstance(intent, wire.PaymentIntent):
            return reply.cannot_tell(intent.why if intent else "")
        is_marked = _has_mark(subject, intent)
        if is_marked is _is_unchanged(subject.prepared, intent):
            return reply.cannot_tell("the amount captured and our mark do not agree")
        if not is_marked:
            return Absent(reply.asked_at, reply.exchange, watermark=True)
        report = mapping.about_intent(subject, intent, Source.READ, reply.asked_at)
        return Found(report, reply.exchange)


def _is_unchanged(prepared: Mapping[str, str], intent: wire.PaymentIntent) -> bool:
    """Whether no more was captured than before. Nothing was, if the database has forgotten it."""
    return str(intent.amount_received) == prepared.get(_BEFORE, str(0))


def _has_mark(subject: Subject, intent: wire.PaymentIntent) -> bool:
    return any(requests.capture_mark(key) in intent.metadata for key in subject.keys)


class Refunding:
    """REFUND: some of what was captured."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def prepare(self, subject: Subject) -> Preparation:
        if subject.partner_reference is None or subject.amount is None:
            return Unprepared("there is no payment to refund")
        fields = {
            "payment_intent": subject.partner_reference,
            "amount": requests.amount_fields(subject.amount)["amount"],
            **requests.ours(subject.keys[-1]),
        }
        return Prepared(WireRequest("POST", requests.REFUNDS, *form(fields), subject.keys[-1]))

    def accepted(self, subject: Subject, request: WireRequest, reply: Reply) -> Submitted:
        refund = read(wire.Refund, reply.body)
        if isinstance(refund, Unusable):
            return reply.in_doubt(refund.why, drift=refund.drift)
        if refund.metadata.get(words.OUR_KEY) != request.key or refund.money != subject.amount:
            drift = ("refund: not the one we asked for",)
            return reply.in_doubt("the answer is about another refund", drift=drift)
        report = mapping.refund_report(subject, refund, Source.REPLY, reply.asked_at)
        return Accepted(report, reply.exchange)

    def objected(self, subject: Subject, reply: Reply, error: wire.ApiError) -> Submitted | None:
        return None

    async def find(self, subject: Subject) -> LookedFor:
        """The list of the payment's refunds, to its end, by our keys in their metadata."""
        payment = subject.partner_reference
        listed = await whole(
            self._calls, requests.REFUNDS, wire.Refunds, {"payment_intent": payment or ""},
            lambda refund: refund.payment_intent == payment,
        )  # fmt: skip
        if isinstance(listed, Partly):
            return listed.cannot_tell()
        mine = [each for each in listed.items if each.metadata.get(words.OUR_KEY) in subject.keys]
        if not mine:
            return Absent(listed.asked_at, listed.exchange)
        if len(mine) > 1:
            why = f"{len(mine)} refunds under our keys: {', '.join(each.id for each in mine)}"
            return CannotTell(listed.asked_at, why, listed.exchange)
        report = mapping.refund_report(subject, mine[0], Source.READ, listed.asked_at)
        return Found(report, listed.exchange)
