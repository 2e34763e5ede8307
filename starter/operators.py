"""Who may sign, for every door through which people decide: commands, and others to come."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from domain.clock import Clock
from domain.statement import Signed, Statement, StatementKind
from starter.asking import check_why
from starter.signing import Signer, sign
from store import enrolment, operators
from store.database import Database
from store.operators import Kept, NotSigned, Operator, PublicKey, Refusal, spelt
from store.payments import row as payment_row
from store.signatures import known_now

if TYPE_CHECKING:
    from sqlmodel import Session

#: How long a refused signature is shown to people.
SHOWN: Final = timedelta(days=1)


class Operators:
    """The operators of this store, what they sign, and what was refused."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def active(self) -> list[Operator]:
        """Those who may sign, by name."""
        return await self._database.read(operators.active)

    async def enrol(self, keys: Sequence[PublicKey]) -> list[Operator]:
        """Make the first operators: at least two at once, and only once.

        Raises:
            OperatorsFixed: nothing was changed.
        """
        now = self._clock.now()
        await self._database.write(lambda session: enrolment.enrol(session, keys, now))
        return await self.active()

    async def add(self, key: PublicKey, *, signer: Signer, why: str) -> list[str]:
        """One of two signatures for another operator; who signed so far.

        Raises:
            NotSigned, KeyUnusable, OperatorsFixed, InvalidCommand.
        """
        return await self._change(StatementKind.ADD, key.name, key, signer, why)

    async def change_key(self, key: PublicKey, *, signer: Signer, why: str) -> list[str]:
        """The same for another key of an operator; what the old one proposed counts no more."""
        return await self._change(StatementKind.CHANGE_KEY, key.name, key, signer, why)

    async def remove(self, name: str, *, signer: Signer, why: str) -> list[str]:
        """The same for one who is to sign no more."""
        return await self._change(StatementKind.REMOVE, spelt(name), None, signer, why)

    async def _change(
        self, kind: StatementKind, name: str, key: PublicKey | None, signer: Signer, why: str
    ) -> list[str]:
        check_why(why)
        statement = Statement(
            kind=kind,
            by=signer.by,
            at=self._clock.now(),
            subject=name,
            why=why,
            content=key.key.hex() if key else "",
            about=await self._database.read(operators.known_operators),
        )
        signed = await self.sign(statement, signer)

        def transaction(session: Session) -> list[str]:
            return enrolment.change(session, signed, self._clock.now(), key)

        async with self.noting(statement):
            return await self._database.write(transaction)

    async def about(self, payment_id: str) -> tuple[str, str]:
        """The tenant of a payment, and the digest of what is known of it.

        Raises:
            UnknownPayment: no such payment.
        """

        def query(session: Session) -> tuple[str, str]:
            row = payment_row(session, payment_id)
            return row.tenant, known_now(session, row)

        return await self._database.read(query)

    async def require(self, signer: Signer) -> None:
        """Let an operator pass who can sign: before much is done that would end with a signature.

        Raises:
            NotSigned, KeyUnusable.
        """
        statement = Statement(
            kind=StatementKind.ACKNOWLEDGE, by=signer.by, at=self._clock.now(), subject="nothing"
        )
        signed = await self.sign(statement, signer)
        async with self.noting(statement):
            await self._database.read(
                lambda session: operators.require_operator(session, signed, self._clock.now())
            )

    async def sign(self, statement: Statement, signer: Signer) -> Signed:
        """The statement with the signer's signature; a wrong passphrase is noted.

        Raises:
            NotSigned, KeyUnusable.
        """
        async with self.noting(statement):
            return sign(statement, signer)

    @asynccontextmanager
    async def noting(self, statement: Statement) -> AsyncIterator[None]:
        """Keep a refusal of this statement's signature, in a transaction of its own."""
        try:
            yield
        except NotSigned as refused:
            why, now = refused, self._clock.now()
            await self._database.write(
                lambda session: operators.note_refusal(session, statement, why, now)
            )
            raise

    async def kept(self, subject: str) -> list[Kept]:
        """Every signature that was kept about a payment or another subject, verified once more."""
        return await self._database.read(lambda session: operators.kept(session, subject))

    async def refusals(
        self, *, since: datetime | None = None, subject: str | None = None
    ) -> list[Refusal]:
        """Refused signatures, the newest first; by default of the last day."""
        earliest = since or (None if subject else self._clock.now() - SHOWN)
        return await self._database.read(
            lambda session: operators.refusals(session, since=earliest, subject=subject)
        )
