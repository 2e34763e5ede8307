"""What operators use: decide about payments in question, halt sends, see what waits for people."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from pydantic import SecretStr

from domain.clock import Clock
from domain.order import Rail
from starter.asking import (
    CommandReceipt,
    InvalidCommand,
    Telling,
    check_reference,
    check_why,
    check_words,
)
from store.commands import SIGNATURES_NEEDED, CannotResolve, Commands
from store.halts import Halt, Halts
from store.tasks import Task, Tasks

#: What fits a scanned letter; it is kept sealed beside the command.
EVIDENCE_BYTES_MAX: Final = 5 * 1024 * 1024


class NotSigned(ValueError):
    """Name and secret do not belong together; nothing was recorded."""


@dataclass(frozen=True)
class Signature:
    """Who decides, and the secret that proves it."""

    by: str
    secret: SecretStr


class Operators:
    """The people of the setting `operators`."""

    def __init__(self, secrets: Mapping[str, SecretStr]) -> None:
        self._secrets = dict(secrets)

    @property
    def names(self) -> Collection[str]:
        """All of them, as they sign."""
        return self._secrets.keys()

    def signed(self, signature: Signature) -> str:
        """The name of who signed.

        Raises:
            NotSigned: nobody of that name, or another secret: which of both is not said.
        """
        name = signature.by.strip().casefold()
        known = self._secrets.get(name)
        # Compared in constant time, and also where there is nothing to compare with.
        wanted = _digest(known or SecretStr(""))
        fits = hmac.compare_digest(_digest(signature.secret), wanted)
        if known is None or not fits:
            raise NotSigned(
                f"{name!r} with this secret is no operator; "
                "operators and their secrets are the setting `operators`"
            )
        return name


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
        telling: Telling,
        operators: Operators,
        partners: Collection[str],
        clock: Clock,
    ) -> None:
        self._commands = commands
        self._halts = halts
        self._tasks = tasks
        self._telling = telling
        self._operators = operators
        self._partners = partners
        self._clock = clock

    @property
    def offers_not_executed(self) -> bool:
        """Whether there are enough operators for `not_executed`."""
        return len(self._operators.names) >= SIGNATURES_NEEDED

    async def executed(
        self,
        payment_id: str,
        command_id: str,
        *,
        signature: Signature,
        why: str,
        reference: str | None = None,
    ) -> CommandReceipt:
        """The partner executed it, under `reference` where it gave one.

        With a reference the partner is read from now on and has the last word. Without one the
        payment ends UNCONFIRMED.

        Raises:
            UnknownPayment, CommandReused, NotSigned, InvalidCommand.
            CannotResolve: nothing about it is in question, or an attempt is under way.
        """
        by = self._operators.signed(signature)
        check_words(command_id=command_id, by=by, why=why, needs_why=True)
        if reference is not None:
            check_reference(reference)
        return await self._telling.tell(
            await self._commands.executed(
                payment_id,
                command_id=command_id,
                by=by,
                why=why,
                now=self._clock.now(),
                reference=reference,
            )
        )

    async def abandon(
        self, payment_id: str, command_id: str, *, signature: Signature, why: str
    ) -> CommandReceipt:
        """Nothing more is wanted of it: as a cancel; what is settled is asked about no more.

        Raises:
            UnknownPayment, CommandReused, NotSigned, InvalidCommand.
        """
        by = self._operators.signed(signature)
        check_words(command_id=command_id, by=by, why=why, needs_why=True)
        return await self._telling.tell(
            await self._commands.abandon(
                payment_id, command_id=command_id, by=by, why=why, now=self._clock.now()
            )
        )

    async def not_executed(
        self, payment_id: str, command_id: str, *, signature: Signature, why: str, evidence: bytes
    ) -> CommandReceipt:
        """The partner did not execute it: one of the two signatures that this takes.

        The second one, by another operator about the same facts, ends the payment; it is never
        sent again. What is heard of it in between makes the first one void.

        Args:
            payment_id: what it is about.
            command_id: of this signature; each has its own.
            signature: who signs.
            why: in a line, without account numbers: it is kept in the clear.
            evidence: what shows it, up to `EVIDENCE_BYTES_MAX`; kept sealed.

        Raises:
            UnknownPayment, CommandReused, NotSigned, InvalidCommand.
            CannotResolve: nothing about it is in question, an attempt is under way, or there are
                fewer than two operators.
        """
        self.require_not_executed()
        by = self._operators.signed(signature)
        check_words(command_id=command_id, by=by, why=why, needs_why=True)
        check_evidence(evidence)
        return await self._telling.tell(
            await self._commands.not_executed(
                payment_id,
                command_id=command_id,
                by=by,
                why=why,
                evidence=evidence,
                now=self._clock.now(),
                operators=self._operators.names,
            )
        )

    def require_not_executed(self) -> None:
        """Let pass where `not_executed` is offered.

        Raises:
            CannotResolve: there are fewer operators than signatures needed.
        """
        if not self.offers_not_executed:
            raise CannotResolve(
                f"`not-executed` is not offered: it takes {SIGNATURES_NEEDED} operators, and the "
                f"setting `operators` has {len(self._operators.names)}"
            )

    async def evidence(self, payment_id: str, command_id: str) -> bytes | None:
        """What was attached to a signature; None where there is nothing."""
        return await self._commands.evidence(payment_id, command_id)

    async def halt(
        self,
        *,
        signature: Signature,
        why: str,
        partner: str | None = None,
        tenant: str | None = None,
        rail: str | None = None,
    ) -> Halt:
        """Stop new sends: of everything, or of one partner, tenant or rail, or what is all these.

        What was sent before goes on being resolved, and cancels go out.

        Raises:
            NotSigned.
            InvalidCommand: no such partner or rail, or a tenant only spelt otherwise, which would
                stop nothing.
        """
        by = self._operators.signed(signature)
        check_why(why)
        _require("partner", partner, self._partners)
        _require("rail", rail, [known.value for known in Rail])
        if tenant is not None and (known := await self._halts.spelt_otherwise(tenant)):
            raise InvalidCommand(f"tenant: there is no {tenant!r}, but {known!r}")
        now = self._clock.now()
        number = await self._halts.halt(
            by=by, why=why, now=now, partner=partner, tenant=tenant, rail=rail
        )
        return Halt(number, partner, tenant, rail, by, why, now)

    async def lift(self, number: int, *, signature: Signature) -> bool:
        """Let sends go on; the relay tells what waited. False where no such halt is in force.

        Raises:
            NotSigned.
        """
        by = self._operators.signed(signature)
        return await self._halts.lift(number, by=by, now=self._clock.now())

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


def _digest(secret: SecretStr) -> bytes:
    return hashlib.sha256(secret.get_secret_value().encode()).digest()
