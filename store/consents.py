"""The repository of consents: accept a request once, read it, renew it, take callbacks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlmodel import Session, col, select

from domain.consents.consent import Consent
from domain.consents.fold import CONFIRMED, DECLINED
from domain.consents.instructions import KIND, ConsentInstruction
from domain.consents.renewing import Route, route_of
from domain.consents.report import Report, Source
from domain.consents.request import ConsentRequest
from domain.consents.states import STATES
from domain.consents.view import ConsentView
from domain.ids import claim_id, instruction_id
from domain.lifecycle.command import CommandKind, Outcome
from domain.lifecycle.profile import Profile
from domain.lifecycle.report import Action
from domain.lifecycle.resource import UnknownResource
from domain.lifecycle.statement import digest
from store.accepting import FINGERPRINT_VERSION, KeyReused, known_rows
from store.actions import action_of
from store.books import profile_of
from store.callbacks import digest_of, new_answer, new_callback, require_own
from store.clocks import agreed
from store.commands import CommandReused
from store.consent_kind import consent_view
from store.database import Database
from store.evidence import keep_report
from store.folding import Folding, request_context, request_of
from store.halts import is_halted
from store.inbox import put_for
from store.keyring import Keyring
from store.keys import require_proven
from store.kind import StoredKinds
from store.locks import hold
from store.page import page_of
from store.payments import row as resource_row
from store.tables.consents import CallbackRow, ConsentRow
from store.tables.lifecycles import CommandRow, InstructionRow, LifecycleRow

#: A user is asked again, or an answer of theirs is handed over, within this time or not at all.
_SENT_WITHIN: Final = timedelta(hours=1)
#: The longest error that a callback may name; what comes through a browser may be anything.
_ERROR_LENGTH_MAX: Final = 60
_USERS: Final = "consents.user"


class CannotRenew(ValueError):
    """The consent cannot be renewed as it now stands. Nothing was recorded."""


@dataclass(frozen=True)
class GivenConsent:
    """A request to be recorded, with its key and its fingerprint."""

    request: ConsentRequest
    key: str
    fingerprint: str
    consent_id: str
    profile: Profile
    browser_session: str
    issuer: str | None


@dataclass(frozen=True)
class ConsentRecord:
    """A consent as people and apps see it, with the page where its user goes on, if any."""

    key: str
    request: ConsentRequest
    created_at: datetime
    view: ConsentView
    action: Action | None
    renews: str | None

    @property
    def consent(self) -> Consent:
        return self.view.consent


@dataclass(frozen=True)
class Taken:
    """The consent after a request, an answer or a renewal; `is_new` if something was done."""

    view: ConsentView
    is_new: bool
    asked_at: datetime | None = None
    """When a command was recorded, if one was."""


class Consents:
    """Accepts, reads and renews consents. An unknown id raises UnknownResource."""

    def __init__(self, database: Database, keyring: Keyring, kinds: StoredKinds) -> None:
        self._database = database
        self._keyring = keyring
        self._folding = Folding(keyring, kinds)

    async def accept(self, given: GivenConsent, now: datetime) -> Taken:
        """Record the request under (tenant, key), or return the consent that the key stands for.

        Raises:
            KeyReused: the key stands for something else. Nothing was written.
            UnknownResource: it renews a consent that the tenant does not have.
            ClocksApart, WrongKeyring: as `Payments.accept`. Nothing was written.
        """

        def transaction(session: Session) -> Taken:
            require_proven(session, self._keyring, now)
            tenant = given.request.tenant
            hold(session, f"key/{tenant}/{given.key}")
            if known := known_rows(session, [(tenant, given.key)]).get((tenant, given.key)):
                same = _same(known, given.fingerprint)
                return Taken(consent_view(session, same), is_new=False)
            if (former := given.request.renews) is not None:
                _require_tenants(session, former, tenant)
            at = agreed(session, now)
            row, ask = self._rows(given, at)
            view, others = self._folding.begin(
                row, given.request, ask, at, halted=is_halted(session, row)
            )
            for new in (row, ask):
                session.add(new)
                session.flush()
            macs = self._keyring.macs(_user(tenant, given.request.user.user_id), _USERS)
            session.add(
                ConsentRow(
                    consent_id=given.consent_id,
                    regime=given.request.regime,
                    user_hash=macs[0],
                    renews=former,
                )
            )
            session.add(self._callback(ask, given.browser_session, given.issuer, at))
            session.add_all(others)
            return Taken(view, is_new=True)

        return await self._database.write(transaction)

    async def known(self, tenant: str, key: str, fingerprint: str) -> str | None:
        """The id of the consent that was accepted under this key; None if the key is new.

        Raises:
            KeyReused: the key stands for something else.
        """

        def query(session: Session) -> str | None:
            found = known_rows(session, [(tenant, key)]).get((tenant, key))
            return None if found is None else _same(found, fingerprint).resource_id

        return await self._database.read(query)

    def _rows(self, given: GivenConsent, at: datetime) -> tuple[LifecycleRow, InstructionRow]:
        request, consent_id = given.request, given.consent_id
        assert request.submit_before is not None, "an accepted request has its times"
        clear = request.model_dump_json().encode()
        row = LifecycleRow(
            resource_id=consent_id,
            kind=KIND,
            tenant=request.tenant,
            key=given.key,
            fingerprint=given.fingerprint,
            fingerprint_version=FINGERPRINT_VERSION,
            partner=request.partner,
            partner_account=request.partner_account,
            request_sealed=self._keyring.seal(clear, request_context(consent_id)),
            profile_json=given.profile.model_dump_json(),
            submit_before=request.submit_before,
            execute_by=request.authorise_by,
            # The fold sets these before the row is stored.
            state="",
            certainty="",
            folded_json="",
            evidence_hash="",
            created_at=at,
            updated_at=at,
        )
        ask = InstructionRow(
            instruction_id=instruction_id(consent_id, ConsentInstruction.ASK),
            resource_id=consent_id,
            kind=ConsentInstruction.ASK,
            partner=request.partner,
            partner_account=request.partner_account,
        )
        return row, ask

    def _callback(
        self, instruction: InstructionRow, browser_session: str, issuer: str | None, at: datetime
    ) -> CallbackRow:
        return new_callback(
            self._keyring, instruction, browser_session=browser_session, issuer=issuer, now=at
        )

    async def record(self, consent_id: str, tenant: str | None) -> ConsentRecord:
        """The consent, with the page where its user goes on. Another tenant's looks unknown.

        Raises:
            UnknownResource: there is no such consent of the tenant.
            KeyringError: it cannot be opened.
        """

        def query(session: Session) -> ConsentRecord:
            return self._record(session, _require_tenants(session, consent_id, tenant))

        return await self._database.read(query)

    async def find(
        self,
        *,
        tenant: str | None = None,
        user_id: str | None = None,
        renew_before: datetime | None = None,
        limit: int = 100,
    ) -> list[ConsentRecord]:
        """Consents, the newest first; with `renew_before`, those to be renewed by then, in order.

        Args:
            user_id: the tenant's own id of a user; needs the tenant.
        """
        rows = select(LifecycleRow, ConsentRow).where(
            LifecycleRow.kind == KIND, LifecycleRow.resource_id == ConsentRow.consent_id
        )
        if tenant is not None:
            rows = rows.where(LifecycleRow.tenant == tenant)
        if user_id is not None:
            assert tenant is not None, "a user is a tenant's"
            macs = self._keyring.macs(_user(tenant, user_id), _USERS)
            rows = rows.where(col(ConsentRow.user_hash).in_(macs))
        if renew_before is not None:
            rows = rows.where(col(ConsentRow.renew_by) < renew_before)
            rows = rows.order_by(col(ConsentRow.renew_by), col(ConsentRow.consent_id))
        else:
            rows = rows.order_by(col(LifecycleRow.created_at).desc(), col(LifecycleRow.resource_id))

        def query(session: Session) -> list[ConsentRecord]:
            return [self._record(session, row) for row, _ in session.exec(rows.limit(limit)).all()]

        return await self._database.read(query)

    def _record(self, session: Session, row: LifecycleRow) -> ConsentRecord:
        view = consent_view(session, row)
        return ConsentRecord(
            key=row.key,
            request=ConsentRequest.model_validate_json(request_of(self._keyring, row)),
            created_at=row.created_at,
            view=view,
            action=action_of(session, self._keyring, row.resource_id, view.consent),
            renews=session.get_one(ConsentRow, row.resource_id).renews,
        )

    async def renew(
        self,
        consent_id: str,
        *,
        tenant: str | None,
        command_id: str,
        by: str,
        browser_session: str,
        issuer: str | None,
        now: datetime,
    ) -> Taken:
        """Have the user confirm it again: with us, or at the bank for the same consent.

        Raises:
            UnknownResource: there is no such consent of the tenant.
            CommandReused: the command id stands for another command.
            CannotRenew: as it stands it cannot be renewed, or only by a new consent.
            ClocksApart: our clock and the database's differ too much.
        """

        def transaction(session: Session) -> Taken:
            row, at = _require_tenants(session, consent_id, tenant), agreed(session, now)
            print_of = digest("\x1f".join((CommandKind.RENEW, by)).encode())[:32]
            if known := session.get(CommandRow, (consent_id, command_id)):
                if known.fingerprint != print_of:
                    raise CommandReused(
                        f"command id {command_id!r} of {consent_id} belongs to an earlier command; "
                        "use a new id for a new command"
                    )
                return Taken(consent_view(session, row), is_new=False)
            view = consent_view(session, row)
            route = _require_renewable(view, profile_of(row))
            about = ""
            if route is Route.CONFIRM:
                self._note(session, row, CONFIRMED, None, at)
            else:
                about = claim_id(consent_id, ConsentInstruction.RENEW, command_id)
                renewal = _instruct(session, row, about, ConsentInstruction.RENEW, at)
                session.flush()
                session.add(self._callback(renewal, browser_session, issuer, at))
            session.add(
                CommandRow(
                    resource_id=consent_id,
                    command_id=command_id,
                    kind=CommandKind.RENEW,
                    fingerprint=print_of,
                    by=by,
                    about=about,
                    asked_at=at,
                    outcome=Outcome.DONE,
                    outcome_at=at,
                )
            )
            return Taken(self._folding.refold(session, row, at), is_new=True, asked_at=at)

        return await self._database.write(transaction)

    async def answer(
        self, *, tenant: str, params: Mapping[str, str], browser_session: str, now: datetime
    ) -> Taken:
        """Take a callback: what the bank sent back with the user. It counts once.

        A second one, and one that comes late, changes nothing and shows how the consent stands. The
        state never follows from it, since it came through a browser: it causes a read.

        Raises:
            CallbackRefused: it is forged, or belongs to another tenant, browser or bank.
            ClocksApart: our clock and the database's differ too much.
        """

        def transaction(session: Session) -> Taken:
            state_hash = digest_of(params.get("state", ""))
            found = session.get(CallbackRow, state_hash)
            # The consent is locked before its callback is read for good.
            row = resource_row(session, found.consent_id) if found is not None else None
            if found is not None:
                session.refresh(found)
            callback = require_own(
                found if row is not None and row.kind == KIND else None,
                row.tenant if row else None,
                tenant,
                params,
                browser_session,
            )
            assert row is not None
            view = consent_view(session, row)
            if callback.answered_at is not None:
                return Taken(view, is_new=False)
            at = agreed(session, now)
            callback.answered_at = at
            session.add(callback)
            if view.consent.is_over or view.cancel_asked:
                return Taken(view, is_new=False)
            if error := params.get("error"):
                self._note(session, row, DECLINED, _printable(error), at)
            elif "code" in params and ConsentInstruction.ANSWER in profile_of(row).operations:
                about = claim_id(row.resource_id, ConsentInstruction.ANSWER, state_hash)
                _instruct(session, row, about, ConsentInstruction.ANSWER, at)
                session.flush()
                session.add(new_answer(self._keyring, about, params, state_hash))
            put_for(session, self._keyring, row, f"callback/{state_hash}", at)
            session.flush()
            return Taken(self._folding.refold(session, row, at), is_new=True)

        return await self._database.write(transaction)

    def _note(
        self, session: Session, row: LifecycleRow, said: str, why: str | None, at: datetime
    ) -> None:
        """Keep a report of our own about a user."""
        report = Report(
            instruction_id=instruction_id(row.resource_id, ConsentInstruction.ASK),
            source=Source.GATE,
            as_of=at,
            state=None,
            partner_status=said,
            reason=why,
        )
        keep_report(session, row.resource_id, report, at)


def _same(found: LifecycleRow, fingerprint: str) -> LifecycleRow:
    if (found.kind, found.fingerprint) != (KIND, fingerprint):
        raise KeyReused(found.key, found.resource_id)
    return found


def _require_tenants(session: Session, consent_id: str, tenant: str | None) -> LifecycleRow:
    """The consent's row, locked if this session writes."""
    row = resource_row(session, consent_id)
    if row.kind != KIND or (tenant is not None and row.tenant != tenant):
        raise UnknownResource(f"no consent {consent_id}")
    return row


