"""Collections: a PaymentIntent is made first, which moves nothing; its confirmation is the PAY."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from domain.clock import Clock
from domain.lifecycle.answers import (
    Absent,
    Accepted,
    Answered,
    CannotTell,
    Found,
    LookedFor,
    Preparation,
    Prepared,
    Read,
    Submitted,
    Unanswered,
    Unprepared,
    WireRequest,
)
from domain.payments.answers import Subject
from domain.payments.report import Report, Source
from partners.kit.calls import Calls, Reply, together
from partners.kit.content import form
from partners.kit.wire import Unusable, read
from partners.stripe import errors, mapping, refusals, requests, wire, words
from partners.stripe.account import StripeAccount
from partners.stripe.lists import Around, Partly, around, whole

#: What `prepare` leaves for the lookup: the id of the intent.
INTENT: Final = "payment_intent"
#: How often an intent is made anew under another key, because Stripe repeats a stored error.
_MAKINGS_MAX: Final = 3


class Collecting:
    """PAY of a collection, and the reads of its PaymentIntent."""

    def __init__(self, account: StripeAccount, calls: Calls, clock: Clock) -> None:
        self._account = account
        self._calls = calls
        self._clock = clock

    async def prepare(self, subject: Subject) -> Preparation:
        """Make the intent, unless it was made, then build the confirmation.

        Two processes that prepare one payment at the same time use one key, and get one intent. An
        intent that is left over is never confirmed and moves nothing.
        """
        if why := requests.unfit(subject.order, self._account):
            return Unprepared(why, refused=refusals.unfit(subject, why, self._clock.now()))
        intent_id = subject.prepared.get(INTENT)
        if intent_id is None:
            made = await self._make(subject)
            if isinstance(made, Unprepared):
                return made
            intent_id = made.id
        path = requests.path_of(requests.INTENTS, intent_id, "/confirm")
        content = form(requests.confirm_form(subject.order))
        return Prepared(
            WireRequest("POST", path, *content, subject.keys[-1], prepared={INTENT: intent_id})
        )

    async def _make(self, subject: Subject) -> wire.PaymentIntent | Unprepared:
        key, features = subject.keys[-1], requests.asks_features(subject.order)
        number = 0
        while True:
            number += 1
            content = form(requests.intent_form(subject.order, key, features=features))
            # The confirmation has the key itself, and one key stands for one request.
            headers = {"idempotency-key": f"{key}-intent-{number}"}
            reply = await self._calls.make(requests.INTENTS, content, headers)
            if features and _is_not_eligible(reply):
                features = False
            elif number >= _MAKINGS_MAX or not _is_spent(reply):
                break
        if not reply.is_success:
            return self._not_made(subject, reply)
        intent = read(wire.PaymentIntent, reply.body)
        if isinstance(intent, Unusable):
            return reply.unprepared(intent.why)
        if intent.money != subject.order.instructed_amount or not _is_ours(subject, intent):
            return reply.unprepared("the partner made another intent than we asked for")
        return intent

    def _not_made(self, subject: Subject, reply: Reply) -> Unprepared:
        failure = read(wire.Failure, reply.body) if reply.status is not None else None
        error = failure.error if isinstance(failure, wire.Failure) else None
        is_refused = (
            reply.status is not None and errors.proven(reply.status, error) is errors.Proves.REFUSED
        )
        if error is None or not is_refused:
            return reply.unprepared(error.text if error else "")
        report = refusals.refused(subject, error, reply.asked_at)
        return Unprepared(report.reason or "", refused=report, exchange=reply.exchange)

    def accepted(self, subject: Subject, request: WireRequest, reply: Reply) -> Submitted:
        intent = read(wire.PaymentIntent, reply.body)
        if isinstance(intent, Unusable):
            return reply.in_doubt(intent.why, drift=intent.drift)
        if intent.id != request.prepared[INTENT]:
            drift = ("payment_intent.id: not the one we confirmed",)
            return reply.in_doubt("the answer is about another intent", drift=drift)
        if mapping.was_confirmed(intent) is False:
            return reply.in_doubt("accepted, but the intent is not shown as confirmed")
        return Accepted(self._report(subject, intent, reply, Source.REPLY), reply.exchange)

    def objected(self, subject: Subject, reply: Reply, error: wire.ApiError) -> Submitted | None:
        """A decline was executed, and the intent in it says what came of it. So does an intent
        that is not to be confirmed any more, because an earlier attempt has worked."""
        intent = error.payment_intent
        if intent is None or intent.id != subject.prepared.get(INTENT):
            return None
        if not mapping.was_confirmed(intent):
            return None
        return Accepted(self._report(subject, intent, reply, Source.REPLY), reply.exchange)

    async def find(self, subject: Subject) -> LookedFor:
        """The intent itself shows whether it was confirmed. Search lags, and proves nothing."""
        intent_id = subject.prepared.get(INTENT) or subject.partner_reference
        if intent_id is None:
            return await self._find_in_list(subject)
        reply, intent = await self.show(intent_id)
        if not isinstance(intent, wire.PaymentIntent):
            return reply.cannot_tell(intent.why if intent else "")
        return self._found(subject, intent, reply)

    async def _find_in_list(self, subject: Subject) -> LookedFor:
        """The list has it, if the database has forgotten the intent that was made."""
        listed = await whole(self._calls, requests.INTENTS, wire.PaymentIntents, {})
        if isinstance(listed, Partly):
            return listed.cannot_tell()
        mine = [each.id for each in listed.items if _is_ours(subject, each)]
        if not mine:
            return Absent(listed.asked_at, listed.exchange)
        if len(mine) > 1:
            why = f"{len(mine)} intents under our keys: {', '.join(mine)}"
            return CannotTell(listed.asked_at, why, listed.exchange)
        return await self.find(replace(subject, partner_reference=mine[0]))

    def _found(self, subject: Subject, intent: wire.PaymentIntent, reply: Reply) -> LookedFor:
        match mapping.was_confirmed(intent):
            case True:
                return Found(self._report(subject, intent, reply, Source.READ), reply.exchange)
            case False:
                return Absent(reply.asked_at, reply.exchange, watermark=True)
            case None:
                return reply.cannot_tell(f"its status {intent.status[:40]!r} is unknown to us")

    async def read(self, subject: Subject) -> Read:
        intent_id = subject.partner_reference
        if intent_id is None:
            return Unanswered("there is no intent to ask for")
        reply, intent = await self.show(intent_id)
        if not isinstance(intent, wire.PaymentIntent):
            return reply.unanswered(intent.why if intent else "", intent.drift if intent else ())
        hangs_on_it = await around(self._calls, subject.order, intent)
        if isinstance(hangs_on_it, Partly):
            return hangs_on_it.unanswered()
        report = self._report(subject, intent, reply, Source.READ, hangs_on_it)
        exchange = together(reply.exchange, *hangs_on_it.exchanges)
        return Answered(report, exchange or reply.exchange)

    async def show(self, intent_id: str) -> tuple[Reply, wire.PaymentIntent | Unusable | None]:
        """The intent with its newest charge; None if no success came back."""
        path = requests.path_of(requests.INTENTS, intent_id)
        reply = await self._calls.get(path, {"expand[]": "latest_charge"})
        if not reply.is_success:
            return reply, None
        intent = read(wire.PaymentIntent, reply.body)
        if isinstance(intent, wire.PaymentIntent) and intent.id != intent_id:
            return reply, Unusable(("payment_intent.id: not the one we asked for",))
        return reply, intent

    def _report(
        self,
        subject: Subject,
        intent: wire.PaymentIntent,
        reply: Reply,
        source: Source,
        hangs_on_it: Around | None = None,
    ) -> Report:
        return mapping.intent_report(
            subject,
            intent,
            source,
            reply.asked_at,
            acts_within=self._account.payer_acts_within,
            around=hangs_on_it,
        )


def _is_ours(subject: Subject, intent: wire.PaymentIntent) -> bool:
    return intent.metadata.get(words.OUR_KEY) in subject.keys


def _is_not_eligible(reply: Reply) -> bool:
    """Whether Stripe may have refused it because our account lacks a feature of cards.

    The refusal has no code of its own ("This account is not eligible for the requested card
    features"). If it was about something else, the same without the features is refused too.
    """
    failure = read(wire.Failure, reply.body) if reply.status == 400 else None
    return isinstance(failure, wire.Failure) and failure.error.code == errors.INVALID_PARAMETER


def _is_spent(reply: Reply) -> bool:
    """Whether Stripe will repeat this answer as long as it knows the key. Nothing has moved."""
    if reply.status is None:
        return False
    if reply.status >= 500:
        return reply.headers.get("idempotent-replayed") == "true"
    failure = read(wire.Failure, reply.body) if reply.status == 400 else None
    if not isinstance(failure, wire.Failure):
        return False
    return errors.proven(400, failure.error) is errors.Proves.DUPLICATE
