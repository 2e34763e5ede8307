"""Consents, for the store: their own row, their callbacks, and how one supersedes another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlmodel import Session, col, update

from domain.consents.consent import Consent
from domain.consents.fold import REPLACED
from domain.consents.instructions import KIND, ConsentInstruction
from domain.consents.kind import ConsentKind
from domain.consents.report import ConsentState, Report, Source
from domain.consents.states import STATES
from domain.consents.view import ConsentView
from domain.ids import instruction_id
from domain.lifecycle.change import Change
from store.account_access import keep_feed
from store.callbacks import answer_for, callback_for
from store.keyring import Keyring
from store.kind import StoredKinds
from store.tables.consents import ConsentRow
from store.tables.lifecycles import InstructionRow, LifecycleRow, ReportRow
from store.views import view_of


class StoredConsents(ConsentKind):
    """The kind of consents, with its own tables."""

    def keep(
        self, session: Session, row: LifecycleRow, reports: Sequence[Any], before: str
    ) -> Sequence[Change]:
        """Write until when it has to be renewed, and what follows for its account data.

        Once active, it supersedes the former one.
        """
        consent = Consent.model_validate_json(row.folded_json)
        own = session.get_one(ConsentRow, row.resource_id)
        granted = STATES[consent.state].was_granted
        own.renew_by = consent.usable_until if granted else None
        session.add(own)
        keep_feed(session, row, consent, before)
        if own.renews is not None and consent.granted_at is not None:
            _supersede(session, own.renews, consent, row)
        return ()

    def beside(
        self, session: Session, keyring: Keyring, instruction: InstructionRow
    ) -> Mapping[str, Any]:
        """How the user comes back, and what the user brought back."""
        if instruction.kind == ConsentInstruction.ANSWER:
            answer, callback = answer_for(session, keyring, instruction.instruction_id)
            return {"answer": answer, "callback": callback}
        return {"callback": callback_for(session, keyring, instruction.instruction_id)}


def _supersede(session: Session, former: str, consent: Consent, row: LifecycleRow) -> None:
    """Report to the former consent that it is superseded, once. Upkeep folds it soon.

    It is not folded here: this transaction holds the newer one's lock, and two locks taken in
    different orders would block each other.
    """
    assert consent.granted_at is not None
    report = Report(
        instruction_id=instruction_id(former, ConsentInstruction.ASK),
        source=Source.GATE,
        as_of=consent.granted_at,
        state=ConsentState.SUPERSEDED,
        partner_status=REPLACED,
        reason=f"{row.resource_id} has taken its place",
    )
    if session.get(ReportRow, report.report_id) is not None:
        return
    session.add(
        ReportRow(
            report_id=report.report_id,
            resource_id=former,
            instruction_id=report.instruction_id,
            report_json=report.model_dump_json(),
            heard_at=row.updated_at,
        )
    )
    session.exec(
        update(LifecycleRow)
        .where(col(LifecycleRow.resource_id) == former)
        .values(escalates_at=row.updated_at)
    )


_CONSENTS: Final = StoredConsents()


def consent_view(session: Session, found: LifecycleRow) -> ConsentView:
    """The view of a consent."""
    view: ConsentView = view_of(_CONSENTS, session, found)
    return view


def consents_alone() -> StoredKinds:
    """The kinds of a process that drives consents and nothing else."""
    return {KIND: _CONSENTS}
