"""Commands: each is recorded once, and applied in the same transaction."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from domain.lifecycle.command import CommandKind, Outcome
from domain.lifecycle.kind import LifecycleKind
from domain.lifecycle.report import Report, Source
from domain.lifecycle.resource import Certainty, FindingKind, Folded
from domain.lifecycle.sending import AttemptResult, Closed
from domain.lifecycle.statement import Signed, digest
from store.books import instructions_of, opening_row
from store.cancelling import came_alive, close_cancelled
from store.clocks import agreed, no_later
from store.database import Database
from store.evidence import keep_report
from store.folding import Folding
from store.forgotten import remember
from store.kind import OfItsKind
from store.operators import SIGNATURES_NEEDED, people
from store.page import page_of
from store.payments import row as resource_row
from store.references import keep_object, object_of, owner_of
from store.signatures import known_now, require_signed, signatures
from store.tables.lifecycles import CommandRow, InstructionRow, LifecycleRow


class CommandReused(ValueError):
    """The command id stands for another command. Nothing was done."""


class CannotResolve(ValueError):
    """The decision does not fit the resource as it now stands. Nothing was recorded."""


class MoreKnown(CannotResolve):
    """More is known about the resource than what the decision was signed about."""


@dataclass(frozen=True)
class CommandRecord:
    """One command and its outcome so far."""

    payment_id: str
    command_id: str
    kind: CommandKind
    by: str
    why: str
    asked_at: datetime
    outcome: Outcome


@dataclass(frozen=True)
class Commanded:
    """The reply to a command: its outcome so far, and the resource as it now stands."""

    command: CommandRecord
    view: OfItsKind


class Commands:
    """Each command id is unique in its resource: a repeated command gets its outcome, no more."""

    def __init__(self, database: Database, folding: Folding) -> None:
        self._database = database
        self._folding = folding

    async def cancel(
        self,
        payment_id: str,
        *,
        command_id: str,
        by: str,
        why: str,
        now: datetime,
        by_its_run: bool = False,
    ) -> Commanded:
        """Cancel the payment, at whatever point it is.

        An unsent payment is cancelled at once. While an attempt is open or in doubt, nothing more
        is sent and the partner is asked what became of it. If the partner holds the payment, it is
        asked to cancel it. With `by_its_run` the payment's own run asks: nobody has to notify it.

        Raises:
            UnknownPayment, CommandReused, ClocksApart.
        """
        asked = _Asked(CommandKind.CANCEL, command_id, by, why, now, by_its_run=by_its_run)
        return await self._take_back(payment_id, asked)

    async def abandon(self, payment_id: str, *, signed: Signed, now: datetime) -> Commanded:
        """An operator's cancel. A settled payment is read no more and ends UNCONFIRMED.

        Raises:
            UnknownPayment, CommandReused, ClocksApart.
            NotSigned: no operator signed exactly this.
            CannotResolve: something about the resource has changed since it was signed.
        """
        asked = _Asked.signed(CommandKind.ABANDON, signed, now)
        return await self._take_back(payment_id, asked, signed=signed)

    async def _take_back(
        self, payment_id: str, asked: _Asked, *, signed: Signed | None = None
    ) -> Commanded:
        now = asked.at

        def transaction(session: Session) -> Commanded:
            row = self._remembered(session, payment_id, now)
            known = _known(session, row, asked, signed)
            if known is None:
                known = _new(session, row, asked)
                known.notified_at = known.asked_at if asked.by_its_run else None
                kind, stands = self._folding.kind(row), self._folding.folded(row)
                if stands.state in kind.cancellable or came_alive(session, kind, row, stands):
                    row.cancel_asked_at = row.cancel_asked_at or now
                    close_cancelled(session, row, now)
                elif asked.kind is CommandKind.ABANDON and (state := kind.unconfirmed(stands)):
                    self._decide(session, row, state, "abandoned", asked)
                    known.outcome, known.outcome_at = Outcome.DONE, now
                else:
                    known.outcome = (
                        Outcome.DONE if _is_cancelled(kind, stands) else Outcome.TOO_LATE
                    )
                    known.outcome_at = now
                self._folding.refold(session, row, now)
            return Commanded(_record(known), self._folding.view(session, row))

        return await self._database.write(transaction)

    async def executed(
        self, payment_id: str, *, signed: Signed, now: datetime, reference: str | None = None
    ) -> Commanded:
        """Record an operator's finding that the partner executed it, maybe under a `reference`.

        With a reference the partner is read from now on, and its answer counts. Without one it can
        never be asked, so the payment ends UNCONFIRMED.

        Raises:
            UnknownPayment, CommandReused, ClocksApart.
            NotSigned: no operator signed exactly this.
            CannotResolve: nothing is in question, an attempt is under way, the reference does not
                fit, or something has changed since it was signed.
        """
        asked = _Asked.signed(CommandKind.EXECUTED, signed, now, reference or "")

        def transaction(session: Session) -> Commanded:
            row = self._remembered(session, payment_id, now)
            known = _known(session, row, asked, signed)
            if known is None:
                paying = _in_question(session, self._folding, row, now)
                _keep_reference(session, paying, reference, now)
                paying.held = True
                session.add(paying)
                can_read = object_of(session, paying) is not None
                state = self._folding.kind(row).found_executed(
                    self._folding.folded(row), can_read=can_read
                )
                self._decide(session, row, state, "found executed", asked)
                known = _new(session, row, asked)
                known.outcome, known.outcome_at = Outcome.DONE, now
                self._folding.refold(session, row, now)
            return Commanded(_record(known), self._folding.view(session, row))

        return await self._database.write(transaction)

    async def not_executed(
        self, payment_id: str, *, signed: Signed, evidence: bytes, now: datetime
    ) -> Commanded:
        """Record one operator's finding, with evidence, that the partner did not execute it.

        It takes two operators who sign about the same facts. The second signature ends the payment
        as REJECTED, or as CANCELLED if a cancel was asked for. It is never sent again.

        Raises:
            UnknownPayment, CommandReused, ClocksApart.
            NotSigned: no operator signed exactly this.
            CannotResolve: as `executed`, or the evidence is missing.
        """
        if not evidence.strip():
            raise CannotResolve(
                "evidence is missing; attach a file that shows that nothing was executed"
            )
        asked = _Asked.signed(CommandKind.NOT_EXECUTED, signed, now, digest(evidence))

        def transaction(session: Session) -> Commanded:
            row = self._remembered(session, payment_id, now)
            known = _known(session, row, asked, signed)
            if known is None:
                paying = _in_question(session, self._folding, row, now, unheard=True)
                known = _new(session, row, asked)
                known.about, known.outcome = known_now(session, row), Outcome.PROPOSED
                known.evidence_sealed = self._folding.keyring.seal(
                    evidence, _evidence_context(payment_id, asked.command_id)
                )
                session.flush()
                agreeing = signatures(session, row)
                if len(people([signature for _, signature in agreeing])) >= SIGNATURES_NEEDED:
                    if paying.closed is None:
                        paying.closed, paying.closed_at = Closed.NOT_EXECUTED, now
                        session.add(paying)
                    is_cancel = row.cancel_asked_at is not None
                    state = self._folding.kind(row).found_not_executed(is_cancel=is_cancel)
                    names = " and ".join(sorted({c.by for c, _ in agreeing}))
                    self._decide(session, row, state, "found not executed", asked, says=names)
                    for command, _ in agreeing:
                        command.outcome, command.outcome_at = Outcome.DONE, now
                        session.add(command)
                self._folding.refold(session, row, now)
            return Commanded(_record(known), self._folding.view(session, row))

        return await self._database.write(transaction)

    async def of(self, payment_id: str) -> list[CommandRecord]:
        """All commands of a resource, the oldest first."""
        rows = (
            select(CommandRow)
            .where(CommandRow.resource_id == payment_id)
            .order_by(col(CommandRow.asked_at), CommandRow.command_id)
        )
        found = await self._database.read(lambda session: session.exec(rows).all())
        return [_record(row) for row in found]

    async def evidence(self, payment_id: str, command_id: str) -> bytes | None:
        """The evidence attached to a command; None if there is none, or no such command."""
        row = await self._database.read(lambda s: s.get(CommandRow, (payment_id, command_id)))
        if row is None or row.evidence_sealed is None:
            return None
        context = _evidence_context(payment_id, command_id)
        return self._folding.keyring.open(row.evidence_sealed, context)

    def _remembered(self, session: Session, payment_id: str, at: datetime) -> LifecycleRow:
        """The resource, after attempts that the partner shows and we forgot are in its books.

        Otherwise a command could close a forgotten attempt as unsent.
        """
        row, now = resource_row(session, payment_id), no_later(session, at)
        before = instructions_of(session, row)
        for instruction in page_of(session, row.resource_id).instructions:
            remember(session, row, instruction, now)
        if instructions_of(session, row) != before:
            self._folding.refold(session, row, now)
        return row

    def _decide(
        self,
        session: Session,
        row: LifecycleRow,
        state: str,
        words: str,
        asked: _Asked,
        *,
        says: str | None = None,
    ) -> None:
        """Store the decision as a report: it answers the open findings and names a state."""
        folded = self._folding.folded(row)
        paying = opening_row(session, row.resource_id)
        report = Report(
            instruction_id=paying.instruction_id,
            source=Source.DECISION,
            as_of=asked.at,
            state=state,
            partner_status=f"{words}, says {says or asked.by}",
            reason=asked.why,
            partner_reference=object_of(session, paying),
            settles=tuple(f.text for f in folded.findings if f.freezes),
        )
        known = self._folding.state_by_words(session, row, report)
        report = report.model_copy(update={"decided_on": known})
        keep_report(session, row.resource_id, report, asked.at)


@dataclass(frozen=True)
class _Asked:
    """A command as it is asked. `content` is what was decided besides the kind."""

    kind: CommandKind
    command_id: str
    by: str
    why: str
    at: datetime
    content: str = ""
    by_its_run: bool = False

    @classmethod
    def signed(cls, kind: CommandKind, signed: Signed, now: datetime, content: str = "") -> _Asked:
        """The command that an operator signed."""
        said = signed.statement
        return cls(kind, said.command_id, said.by, said.why, now, content)

    @property
    def fingerprint(self) -> str:
        return digest("\x1f".join((self.kind, self.by, self.why, self.content)).encode())[:32]


def _is_cancelled(kind: LifecycleKind, folded: Folded) -> bool:
    """Whether the resource is cancelled, and no report contradicts that."""
    contradicted = any(f.kind is FindingKind.CONTRADICTION for f in folded.findings)
    return folded.state == kind.cancelled and not contradicted


def _in_question(
    session: Session, folding: Folding, row: LifecycleRow, now: datetime, *, unheard: bool = False
) -> InstructionRow:
    """The PAY instruction, if its outcome is in question and people may decide it.

    With `unheard`, attempts with an unknown result must be past their `ends_by` too, since their
    bytes may still arrive until then.
    """
    kind, folded = folding.kind(row), folding.folded(row)
    live = {AttemptResult.OPEN, AttemptResult.UNKNOWN} if unheard else {AttemptResult.OPEN}
    for instruction in instructions_of(session, row):
        for attempt in instruction.book.attempts:
            if attempt.result in live and now < attempt.ends_by:
                raise CannotResolve(
                    f"an attempt is under way until {attempt.ends_by:%H:%M:%S} UTC; "
                    "decide after that"
                )
    view = folding.view(session, row)
    if view.opening is None:
        raise CannotResolve(
            f"the instruction of this {kind.name} is missing from the database, so no decision can "
            "be kept with it; restore the database from a copy that has it"
        )
    # Operators may also correct an earlier decision, until the partner has confirmed it.
    is_claimed = folded.is_decided and folded.state not in kind.ends
    in_doubt = folded.certainty is Certainty.UNKNOWN or folded.is_frozen
    if not (in_doubt or is_claimed or kind.due(view, now).is_for_people):
        advice = (
            "there is nothing to decide" if folded.state in kind.ends else "the partner decides"
        )
        raise CannotResolve(f"the {kind.name} is {folded.state} and not in question; {advice}")
    return opening_row(session, row.resource_id)


def _keep_reference(
    session: Session, paying: InstructionRow, reference: str | None, now: datetime
) -> None:
    known = object_of(session, paying)
    if reference is None or reference == known:
        return
    if known is not None:
        raise CannotResolve(
            f"the partner's id of this payment is known to be {known}; give no other reference"
        )
    if not keep_object(session, paying, reference, now):
        owner = owner_of(session, paying.partner, paying.partner_account, reference)
        raise CannotResolve(
            f"{reference} is the partner's id of another payment, {owner and owner[0]}"
        )


def _evidence_context(payment_id: str, command_id: str) -> str:
    """The context that sealed evidence is bound to."""
    return f"commands/{payment_id}/{command_id}"


def _known(
    session: Session, row: LifecycleRow, asked: _Asked, signed: Signed | None = None
) -> CommandRow | None:
    """The recorded command; None if it is new. A new one must be signed about what is known now."""
    if signed is not None:
        require_signed(session, row, signed, asked.kind, asked.content, asked.at)
    known = session.get(CommandRow, (row.resource_id, asked.command_id))
    if known is not None and known.fingerprint != asked.fingerprint:
        raise CommandReused(
            f"command id {asked.command_id!r} of {row.resource_id} belongs to an earlier command, "
            f"{known.kind} by {known.by}; use a new id for a new command"
        )
    if known is None and signed is not None and signed.statement.about != known_now(session, row):
        raise MoreKnown(
            f"more is known about {row.resource_id} than when this was signed; look at it with "
            "`finality show`, and sign again"
        )
    return known


def _new(session: Session, row: LifecycleRow, asked: _Asked) -> CommandRow:
    command = CommandRow(
        resource_id=row.resource_id,
        command_id=asked.command_id,
        kind=asked.kind,
        fingerprint=asked.fingerprint,
        by=asked.by,
        why=asked.why,
        # A run asks when Temporal's clock says so. A wrong clock of ours does not refuse that.
        asked_at=no_later(session, asked.at) if asked.by_its_run else agreed(session, asked.at),
        outcome=Outcome.ASKED,
    )
    session.add(command)
    return command


def _record(row: CommandRow) -> CommandRecord:
    return CommandRecord(
        payment_id=row.resource_id,
        command_id=row.command_id,
        kind=CommandKind(row.kind),
        by=row.by,
        why=row.why,
        asked_at=row.asked_at,
        outcome=Outcome(row.outcome),
    )
