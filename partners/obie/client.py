"""A bank of UK Open Banking as a `PaymentPartner`: each request is sent once, each outcome is a
value.

The payer approves before anything is submitted: `prepare` makes the consent, waits for the payer,
exchanges the code that the payer brings back, and compares what was authorised with the order. Only
then is there a request to send. A consent is good for one payment, whatever is lost on the way.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from domain.lifecycle.answers import (
    Absent,
    Accepted,
    Answered,
    CannotTell,
    Deadline,
    Found,
    LookedFor,
    NeedsUser,
    NotReady,
    NotSent,
    Preparation,
    Prepared,
    PreparedKey,
    Read,
    Refused,
    Submitted,
    TurnedAway,
    Unanswered,
    Unprepared,
    WireRequest,
)
from domain.lifecycle.profile import InstructionKind
from domain.money import Money
from domain.payments.answers import Subject
from domain.payments.order import Order
from domain.payments.report import Action, ActionKind, Source
from partners.kit.calls import Reply
from partners.kit.wire import Unusable, read
from partners.kit.workplace import Workplace
from partners.obie import errors, mapping, requests, wire, words
from partners.obie.account import ObieAccount
from partners.obie.bank import Bank
from partners.obie.errors import Proves
from partners.obie.profile import profile_of
from partners.obie.words import Approval

_SCOPE: Final = "payments"
_CONSENT: Final = "consent_id"
_PURPOSE: Final = "payment consent"
#: How often the bank is asked whether the payer refused. A payer who approves comes back to us.
_LOOK_AGAIN: Final = timedelta(seconds=15)
_INSUFFICIENT_FUNDS: Final = "AM04"


class ObiePartner:
    """One of our accesses to a bank."""

    def __init__(self, account: ObieAccount, workplace: Workplace) -> None:
        self.profile = profile_of(account)
        self.login = account.login
        self._account = account
        self._clock = workplace.clock
        self._prepared = workplace.prepared
        self._bank = Bank(account, workplace)

    async def ready(self) -> NotReady | None:
        """Make sure that the bank accepts our certificate and client before a byte of an order
        leaves."""
        return await self._bank.ready(_SCOPE)

    async def prepare(self, subject: Subject) -> Preparation:
        now = self._clock.now()
        if subject.kind is not InstructionKind.PAY:
            return Unprepared("the bank has no request that takes a payment back")
        if why := requests.unfit(subject.order, self._account):
            return _never(subject, why, now)
        consent_id = subject.prepared.get(_CONSENT) or await self._consent(subject)
        if isinstance(consent_id, Unprepared):
            return consent_id
        if "code" in subject.answer:
            return await self._authorised(subject, consent_id)
        return await self._awaited(subject, consent_id)

    async def examine(self, order: Order) -> Unprepared | None:
        why = requests.unfit(order, self._account)
        if not why:
            return None
        report = requests.unfit_report("", why, self._clock.now())
        return Unprepared(why, refused=report)

    async def _consent(self, subject: Subject) -> str | Unprepared:
        """The id of the payment's consent, which is made once."""
        own = subject.keys[-1]
        key = PreparedKey(self.profile.environment, _PURPOSE, own)
        by = subject.instruction_id
        known = await self._prepared.claim(key, by)
        if isinstance(known, NotReady):
            return Unprepared(known.why, retry_at=known.until)
        if known is not None:
            return known.reference
        body = requests.consent_body(subject.order, self._account, own)
        # If the reply is lost, the same key brings the same consent.
        headers = requests.headers(key=requests.consent_key(own))
        reply = await self._bank.make(_SCOPE, requests.consents(self._account), body, headers)
        made = await self._read_consent(reply)
        if isinstance(made, wire.PaymentConsent):
            return (await self._prepared.made(key, made.data.consent_id, "")).reference
        await self._prepared.release(key, by)
        told = () if reply.is_success else errors.read_errors(reply.body)
        if reply.status is not None and errors.proven(reply.status, told) is Proves.REFUSED:
            report = mapping.refused(subject, reply.status, told, reply.asked_at)
            return Unprepared(report.reason or reply.why, refused=report, exchange=reply.exchange)
        return reply.unprepared(made)

    async def _awaited(self, subject: Subject, consent_id: str) -> Preparation:
        """The payer has not come back with a code."""
        reply, consent = await self._get_consent(consent_id)
        if isinstance(consent, str):
            return reply.unprepared(consent)
        status, drift = consent.data.status, (*consent.drift, *consent.data.drift)
        match words.APPROVALS.get(status):
            case Approval.REFUSED:
                why = mapping.reason_text(consent.data.status_reason)
                return _never(subject, why or "the payer refused it at the bank", reply.asked_at)
            case Approval.WAITS | Approval.APPROVED:
                action = self._page(subject, consent_id)
                if isinstance(action, str):
                    return Unprepared(action)
                now = self._clock.now()
                report = mapping.approval_report(subject, status, now, action, drift)
                return NeedsUser(report, now + _LOOK_AGAIN, reply.exchange)
            case Approval.USED:
                return reply.unprepared("a payment was submitted with the consent, by whomever")
            case None:
                return reply.unprepared(f"the consent has an unknown status {status[:40]!r}")

    def _page(self, subject: Subject, consent_id: str) -> Action | str:
        """Where the payer approves it, or why there is no such page."""
        if subject.callback is None:
            return "it was accepted without a way for the payer to come back; order it again"
        now = self._clock.now()
        until = min(now + self._account.user_acts_within, subject.order.submit_before)
        url = self._bank.authorising.link(consent_id, _SCOPE, subject.callback, now, until)
        return Action(kind=ActionKind.REDIRECT, url=url, expires_at=until)

    async def _authorised(self, subject: Subject, consent_id: str) -> Preparation:
        """The payer came back with a code. Nothing of it is believed before the bank is asked."""
        if subject.callback is None:
            return Unprepared("it was accepted without a way for the payer to come back")
        wrong = await self._bank.exchanged(subject.answer["code"], consent_id, subject.callback)
        if isinstance(wrong, NotReady):
            return Unprepared(wrong.why, retry_at=wrong.until)
        if wrong:
            why = f"the payer's approval cannot be used ({wrong}); nothing was paid"
            return _never(subject, why, self._clock.now())
        reply, consent = await self._get_consent(consent_id)
        if isinstance(consent, str):
            return reply.unprepared(consent)
        if why := mapping.differs(subject, consent.data.initiation):
            return _never(subject, f"{why}; nothing was paid", reply.asked_at)
        status = consent.data.status
        if words.APPROVALS.get(status) is Approval.REFUSED:
            return _never(subject, "the approval was withdrawn at the bank", reply.asked_at)
        if words.APPROVALS.get(status) is not Approval.APPROVED:
            return reply.unprepared(f"the consent is {status[:40]!r}, not authorised")
        if self._account.checks_funds and (
            without := await self._without_funds(subject, consent_id)
        ):
            return without
        key = subject.keys[-1]
        content = requests.payment_body(subject.order, self._account, key, consent_id)
        path = requests.payments(self._account)
        return Prepared(WireRequest("POST", path, *content, key, prepared={_CONSENT: consent_id}))

    async def _without_funds(self, subject: Subject, consent_id: str) -> Unprepared | None:
        """None: the payer has the funds, or the bank does not say."""
        path = requests.consents(self._account, consent_id, "funds-confirmation")
        reply = await self._bank.get_for_user(consent_id, path, requests.headers())
        shown = read(wire.Funds, reply.body) if reply.is_success else None
        result = shown.data.funds_available_result if isinstance(shown, wire.Funds) else None
        if result is None or result.funds_available:
            return None
        why = "the payer's account lacks the funds; nothing was paid"
        return _never(subject, why, reply.asked_at, _INSUFFICIENT_FUNDS)

    async def submit(self, subject: Subject, request: WireRequest, deadline: Deadline) -> Submitted:
        headers = requests.headers(key=request.key)
        consent_id = request.prepared[_CONSENT]
        reply = await self._bank.instruct(consent_id, request, deadline, headers)
        if isinstance(reply, NotSent):
            return reply
        if reply.status is None or reply.status >= 500:
            return reply.no_verdict()
        if reply.status == 201:
            made = await self._read_payment(reply)
            if isinstance(made, str):
                return reply.in_doubt(made, drift=(made,))
            if made.data.consent_id != consent_id:
                odd = "payment.ConsentId: another consent's"
                return reply.in_doubt("the bank shows another consent's payment", drift=(odd,))
            report = mapping.payment_report(subject, made, Source.REPLY, reply.asked_at)
            return Accepted(report, reply.exchange)
        told = errors.read_errors(reply.body)
        match errors.proven(reply.status, told):
            case Proves.TURNED_AWAY:
                why = " ".join(each.code for each in told) or reply.why
                return TurnedAway(reply.status, why[:200], reply.exchange, reply.retry_at)
            case Proves.REFUSED:
                report = mapping.refused(subject, reply.status, told, reply.asked_at)
                return Refused(report, reply.exchange)
            case Proves.APPROVAL:
                why = "the consent cannot be used for it; whether it was used, a look-up tells"
                return reply.in_doubt(why)
            case _:
                drift = errors.drift(request.path, reply.status, told)
                return reply.in_doubt(reply.why, drift=drift)

    async def find(self, subject: Subject) -> LookedFor:
        """A payment shows in its consent, which is used up by the submission."""
        consent_id = subject.prepared.get(_CONSENT)
        if consent_id is None:
            return CannotTell(self._clock.now(), "no consent of it is known")
        reply, consent = await self._get_consent(consent_id)
        if isinstance(consent, str):
            return reply.cannot_tell(consent)
        status = consent.data.status
        match words.APPROVALS.get(status):
            case Approval.USED:
                report = mapping.used_report(subject, consent, Source.READ, reply.asked_at)
                return Found(report, reply.exchange)
            case Approval.WAITS | Approval.APPROVED | Approval.REFUSED:
                return Absent(reply.asked_at, reply.exchange, watermark=True)
            case None:
                return reply.cannot_tell(f"the consent has an unknown status {status[:40]!r}")

    async def read(self, subject: Subject) -> Read:
        reference = subject.partner_reference
        if reference is None:
            return Unanswered("there is no payment to ask for")
        if reference == subject.prepared.get(_CONSENT):
            return await self._read_by_consent(subject, reference)
        path = requests.payments(self._account, reference)
        reply = await self._bank.get(_SCOPE, path, requests.headers())
        shown = await self._read_payment(reply)
        if isinstance(shown, str):
            return reply.unanswered(shown, (shown,) if reply.is_success else ())
        report = mapping.payment_report(subject, shown, Source.READ, reply.asked_at)
        return Answered(report, reply.exchange)

    async def _read_by_consent(self, subject: Subject, consent_id: str) -> Read:
        """Of a payment whose own id was lost with the reply."""
        reply, consent = await self._get_consent(consent_id)
        if isinstance(consent, str):
            return reply.unanswered(consent)
        if words.APPROVALS.get(consent.data.status) is not Approval.USED:
            return reply.unanswered(f"the consent is {consent.data.status[:40]!r} again")
        report = mapping.used_report(subject, consent, Source.READ, reply.asked_at)
        return Answered(report, reply.exchange)

    async def available(self, currency: str, on_behalf_of: str | None) -> Money | Unanswered:
        return Unanswered(
            "a payment initiation shows no balance; the payer's bank checks the funds", never=True
        )

    async def close(self) -> None:
        await self._bank.close()

    async def _get_consent(self, consent_id: str) -> tuple[Reply, wire.PaymentConsent | str]:
        path = requests.consents(self._account, consent_id)
        reply = await self._bank.get(_SCOPE, path, requests.headers())
        consent = await self._read_consent(reply)
        if isinstance(consent, wire.PaymentConsent) and consent.data.consent_id != consent_id:
            return reply, "the bank shows another consent"
        return reply, consent

    async def _read_consent(self, reply: Reply) -> wire.PaymentConsent | str:
        """The consent in a signed answer, or why there is none."""
        if why := await self._bank.unsigned(reply):
            return why
        consent = read(wire.PaymentConsent, reply.body)
        return consent.why if isinstance(consent, Unusable) else consent

    async def _read_payment(self, reply: Reply) -> wire.Payment | str:
        """The payment in a signed answer, or why there is none."""
        if why := await self._bank.unsigned(reply):
            return why
        payment = read(wire.Payment, reply.body)
        return payment.why if isinstance(payment, Unusable) else payment


def _never(subject: Subject, why: str, as_of: datetime, reason: str = "NARR") -> Unprepared:
    """It can never be sent, and nothing was."""
    report = requests.unfit_report(subject.instruction_id, why, as_of, reason)
    return Unprepared(why, refused=report)
