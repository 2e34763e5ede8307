"""Payments that their payer approves before they are sent: the wait, and the payer's answer.

The payer comes back from the bank's page by a callback, as the user of a consent does, and the
callback counts once. It decides nothing: the next step asks the bank.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from domain.lifecycle.book import Book
from domain.lifecycle.callback import WaitForUser
from domain.lifecycle.heard import Heard
from domain.lifecycle.report import Report, Source
from domain.lifecycle.sending import Move, next_move
from domain.payments.view import KIND, PaymentView
from store.actions import keep_action
from store.callbacks import digest_of, new_answer, require_own
from store.clocks import agreed
from store.database import Database
from store.evidence import keep_exchange, keep_report
from store.folding import Folding
from store.keyring import Keyring
from store.kind import OfItsKind, StoredKinds
from store.payment_kind import payment_view
from store.payments import row as resource_row
from store.requests import operation_of, subject_of
from store.tables.consents import AnswerRow, CallbackRow
from store.tables.lifecycles import InstructionRow, LifecycleRow


@dataclass(frozen=True)
class Approved:
    """The payment after a callback; `is_new` if the callback counted."""

    view: PaymentView
    is_new: bool


class Approvals:
    """Takes the callbacks of payers."""

    def __init__(self, database: Database, keyring: Keyring, kinds: StoredKinds) -> None:
        self._database = database
        self._keyring = keyring
        self._folding = Folding(keyring, kinds)

    async def is_of_a_payment(self, state: str) -> bool:
        """Whether a callback with this `state` was made for a payment."""

        def query(session: Session) -> bool:
            found = session.get(CallbackRow, digest_of(state))
            return found is not None and _row_of(session, found).kind == KIND

        return await self._database.read(query)

    async def take(
        self, *, tenant: str, params: Mapping[str, str], browser_session: str, now: datetime
    ) -> Approved:
        """Take a callback: what the bank sent back with the payer. It counts once.

        A second one, and one that comes late, changes nothing. One with an `error` is not kept,
        since the payer may go back to the page; it makes us ask the bank now.

        Raises:
            CallbackRefused: it is forged, or belongs to another tenant, browser or bank.
            ClocksApart: our clock and the database's differ too much.
        """

        def transaction(session: Session) -> Approved:
            state_hash = digest_of(params.get("state", ""))
            found = session.get(CallbackRow, state_hash)
            # The payment is locked before its callback is read for good.
            row = _row_of(session, found) if found is not None else None
            if found is not None:
                session.refresh(found)
            is_ours = row is not None and row.kind == KIND
            is_bound = found is not None and found.session_hash != digest_of("")
            callback = require_own(
                found if is_ours else None,
                row.tenant if row else None,
                tenant,
                params,
                browser_session if is_bound else "",
            )
            assert row is not None
            view = payment_view(session, row)
            if callback.answered_at is not None or view.payment.is_over or view.cancel_asked:
                return Approved(view, is_new=False)
            at = agreed(session, now)
            if "code" in params and not params.get("error"):
                callback.answered_at = at
                session.add(callback)
                its_id = callback.instruction_id
                if session.get(AnswerRow, its_id) is None:
                    session.add(new_answer(self._keyring, its_id, params, state_hash))
                session.flush()
            row.not_before = row.waiting_for = None
            return Approved(self._folding.refold(session, row, at), is_new=True)

        return await self._database.write(transaction)


def _row_of(session: Session, callback: CallbackRow) -> LifecycleRow:
    return resource_row(session, callback.consent_id)


def wait_for_user(
    session: Session,
    folding: Folding,
    resource: LifecycleRow,
    row: InstructionRow,
    book: Book,
    waits: WaitForUser,
    now: datetime,
) -> None:
    """Store what the user has to do, and until when nothing is due. The caller folds after it."""
    resource.started_at = resource.started_at or now
    if waits.passed is not None:
        resource.gate_passed_at = waits.passed.at
        gate = waits.passed.report(row.instruction_id, folding.kind(resource).gate)
        keep_report(session, resource.resource_id, gate, waits.passed.at)
    move = next_move(operation_of(resource, row), book, now).move
    if move not in (Move.SEND, Move.CHECK):
        return
    # It counts only until something is sent, so that no later word contradicts it.
    report = waits.needs.report.model_copy(update={"source": Source.GATE})
    if not _waits_already(folding.folded(resource), report, now):
        heard = Heard(
            resource_id=resource.resource_id,
            instruction_id=row.instruction_id,
            heard_at=now,
            why=report.partner_status,
            report=report,
            exchange=waits.needs.exchange,
        )
        is_new = keep_report(session, resource.resource_id, report, now)
        keep_action(session, folding.keyring, resource.resource_id, report)
        keep_exchange(session, folding.keyring, heard, is_new=is_new)
    subject = subject_of(session, folding, resource, row, len(waits.seen.keys))
    resource.not_before = waits.needs.retry_at if subject == waits.seen else None
    resource.waiting_for = report.reason or "the user's approval"
    resource.needs_person = False


def _waits_already(folded: OfItsKind, report: Report, now: datetime) -> bool:
    """Whether the report's words are stored, with an action that still holds."""
    action = folded.action
    return (
        action is not None
        and (folded.state, folded.partner_status) == (report.state, report.partner_status)
        and (action.expires_at is None or now < action.expires_at)
    )
