"""The repository of consents: accept a request once, read it, renew it, take callbacks.

How one is renewed is in `store/consent_renewals.py`, and what a callback does in
`store/consent_answers.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlmodel import Session, col, select

from domain.consents.consent import Consent
from domain.consents.instructions import KIND, ConsentInstruction
from domain.consents.request import ConsentRequest
from domain.consents.view import ConsentView
from domain.ids import instruction_id
from domain.lifecycle.profile import Profile
from domain.lifecycle.report import Action
from domain.lifecycle.resource import UnknownResource
from store.accepting import FINGERPRINT_VERSION, KeyReused, known_rows
from store.actions import action_of
from store.callbacks import new_callback
from store.clocks import agreed
from store.consent_answers import answered
from store.consent_changes import Taken
from store.consent_kind import consent_view
from store.consent_renewals import RenewCommand, renewed
from store.database import Database
from store.folding import Folding, request_context, request_of
from store.halts import is_halted
from store.keyring import Keyring
from store.keys import require_proven
from store.kind import StoredKinds
from store.locks import hold
from store.payments import row as resource_row
from store.tables.consents import ConsentRow
from store.tables.lifecycles import InstructionRow, LifecycleRow

_USERS: Final = "consents.user"


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
                require_tenants(session, former, tenant)
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
            session.add(
                new_callback(
                    self._keyring,
                    ask,
                    browser_session=given.browser_session,
                    issuer=given.issuer,
                    now=at,
                )
            )
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

    async def record(self, consent_id: str, tenant: str | None) -> ConsentRecord:
        """The consent, with the page where its user goes on. Another tenant's looks unknown.

        Raises:
            UnknownResource: there is no such consent of the tenant.
            KeyringError: it cannot be opened.
        """

        def query(session: Session) -> ConsentRecord:
            return self._record(session, require_tenants(session, consent_id, tenant))

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
        self, consent_id: str, *, tenant: str | None, renewal: RenewCommand, now: datetime
    ) -> Taken:
        """Have the user confirm it again: with us, or at the bank for the same consent.

        Raises:
            UnknownResource: there is no such consent of the tenant.
            CommandReused, CannotRenew: as `renewed`.
            ClocksApart: our clock and the database's differ too much.
        """

        def transaction(session: Session) -> Taken:
            row, at = require_tenants(session, consent_id, tenant), agreed(session, now)
            return renewed(session, self._folding, row, renewal, at)

        return await self._database.write(transaction)

    async def answer(
        self, *, tenant: str, params: Mapping[str, str], browser_session: str, now: datetime
    ) -> Taken:
        """Take a callback: what the bank sent back with the user. It counts once.

        Raises:
            CallbackRefused: it is forged, or belongs to another tenant, browser or bank.
            ClocksApart: our clock and the database's differ too much.
        """

        def transaction(session: Session) -> Taken:
            return answered(session, self._folding, tenant, params, browser_session, now)

        return await self._database.write(transaction)


def _same(found: LifecycleRow, fingerprint: str) -> LifecycleRow:
    if (found.kind, found.fingerprint) != (KIND, fingerprint):
        raise KeyReused(found.key, found.resource_id)
    return found


def require_tenants(session: Session, consent_id: str, tenant: str | None) -> LifecycleRow:
    """The consent's row, locked if this session writes."""
    row = resource_row(session, consent_id)
    if row.kind != KIND or (tenant is not None and row.tenant != tenant):
        raise UnknownResource(f"no consent {consent_id}")
    return row


def _user(tenant: str, user_id: str) -> bytes:
    return f"{len(tenant)}:{tenant}{user_id}".encode()
