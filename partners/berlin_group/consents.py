"""A NextGenPSD2 bank as a `ConsentPartner`: each request is sent once, each outcome is a value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Final

from domain.consents.answers import ConsentSubject
from domain.consents.instructions import ConsentInstruction as Kind
from domain.consents.report import ConsentState, Source
from domain.lifecycle.answers import (
    Absent,
    Accepted,
    Answered,
    CannotTell,
    Deadline,
    Found,
    Gone,
    LookedFor,
    NotReady,
    Preparation,
    Prepared,
    Read,
    Refused,
    Submitted,
    TurnedAway,
    Unprepared,
    WireRequest,
)
from partners.berlin_group import consent_requests, errors, granting, requests, wire, words
from partners.berlin_group.account import BerlinGroupAccount
from partners.berlin_group.connection import Connection
from partners.berlin_group.errors import Proves
from partners.berlin_group.profile import consent_profile_of
from partners.berlin_group.sca import Asked, Authorising, Turn
from partners.kit.calls import Reply, together
from partners.kit.content import Content
from partners.kit.wire import Unusable, read
from partners.kit.workplace import Workplace

#: What `prepare` leaves for later: when the user's time began.
_BEGUN: Final = "begun_at"


class BerlinGroupConsents:
    """Consents over one of our accesses to a bank. A bank that redirects needs no token of ours."""

    #: The bank sends its users back by its own redirect, which is none of OAuth (RFC 9207).
    issuer: str | None = None

    def __init__(self, account: BerlinGroupAccount, workplace: Workplace) -> None:
        self.profile = consent_profile_of(account)
        self.login = account.login
        self._account = account
        self._clock = workplace.clock
        self._connection = Connection(account, workplace)
        self._calls = self._connection.calls
        self._authorising = Authorising(account, self._calls)

    async def ready(self) -> NotReady | None:
        return await self._connection.ready()

    async def close(self) -> None:
        await self._connection.close()

    async def prepare(self, subject: ConsentSubject) -> Preparation:
        key = subject.keys[-1]
        if subject.kind is Kind.REVOKE:
            if subject.partner_reference is None:
                return Unprepared("there is nothing to end")
            path = consent_requests.path_of(subject.partner_reference)
            return Prepared(WireRequest("DELETE", path, *Content(), key))
        now = self._clock.now()
        if why := consent_requests.unfit(subject):
            refused = granting.unfit_report(subject.instruction_id, why, now)
            return Unprepared(why, refused=refused)
        content = consent_requests.body(subject.request, now)
        left = {_BEGUN: subject.prepared.get(_BEGUN) or now.isoformat()}
        path = consent_requests.CONSENTS
        return Prepared(WireRequest("POST", path, *content, key, prepared=left))

    async def submit(
        self, subject: ConsentSubject, request: WireRequest, deadline: Deadline
    ) -> Submitted:
        reply = await self._calls.instruct(request, deadline, self._headers(subject, request.key))
        if reply.status is None or reply.status >= 500:
            return reply.no_verdict()
        if subject.kind is Kind.REVOKE and reply.status == 204:
            return await self._ended(subject, reply)
        if subject.kind is Kind.ASK and reply.status == 201:
            return await self._accepted(subject, request, reply)
        told = errors.read_errors(reply.body)
        match errors.proven(reply.status, told):
            case Proves.TURNED_AWAY:
                why = " ".join(each.code for each in told) or reply.why
                return TurnedAway(reply.status, why[:200], reply.exchange, reply.retry_at)
            case Proves.REFUSED:
                report = granting.refused(subject, reply.status, told, reply.asked_at)
                return Refused(report, reply.exchange)
            case Proves.CHANGED:
                return reply.in_doubt(f"answered with {reply.status}, its state has changed")
            case _:
                drift = errors.drift(request.path, reply.status, told)
                return reply.in_doubt(reply.why, drift=drift)

    async def _accepted(
        self, subject: ConsentSubject, request: WireRequest, reply: Reply
    ) -> Submitted:
        made = read(wire.ConsentMade, reply.body)
        if isinstance(made, Unusable):
            return reply.in_doubt(made.why, drift=made.drift)
        until = self._until(request.prepared)
        turn = self._authorising.turn(made, reply, until)
        exchange = reply.exchange
        if words.consent_state(made.consent_status) not in words.BEFORE_CONSENT:
            turn = Turn(drift=turn.drift)  # Given without the user: the bank's word counts.
        elif turn.waits_for is None and made.links.begins_here:
            begun = await self._authorising.start(self._asked(subject, made.consent_id, until))
            exchange = together(exchange, begun.exchange) or exchange
            # If the start failed, the next read starts it.
            turn = begun if isinstance(begun, Turn) else turn
        report = granting.report(
            subject, made.consent_status, made.consent_id, Source.REPLY, reply.asked_at,
            turn=turn, drift=made.drift,
        )  # fmt: skip
        return Accepted(report, exchange)

    async def _ended(self, subject: ConsentSubject, reply: Reply) -> Submitted:
        """The bank took the DELETE. Its end counts once a read has shown it."""
        also, status = await self._status(subject)
        exchange = together(reply.exchange, also.exchange) or reply.exchange
        if isinstance(status, wire.ConsentStatus):
            state = words.consent_state(status.consent_status)
            if state in words.ENDED_CONSENT:
                report = granting.report(
                    subject, status.consent_status, subject.partner_reference or "",
                    Source.REPLY, also.asked_at,
                )  # fmt: skip
                return Accepted(report, exchange)
        elif _is_unknown(also):
            report = granting.unknown_there(subject, Source.REPLY, also.asked_at)
            return Accepted(report, exchange)
        why = "the bank took the end of the consent, and does not show it yet"
        return replace(reply, exchange=exchange).in_doubt(why)

    async def find(self, subject: ConsentSubject) -> LookedFor:
        """An end shows in the consent. A consent itself is found by nothing of ours."""
        if subject.kind is not Kind.REVOKE:
            return CannotTell(self._clock.now(), "the bank finds no consent by our own reference")
        reply, status = await self._status(subject)
        if not isinstance(status, wire.ConsentStatus):
            if _is_unknown(reply):
                report = granting.unknown_there(subject, Source.READ, reply.asked_at)
                return Found(report, reply.exchange)
            return reply.cannot_tell(status.why if status else "")
        word = status.consent_status
        state = words.consent_state(word)
        if state in words.ENDED_CONSENT:
            report = granting.report(
                subject, word, subject.partner_reference or "", Source.READ, reply.asked_at
            )
            return Found(report, reply.exchange)
        if state is None:
            return reply.cannot_tell(f"its status {word[:40]!r} is unknown to us")
        return Absent(reply.asked_at, reply.exchange, watermark=True)

    async def read(self, subject: ConsentSubject) -> Read:
        consent_id = subject.partner_reference
        assert consent_id is not None, "a consent is read once the bank has given it an id"
        path = consent_requests.path_of(consent_id)
        reply = await self._get(path)
        shown = read(wire.Consent, reply.body) if reply.is_success else None
        if not isinstance(shown, wire.Consent):
            return await self._unshown(subject, reply, shown)
        state, turn = words.consent_state(shown.consent_status), Turn()
        if state in words.BEFORE_CONSENT:
            looked = await self._authorising.look(
                self._asked(subject, consent_id, self._until(subject.prepared)),
                self._clock.now(),
                is_partial=state is ConsentState.PARTIALLY_AUTHORISED,
            )
            if isinstance(looked, Reply):
                return looked.unanswered()
            turn = looked
        report = granting.report(
            subject, shown.consent_status, consent_id, Source.READ, reply.asked_at,
            turn=turn, shown=shown,
        )  # fmt: skip
        return Answered(report, together(reply.exchange, turn.exchange) or reply.exchange)

    async def _unshown(self, subject: ConsentSubject, reply: Reply, shown: Unusable | None) -> Read:
        """A consent that a bank shows no longer. Its status may still be there."""
        codes = {each.code for each in errors.read_errors(reply.body)} if reply.status else set()
        if not codes & errors.CONSENT_OVER:
            if _is_unknown(reply):
                return Gone("the bank knows it no longer", reply.asked_at, reply.exchange)
            return reply.unanswered(shown.why if shown else "", shown.drift if shown else ())
        also, status = await self._status(subject)
        exchange = together(reply.exchange, also.exchange) or reply.exchange
        if isinstance(status, wire.ConsentStatus):
            report = granting.report(
                subject, status.consent_status, subject.partner_reference or "",
                Source.READ, also.asked_at,
            )  # fmt: skip
            return Answered(report, exchange)
        if errors.EXPIRED not in codes:
            return replace(reply, exchange=exchange).unanswered()
        report = granting.expired(subject, reply.asked_at)
        return Answered(report, exchange)

    async def _status(
        self, subject: ConsentSubject
    ) -> tuple[Reply, wire.ConsentStatus | Unusable | None]:
        path = consent_requests.path_of(subject.partner_reference or "", "status")
        reply = await self._get(path)
        return reply, read(wire.ConsentStatus, reply.body) if reply.is_success else None

    async def _get(self, path: str) -> Reply:
        headers = requests.headers(self._account, self._clock.now())
        return await self._calls.get(path, headers=headers)

    def _headers(self, subject: ConsentSubject, key: str | None = None) -> Mapping[str, str]:
        return consent_requests.headers(subject, self._account, self._clock.now(), key=key)

    def _asked(self, subject: ConsentSubject, consent_id: str, until: datetime | None) -> Asked:
        """What the user authorises."""
        path = consent_requests.path_of(consent_id, requests.PAYMENT)
        return Asked(path, self._headers(subject), until)

    def _until(self, prepared: Mapping[str, str]) -> datetime | None:
        """Until when the user can act: the same moment in every report of one consent."""
        begun = prepared.get(_BEGUN)
        return datetime.fromisoformat(begun) + self._account.psu_acts_within if begun else None


def _is_unknown(reply: Reply) -> bool:
    """Whether the bank says that it has no such consent."""
    told = errors.read_errors(reply.body) if reply.status in (400, 403, 404) else ()
    return bool(told) and all(each.code in errors.NO_SUCH_CONSENT for each in told)
