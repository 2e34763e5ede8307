"""What operators use: decide about payments in question, halt sends, see what waits for people."""

from __future__ import annotations

import json
import secrets
from collections.abc import Collection
from datetime import datetime
from typing import Final

from domain.clock import Clock
from domain.order import Rail
from domain.statement import Signed, Statement, StatementKind, digest
from starter.asking import (
    CommandReceipt,
    InvalidCommand,
    Notifier,
    check_reference,
    check_why,
    check_words,
)
from starter.operators import Operators
from starter.signing import Signer
from store.commands import CannotResolve, Commands
from store.halts import HALTS, Halt, Halts
from store.operators import SIGNATURES_NEEDED
from store.tasks import Task, Tasks

#: What fits a scanned letter; it is kept sealed beside the command.
EVIDENCE_BYTES_MAX: Final = 5 * 1024 * 1024


class Operations:
    """Typed, async access for people who decide. Make one per process, with `assembly`.

    Every decision is signed. It is recorded first, then the payment's run is told; while Temporal
    is away the relay does that later. A command id that is known answers and does nothing new.
    """

    def __init__(
        self,
        *,
        commands: Commands,
        halts: Halts,
        tasks: Tasks,
        notifier: Notifier,
        operators: Operators,
        partners: Collection[str],
        clock: Clock,
    ) -> None:
        self._commands = commands
        self._halts = halts
        self._tasks = tasks
        self._notifier = notifier
        self._operators = operators
        self._partners = partners
        self._clock = clock

    async def offers_not_executed(self) -> bool:
        """Whether there are enough operators for `not_executed`."""
        return len(await self._operators.active()) >= SIGNATURES_NEEDED

    async def executed(
        self,
        payment_id: str,
        command_id: str,
        *,
        signer: Signer,
        why: str,
        reference: str | None = None,
    ) -> CommandReceipt:
        """The partner executed it, under `reference` where it gave one.

        With a reference the partner is read from now on and has the last word. Without one the
        payment ends UNCONFIRMED.

        Raises:
            UnknownPayment, CommandReused, NotSigned, KeyUnusable, InvalidCommand.
            CannotResolve: nothing about it is in question, or an attempt is under way.
        """
        if reference is not None:
            check_reference(reference)
        kind, content = StatementKind.EXECUTED, reference or ""
        return await self._sign(kind, payment_id, command_id, signer, why, content)

    async def abandon(
        self, payment_id: str, command_id: str, *, signer: Signer, why: str
    ) -> CommandReceipt:
        """Nothing more is wanted of it: as a cancel; what is settled is asked about no more.

        Raises:
            UnknownPayment, CommandReused, NotSigned, KeyUnusable, InvalidCommand, CannotResolve.
        """
        return await self._sign(StatementKind.ABANDON, payment_id, command_id, signer, why)

    async def not_executed(
        self, payment_id: str, command_id: str, *, signer: Signer, why: str, evidence: bytes
    ) -> CommandReceipt:
        """The partner did not execute it: one of the two signatures that this takes.

        The second one, by another operator about the same facts, ends the payment; it is never
        sent again. What is heard of it in between makes the first one void.

        Args:
            payment_id: what it is about.
            command_id: of this signature; each has its own.
            signer: who signs.
            why: in a line, without account numbers: it is kept in the clear.
            evidence: what shows it, up to `EVIDENCE_BYTES_MAX`; kept sealed.

        Raises:
            UnknownPayment, CommandReused, NotSigned, KeyUnusable, InvalidCommand.
            CannotResolve: nothing about it is in question, an attempt is under way, or there are
                fewer than two operators.
        """
        await self.require_not_executed()
        check_evidence(evidence)
        kind, content = StatementKind.NOT_EXECUTED, digest(evidence)
        return await self._sign(
            kind, payment_id, command_id, signer, why, content, evidence=evidence
        )

    async def _sign(
        self,
        kind: StatementKind,
        payment_id: str,
        command_id: str,
        signer: Signer,
        why: str,
        content: str = "",
        *,
        evidence: bytes = b"",
    ) -> CommandReceipt:
        statement = await self.draft(
            kind, payment_id, command_id, by=signer.by, why=why, content=content
        )
        signed = await self._operators.sign(statement, signer)
        return await self.decide(signed, evidence=evidence)

    async def draft(
        self,
        kind: StatementKind,
        payment_id: str,
        command_id: str,
        *,
        by: str,
        why: str,
        content: str = "",
    ) -> Statement:
        """The statement that an operator signs about a payment, wherever their key is.

        Args:
            kind: EXECUTED, NOT_EXECUTED or ABANDON.
            payment_id, command_id, by, why: as of the decision itself.
            content: the partner's reference of EXECUTED, the digest of the evidence of
                NOT_EXECUTED.

        Raises:
            UnknownPayment, InvalidCommand.
        """
        check_words(command_id=command_id, by=by, why=why, needs_why=True)
        tenant, about = await self._operators.about(payment_id)
        return Statement(
            kind=kind,
            by=by,
            at=self._clock.now(),
            subject=payment_id,
            tenant=tenant,
            command_id=command_id,
            why=why,
            content=content,
            about=about,
        )

    async def decide(self, signed: Signed, *, evidence: bytes = b"") -> CommandReceipt:
        """Do what an operator signed about a payment.

        The store verifies the signature with the key it has of the operator, in the transaction
        that does it, and keeps it.

        Raises:
            UnknownPayment, CommandReused, InvalidCommand, CannotResolve.
            NotSigned: it is no operator's signature of this; the refusal is kept and slows others.
        """
        said, now = signed.statement, self._clock.now()
        check_words(command_id=said.command_id, by=said.by, why=said.why, needs_why=True)
        async with self._operators.noting(said):
            match said.kind:
                case StatementKind.EXECUTED:
                    reference = said.content or None
                    if reference is not None:
                        check_reference(reference)
                    done = self._commands.executed(
                        said.subject, signed=signed, now=now, reference=reference
                    )
                case StatementKind.NOT_EXECUTED:
                    check_evidence(evidence)
                    done = self._commands.not_executed(
                        said.subject, signed=signed, evidence=evidence, now=now
                    )
                case StatementKind.ABANDON:
                    done = self._commands.abandon(said.subject, signed=signed, now=now)
                case _:
                    raise InvalidCommand(f"{said.kind} is no decision about a payment")
            commanded = await done
        return await self._notifier.notify(commanded)

    async def require_not_executed(self) -> None:
        """Let pass where `not_executed` is offered.

        Raises:
            CannotResolve: there are fewer operators than signatures needed.
        """
        if not await self.offers_not_executed():
            raise CannotResolve(
                f"`not-executed` is not offered: it takes {SIGNATURES_NEEDED} operators; see "
                "`finality operator list`, and `finality operator enrol` for the first ones"
            )

    async def evidence(self, payment_id: str, command_id: str) -> bytes | None:
        """What was attached to a signature; None where there is nothing."""
        return await self._commands.evidence(payment_id, command_id)

    async def halt(
        self,
        *,
        signer: Signer,
        why: str,
        partner: str | None = None,
        tenant: str | None = None,
        rail: str | None = None,
    ) -> Halt:
        """Stop new sends: of everything, or of one partner, tenant or rail, or what is all these.

        What was sent before goes on being resolved, and cancels go out.

        Raises:
            NotSigned, KeyUnusable.
            InvalidCommand: no such partner or rail, or a tenant only spelt otherwise, which would
                stop nothing.
        """
        check_why(why)
        _require("partner", partner, self._partners)
        _require("rail", rail, [known.value for known in Rail])
        if tenant is not None and (known := await self._halts.spelt_otherwise(tenant)):
            raise InvalidCommand(f"tenant: there is no {tenant!r}, but {known!r}")
        now = self._clock.now()
        statement = Statement(
            kind=StatementKind.HALT,
            by=signer.by,
            at=now,
            subject=HALTS,
            command_id=secrets.token_hex(8),  # The same halt again is another halt.
            why=why,
            content=json.dumps([partner, tenant, rail]),
        )
        signed = await self._operators.sign(statement, signer)
        async with self._operators.noting(statement):
            number = await self._halts.halt(
                by=signer.by, why=why, now=now, partner=partner, tenant=tenant, rail=rail,
                signed=signed,
            )  # fmt: skip
        return Halt(number, partner, tenant, rail, signer.by, why, now)

    async def lift(self, number: int, *, signer: Signer) -> bool:
        """Let sends go on; the relay tells what waited. False where no such halt is in force.

        Raises:
            NotSigned, KeyUnusable.
            NotDoubtedYet: the database was set back, and no round of upkeep has yet counted as in
                doubt what may have been sent. Lift it after the next round.
        """
        now = self._clock.now()
        statement = Statement(kind=StatementKind.LIFT, by=signer.by, at=now, subject=str(number))
        signed = await self._operators.sign(statement, signer)
        async with self._operators.noting(statement):
            return await self._halts.lift(number, by=signer.by, now=now, signed=signed)

    async def halts(self) -> list[tuple[Halt, int]]:
        """All halts in force, the oldest first, each with how many open payments it holds back."""
        return [
            (halt, await self._halts.held_back(halt.number))
            for halt in await self._halts.in_force()
        ]

    async def halts_of(self, payment_id: str) -> list[Halt]:
        """Halts in force that cover the payment."""
        return await self._halts.covering(payment_id)

    async def tasks(
        self, *, owner: str | None = None, due_before: datetime | None = None, limit: int = 1000
    ) -> list[Task]:
        """Open questions to people, the most urgent first."""
        return await self._tasks.open(owner=owner, due_before=due_before, limit=limit)

    async def dismiss(self, task_id: str, *, signer: Signer, why: str) -> str | None:
        """Close a task about no payment: deliveries that are nobody's of ours, a machine's clock.

        Should a payment take the reference later, it gets the deliveries all the same. Returns the
        kind of the task, or None where no such task is open; one about a payment is answered by a
        decision about that payment.

        Raises:
            NotSigned, KeyUnusable.
            InvalidCommand: `why` is empty, or has an account number.
        """
        check_why(why)
        now = self._clock.now()
        statement = Statement(
            kind=StatementKind.DISMISS, by=signer.by, at=now, subject=task_id, why=why
        )
        signed = await self._operators.sign(statement, signer)
        async with self._operators.noting(statement):
            return await self._tasks.dismiss(task_id, signed=signed, now=now)


def check_evidence(evidence: bytes) -> None:
    """Whether it can be kept.

    Raises:
        InvalidCommand: empty, or longer than `EVIDENCE_BYTES_MAX`.
    """
    if not evidence.strip():
        raise InvalidCommand("evidence: is empty; attach what shows that nothing was executed")
    if len(evidence) > EVIDENCE_BYTES_MAX:
        raise InvalidCommand(f"evidence: is longer than {EVIDENCE_BYTES_MAX // 1024**2} MiB")


def _require(name: str, wanted: str | None, known: Collection[str]) -> None:
    if wanted is not None and wanted not in known:
        raise InvalidCommand(f"{name}: there is no {wanted!r}; known: {', '.join(sorted(known))}")