def _require_renewable(view: ConsentView, profile: Profile) -> Route:
    consent = view.consent
    if consent.is_frozen:
        raise CannotRenew(
            "a question about the consent is open: `finality tasks` shows it. Renew the consent "
            "once the question is answered"
        )
    if not (view.cancel_asked or STATES[consent.state].was_granted or STATES[consent.state].ends):
        raise CannotRenew(
            "the user has not authorised the consent yet; have the user finish that (`show` has "
            "the page)"
        )
    if view.cancel_asked or STATES[consent.state].ends:
        why = "is being ended" if view.cancel_asked else f"is {consent.state}"
        raise CannotRenew(f"the consent {why}; ask for a new one instead")
    route = route_of(consent, profile)
    if route is Route.NEW:
        raise CannotRenew("the consent is renewed by a new one, which names it in `renews`")
    return route


def _instruct(
    session: Session, row: LifecycleRow, its_id: str, kind: ConsentInstruction, at: datetime
) -> InstructionRow:
    new = InstructionRow(
        instruction_id=its_id,
        resource_id=row.resource_id,
        kind=kind,
        partner=row.partner,
        partner_account=row.partner_account,
        submit_before=at + _SENT_WITHIN,
    )
    page_of(session, row.resource_id).add(new)
    return new


def _user(tenant: str, user_id: str) -> bytes:
    return f"{len(tenant)}:{tenant}{user_id}".encode()


def _printable(error: str) -> str:
    """An error from a callback, fit to be stored in the clear and shown."""
    kept = "".join(each for each in error[:_ERROR_LENGTH_MAX] if each.isalnum() or each in "_-. ")
    return kept or "an error without a name"
