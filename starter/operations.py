"""The client for operators: decide about payments in question, halt sends, list and close tasks."""

from __future__ import annotations

import json
import secrets
from collections.abc import Collection
from datetime import datetime

from domain.clock import Clock
from domain.lifecycle.command import CommandKind
from domain.lifecycle.statement import Signed, Statement, StatementKind, digest
from domain.payments.order import Rail
from starter.asking import (
    CommandReceipt,
    InvalidCommand,
    Notifier,
    check_reference,
    check_why,
    check_words,
)
from starter.evidence import check_evidence
from starter.operators import Operators
from starter.signing import Signer
from store.commands import CannotResolve, Commands
from store.halts import HALTS, Halt, Halts
from store.operators import SIGNATURES_NEEDED
from store.tasks import Task, Tasks


class Operations:
    """Typed, async access for people who decide. Make one per process, with `assembly`.

    Every decision is signed. It is recorded first, and then the payment's run is notified; if
    Temporal is away, the relay does that later. A known command id gets its outcome so far and does
    nothing new. Every signed call may raise NotSigned (not an operator's signature of exactly this;
    the refusal is recorded and slows later tries) and KeyUnusable (no key to sign with).
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

    async def resolve(
        self,
        decision: CommandKind,
        payment_id: str,
        command_id: str,
        *,
        signer: Signer,
        why: str,
        reference: str | None = None,
        evidence: bytes = b"",
        about: str | None = None,
    ) -> CommandReceipt:
        """Decide as an operator chose, whichever door the decision came by.

        Args:
            decision: EXECUTED, which may have a `reference`; NOT_EXECUTED, which has `evidence`; or
                ABANDON.
            about: the digest of what the operator saw (`Operators.about`); by default of what is
                known now.

        Raises: as `executed`, `not_executed` and `abandon`.
        """
        match decision:
            case CommandKind.EXECUTED:
                return await self.executed(
                    payment_id, command_id, signer=signer, why=why, reference=reference,
                    about=about,
                )  # fmt: skip
            case CommandKind.NOT_EXECUTED:
                return await self.not_executed(
                    payment_id, command_id, signer=signer, why=why, evidence=evidence,
                    about=about,
                )  # fmt: skip
            case CommandKind.ABANDON:
                return await self.abandon(
                    payment_id, command_id, signer=signer, why=why, about=about
                )
            case _:
                raise InvalidCommand(f"decision: {decision} is no decision about a payment")

    async def executed(
        self,
        payment_id: str,
        command_id: str,
        *,
        signer: Signer,
        why: str,
        reference: str | None = None,
        about: str | None = None,
    ) -> CommandReceipt:
        """Decide that the partner executed the payment, maybe under a `reference` of its own.

        With a reference the partner is read from now on, and its answer counts. Without one the
        payment ends UNCONFIRMED. `about` is as for `resolve`.

        Raises:
            UnknownPayment, CommandReused, NotSigned, KeyUnusable, InvalidCommand, ClocksApart.
            CannotResolve: nothing about the payment is in question, an attempt is under way, the
                reference does not fit, or something has changed since it was signed.
        """
        if reference is not None:
            check_reference(reference)
        kind, content = StatementKind.EXECUTED, reference or ""
        return await self._sign(kind, payment_id, command_id, signer, why, content, about=about)

    async def abandon(
        self,
        payment_id: str,
        command_id: str,
        *,
        signer: Signer,
        why: str,
        about: str | None = None,
    ) -> CommandReceipt:
        """Give the payment up: this is a cancel, and a settled payment ends UNCONFIRMED.

        `about` is as for `resolve`.

        Raises:
            UnknownPayment, CommandReused, NotSigned, KeyUnusable, InvalidCommand, ClocksApart.
            CannotResolve: something has changed since it was signed.
        """
        kind = StatementKind.ABANDON
        return await self._sign(kind, payment_id, command_id, signer, why, about=about)

    async def not_executed(
        self,
        payment_id: str,
        command_id: str,
        *,
        signer: Signer,
        why: str,
        evidence: bytes,
        about: str | None = None,
    ) -> CommandReceipt:
        """Sign that the partner did not execute the payment. This takes two operators.

        The second signature, by another operator about the same facts, ends the payment. It is
        never sent again. If something new becomes known in between, the first signature is void.

        Args:
            payment_id: the payment.
            command_id: the id of this signature; each signature has its own.
            signer: who signs.
            why: in one line, without account numbers, since it is stored in the clear.
            evidence: what shows it, up to `EVIDENCE_BYTES_MAX`; stored sealed.
            about: as for `resolve`.

        Raises:
            UnknownPayment, CommandReused, NotSigned, KeyUnusable, InvalidCommand, ClocksApart.
            CannotResolve: as `executed`, or there are fewer than two operators.
        """
        await self.require_not_executed()
        check_evidence(evidence)
        kind, content = StatementKind.NOT_EXECUTED, digest(evidence)
        return await self._sign(
            kind, payment_id, command_id, signer, why, content, evidence=evidence, about=about
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
        about: str | None,
    ) -> CommandReceipt:
        statement = await self.draft(
            kind, payment_id, command_id, by=signer.by, why=why, content=content, about=about
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
        about: str | None = None,
    ) -> Statement:
        """The statement about a payment, for an operator to sign wherever the key is.

        Args:
            kind: EXECUTED, NOT_EXECUTED or ABANDON.
            payment_id, command_id, by, why: as for the decision itself.
            content: the partner's reference for EXECUTED, the digest of the evidence for
                NOT_EXECUTED.
            about: as for `resolve`. The store refuses a statement about less than it knows.

        Raises:
            UnknownPayment, InvalidCommand.
        """
        check_words(command_id=command_id, by=by, why=why, needs_why=True)
        tenant, known = await self._operators.about(payment_id)
        return Statement(
            kind=kind,
            by=by,
            at=self._clock.now(),
            subject=payment_id,
            tenant=tenant,
            command_id=command_id,
            why=why,
            content=content,
            about=known if about is None else about,
        )

    async def decide(self, signed: Signed, *, evidence: bytes = b"") -> CommandReceipt:
        """Do what an operator signed about a payment.

        The store verifies the signature with the operator's stored key, in the transaction that
        records the decision, and stores the signature too.

        Raises:
            UnknownPayment, CommandReused, InvalidCommand, CannotResolve, ClocksApart, NotSigned.
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
        """Require enough operators for `not_executed`.

        Raises:
            CannotResolve: there are fewer operators than signatures needed.
        """
        if not await self.offers_not_executed():
            raise CannotResolve(
                f"`not-executed` needs {SIGNATURES_NEEDED} operators, and there are fewer. "
                "`finality operator list` shows them; `finality operator enrol` enrols the first "
                "ones, and `finality operator add` further ones"
            )

    async def evidence(self, payment_id: str, command_id: str) -> bytes | None:
        """The evidence attached to a command; None if there is none."""
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
        """Stop new sends: all of them, or those of a partner, a tenant, a rail or a combination.

        Payments that were sent before are still resolved, and cancels still go out.

        Raises:
            NotSigned, KeyUnusable.
            InvalidCommand: there is no such partner or rail, the tenant is known in another
                spelling (so the halt would stop nothing), or `why` cannot be stored.
        """
        check_why(why)
        _require("partner", partner, self._partners)
        _require("rail", rail, [known.value for known in Rail])
        if tenant is not None and (known := await self._halts.spelt_otherwise(tenant)):
            raise InvalidCommand(f"tenant: there is no {tenant!r}; is {known!r} meant?")
        now = self._clock.now()
        statement = Statement(
            kind=StatementKind.HALT,
            by=signer.by,
            at=now,
            subject=HALTS,
            command_id=secrets.token_hex(8),  # A repeated halt is another halt.
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
        """Lift a halt. Upkeep notifies the payments that waited. False if no such halt is in force.

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
        """All halts in force, the oldest first, each with the number of payments it holds back."""
        return [
            (halt, await self._halts.held_back(halt.number))
            for halt in await self._halts.in_force()
        ]

    async def halts_of(self, payment_id: str) -> list[Halt]:
        """Halts in force that cover the payment."""
        return await self._halts.covering(payment_id)

    async def tasks(
        self,
        *,
        owner: str | None = None,
        due_before: datetime | None = None,
        tenant: str | None = None,
        resource_id: str | None = None,
        limit: int = 1000,
    ) -> list[Task]:
        """Open tasks, the most urgent first; those of one tenant or payment, if it is given."""
        return await self._tasks.open(
            owner=owner, due_before=due_before, tenant=tenant, resource_id=resource_id, limit=limit
        )

    async def task(self, task_id: str, *, tenant: str | None) -> Task | None:
        """The open task; None if there is no such task.

        Args:
            tenant: only if it is about something of this tenant's; None only for operators.
        """
        return await self._tasks.one(task_id, tenant=tenant)

    async def dismiss(self, task_id: str, *, signer: Signer, why: str) -> str | None:
        """Close a task that is about no payment: deliveries, missed events, or a machine's clock.

        If a payment takes the deliveries' reference later, it gets them all the same. A task about
        a payment cannot be closed here: a decision about the payment answers it.

        Returns:
            The kind of the task; None if no such task is open.

        Raises:
            NotSigned, KeyUnusable.
            InvalidCommand: `why` cannot be stored, as `check_why`.
        """
        check_why(why)
        now = self._clock.now()
        statement = Statement(
            kind=StatementKind.DISMISS, by=signer.by, at=now, subject=task_id, why=why
        )
        signed = await self._operators.sign(statement, signer)
        async with self._operators.noting(statement):
            return await self._tasks.dismiss(task_id, signed=signed, now=now)


def _require(name: str, wanted: str | None, known: Collection[str]) -> None:
    if wanted is not None and wanted not in known:
        raise InvalidCommand(f"{name}: there is no {wanted!r}; known: {', '.join(sorted(known))}")
