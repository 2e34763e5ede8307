"""A bank of UK Open Banking as a `ConsentPartner`: each request is sent once, each outcome is a
value.

A consent may be read once the user's code is exchanged. The bank calls it authorised before that,
so its word alone does not make it active. Ninety days after, the user confirms with us, and the
bank is not asked; only if the bank takes the token back does the user authenticate there again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from domain.consents.answers import ConsentSubject
from domain.consents.instructions import ConsentInstruction as Kind
from domain.consents.report import Action, ActionKind, ConsentState, Report, Source
from domain.lifecycle.answers import (
    Absent,
    Accepted,
    Answered,
    CannotTell,
    Deadline,
    Exchange,
    Found,
    Gone,
    InDoubt,
    LookedFor,
    NotReady,
    NotSent,
    Preparation,
    Prepared,
    Read,
    Refused,
    Submitted,
    TurnedAway,
    Unprepared,
    WireRequest,
)
from partners.kit.calls import Reply, together
from partners.kit.content import Content
from partners.kit.wire import Unusable, read
from partners.kit.workplace import Workplace
from partners.obie import data_wire, errors, granting, requests, wire, words
from partners.obie.account import ObieAccount
from partners.obie.bank import Bank, UserToken
from partners.obie.data_wire import AccountDetails
from partners.obie.errors import Proves
from partners.obie.lists import read_whole
from partners.obie.profile import consent_profile_of

_SCOPE: Final = "accounts"
_AISP: Final = "aisp"
_CONSENTS: Final = "account-access-consents"
_ACCOUNTS: Final = "accounts"
_ENDED: Final = frozenset(
    {ConsentState.REJECTED, ConsentState.REVOKED_BY_USER, ConsentState.EXPIRED}
)
#: What a consent's user is by their token, where the bank calls the consent authorised.
_BY_TOKEN: Final = {
    UserToken.NEVER: ConsentState.AWAITING_USER,
    UserToken.WORKS: ConsentState.ACTIVE,
    UserToken.ENDED: ConsentState.NEEDS_REAUTH,
}


class ObieConsents:
    """Consents over one of our accesses to a bank."""

    def __init__(self, account: ObieAccount, workplace: Workplace) -> None:
        self.profile = consent_profile_of(account)
        self.login = account.login
        self.issuer = account.issuer_in_callbacks
        self._account = account
        self._clock = workplace.clock
        self._bank = Bank(account, workplace)

    async def ready(self) -> NotReady | None:
        return await self._bank.ready(_SCOPE)

    async def close(self) -> None:
        await self._bank.close()

    async def prepare(self, subject: ConsentSubject) -> Preparation:
        key, now = subject.keys[-1], self._clock.now()
        if subject.kind is Kind.ASK:
            if why := granting.unfit(subject.request):
                refused = granting.own_report(
                    subject, ConsentState.REJECTED, why, Source.REPLY, now
                )
                return Unprepared(why, refused=refused)
            content = granting.body(subject.request)
            return Prepared(WireRequest("POST", self._path(), *content, key))
        if subject.partner_reference is None:
            return Unprepared("the bank has given no consent yet")
        path = self._path(subject.partner_reference)
        match subject.kind:
            case Kind.REVOKE:
                return Prepared(WireRequest("DELETE", path, *Content(), key))
            case Kind.RENEW:
                # Nothing is changed at the bank. Its user gets a link for the same consent.
                return Prepared(WireRequest("GET", path, *Content(), key))
            case Kind.ANSWER:
                if "code" not in subject.answer or subject.callback is None:
                    why = "the user brought no code back"
                    said = granting.own_report(subject, None, why, Source.REPLY, now)
                    return Unprepared(why, refused=said)
                # The code is a credential, so the request is built when it is sent.
                return Prepared(WireRequest("POST", "/token", *Content(), key))

    async def submit(
        self, subject: ConsentSubject, request: WireRequest, deadline: Deadline
    ) -> Submitted:
        if subject.kind is Kind.ANSWER:
            return await self._exchange(subject, request)
        reply = await self._bank.instruct_as_ourselves(
            _SCOPE, request, deadline, requests.headers()
        )
        if reply.status is None or reply.status >= 500:
            return reply.no_verdict()
        if reply.is_success:
            return await self._taken(subject, reply)
        told = errors.read_errors(reply.body)
        proves = errors.proven(reply.status, told)
        if proves is Proves.TURNED_AWAY:
            why = " ".join(each.code for each in told) or reply.why
            return TurnedAway(reply.status, why[:200], reply.exchange, reply.retry_at)
        if proves is Proves.REFUSED:
            why = f"{reply.status} {' '.join(each.code for each in told)}"
            state = ConsentState.REJECTED if subject.kind is Kind.ASK else None
            report = granting.own_report(subject, state, why, Source.REPLY, reply.asked_at)
            return Refused(report, reply.exchange)
        drift = errors.drift(request.path, reply.status, told)
        return reply.in_doubt(reply.why, drift=drift)

    async def _taken(self, subject: ConsentSubject, reply: Reply) -> Submitted:
        """A request that the bank took."""
        if subject.kind is Kind.REVOKE:
            await self._bank.forget_user(subject.partner_reference or "")
            return Accepted(self._revoked(subject, Source.REPLY, reply), reply.exchange)
        access = read(wire.Access, reply.body)
        if isinstance(access, Unusable):
            return reply.in_doubt(access.why, drift=access.drift)
        report = granting.report(
            subject, access, Source.REPLY, reply.asked_at, instead=ConsentState.AWAITING_USER
        )
        if report.state in (ConsentState.AWAITING_USER, ConsentState.NEEDS_REAUTH):
            action = self._page(subject, access.data.consent_id)
            asks = {"state": ConsentState.AWAITING_USER, "action": action}
            report = report.model_copy(update=asks)
        return Accepted(report, reply.exchange)

    def _page(self, subject: ConsentSubject, consent_id: str) -> Action | None:
        """Where the user authorises it."""
        if subject.callback is None:
            return None
        now = self._clock.now()
        until = now + self._account.user_acts_within
        url = self._bank.authorising.link(
            consent_id, _SCOPE, subject.callback, now, until,
            redirect_uri=subject.request.return_url,
        )  # fmt: skip
        return Action(kind=ActionKind.REDIRECT, url=url, expires_at=until)

    async def _exchange(self, subject: ConsentSubject, request: WireRequest) -> Submitted:
        """Exchange the user's code for the consent's token, which is stored before it is used."""
        assert subject.callback is not None, "an answer without a callback is not prepared"
        asked_at = self._clock.now()
        answer = await self._bank.brought(
            subject.answer["code"], subject.partner_reference or "", subject.callback,
            subject.request.return_url,
        )  # fmt: skip
        if isinstance(answer, NotReady):
            if answer.answered is None:
                return NotSent(answer.why, retry_at=answer.until)
            return InDoubt(answer.why)
        said = answer or "code exchanged"
        # Both bodies are credentials, so only the outcome is kept.
        status = 400 if answer else 200
        exchange = Exchange(request.method, request.path, status, "", said, asked_at)
        state = None if answer else ConsentState.ACTIVE
        report = granting.own_report(subject, state, said, Source.REPLY, asked_at)
        return Refused(report, exchange) if answer else Accepted(report, exchange)

    async def find(self, subject: ConsentSubject) -> LookedFor:
        """An end shows in the consent, and an exchange in our own book."""
        now, consent_id = self._clock.now(), subject.partner_reference
        if consent_id is None or subject.kind not in (Kind.REVOKE, Kind.ANSWER):
            return CannotTell(now, "the bank finds no consent by our own reference")
        reply, access = await self._get(consent_id)
        if subject.kind is Kind.ANSWER:
            if await self._bank.user_token(consent_id) is UserToken.WORKS:
                report = granting.own_report(
                    subject, ConsentState.ACTIVE, "code exchanged", Source.READ, reply.asked_at
                )
                return Found(report, reply.exchange)
            return Absent(reply.asked_at, reply.exchange, watermark=True)
        if _is_unknown(reply):
            return Found(self._revoked(subject, Source.READ, reply), reply.exchange)
        if isinstance(access, str):
            return reply.cannot_tell(access)
        state = words.CONSENTS.get(access.data.status)
        if state is None:
            return reply.cannot_tell(f"its status {access.data.status[:40]!r} is unknown to us")
        if state in _ENDED:
            report = granting.report(subject, access, Source.READ, reply.asked_at)
            return Found(report, reply.exchange)
        return Absent(reply.asked_at, reply.exchange, watermark=True)

    async def read(self, subject: ConsentSubject) -> Read:
        consent_id = subject.partner_reference
        assert consent_id is not None, "a consent is read once the bank has given it an id"
        reply, access = await self._get(consent_id)
        if isinstance(access, str):
            if _is_unknown(reply):
                return Gone("the bank knows it no longer", reply.asked_at, reply.exchange)
            return reply.unanswered(access)
        instead, accounts, exchange = None, None, reply.exchange
        if words.CONSENTS.get(access.data.status) is ConsentState.ACTIVE:
            instead = _BY_TOKEN[await self._bank.user_token(consent_id)]
            if instead is ConsentState.ACTIVE:
                also, accounts = await self._accounts(consent_id)
                exchange = together(reply.exchange, also.exchange) or reply.exchange
                if also.status == 401 and not await self._bank.refreshes(consent_id):
                    await self._bank.forget_user(consent_id)
                    instead = ConsentState.NEEDS_REAUTH
        report = granting.report(
            subject, access, Source.READ, reply.asked_at, instead=instead, accounts=accounts
        )
        if report.state is ConsentState.AWAITING_USER:
            # The address was in the reply that asked the user.
            action = Action(kind=ActionKind.REDIRECT)
            report = report.model_copy(update={"action": action})
        return Answered(report, exchange)

    async def _accounts(self, consent_id: str) -> tuple[Reply, tuple[AccountDetails, ...] | None]:
        """The accounts that the user chose; None if they cannot be read now."""

        async def get(path: str, query: Mapping[str, str]) -> Reply:
            return await self._bank.get_for_user(consent_id, path, requests.headers(), query)

        reply, pages = await read_whole(
            get,
            data_wire.Accounts,
            base_url=self._account.base_url,
            listing=self._account.path(_AISP, _ACCOUNTS),
        )
        if not isinstance(pages, tuple):
            return reply, None
        return reply, tuple(each for page in pages for each in page.data.account)

    def _revoked(self, subject: ConsentSubject, source: Source, reply: Reply) -> Report:
        """The bank deletes what we end, and knows it no longer."""
        state = ConsentState.REVOKED_BY_US
        return granting.own_report(subject, state, "deleted at the bank", source, reply.asked_at)

    async def _get(self, consent_id: str) -> tuple[Reply, wire.Access | str]:
        reply = await self._bank.get(_SCOPE, self._path(consent_id), requests.headers())
        if not reply.is_success:
            return reply, reply.why
        access = read(wire.Access, reply.body)
        return reply, access.why if isinstance(access, Unusable) else access

    def _path(self, *parts: str) -> str:
        return self._account.path(_AISP, _CONSENTS, *parts)


def _is_unknown(reply: Reply) -> bool:
    """Whether the bank says that it has no such consent: 400, and not 404."""
    told = errors.read_errors(reply.body) if reply.status in (400, 404) else ()
    return bool(told) and all(each.code in errors.NOT_FOUND for each in told)
