"""The operators, and their signatures, for every interface through which people decide."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from domain.clock import Clock
from domain.lifecycle.statement import Signed, Statement, StatementKind
from starter.asking import check_why
from starter.signing import Signer, sign
from store import enrolment, operators
from store.database import Database
from store.operators import (
    Kept,
    NotSigned,
    Operator,
    PublicKey,
    Refusal,
    RefusedSignIns,
    spelt,
)
from store.payments import row as resource_row
from store.signatures import known_now

if TYPE_CHECKING:
    from sqlmodel import Session

#: How long refused signatures are shown to people by default.
SHOWN: Final = timedelta(days=1)


class Operators:
    """The operators of this store, their signatures, and refused ones."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def active(self) -> list[Operator]:
        """The operators who may sign, sorted by name."""
        return await self._database.read(operators.active)

    async def enrol(self, keys: Sequence[PublicKey]) -> list[Operator]:
        """Enrol the first operators: at least two together, and only once.

        Raises:
            OperatorsFixed: they cannot be enrolled. Nothing was changed.
        """
        now = self._clock.now()
        await self._database.write(lambda session: enrolment.enrol(session, keys, now))
        return await self.active()

    async def add(self, key: PublicKey, *, signer: Signer, why: str) -> list[str]:
        """Sign the addition of an operator, which takes two operators. Returns who has signed.

        Raises:
            NotSigned, KeyUnusable, OperatorsFixed, InvalidCommand.
        """
        return await self._change(StatementKind.ADD, key.name, key, signer, why)

    async def change_key(self, key: PublicKey, *, signer: Signer, why: str) -> list[str]:
        """Sign a new key for an operator, as `add`. What the old key has signed counts no more."""
        return await self._change(StatementKind.CHANGE_KEY, key.name, key, signer, why)

    async def remove(self, name: str, *, signer: Signer, why: str) -> list[str]:
        """Sign the removal of an operator, as `add`."""
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
            row = resource_row(session, payment_id)
            return row.tenant, known_now(session, row)

        return await self._database.read(query)

    async def require_enrolled(self, key: bytes, doing: Statement) -> None:
        """Require the public key of the active operator in whose name something is to be signed.

        Raises:
            NotSigned: it is not. That is recorded.
        """
        async with self.noting(doing):
            if (doing.by, key) not in [(one.name, one.key) for one in await self.active()]:
                raise operators.not_by(doing.by)

    async def require(self, signer: Signer, *, subject: str = "nothing") -> None:
        """Require a signer who can sign, before work is done that ends with a signature.

        Args:
            subject: what a refusal is recorded to be about.

        Raises:
            NotSigned, KeyUnusable.
        """
        statement = Statement(
            kind=StatementKind.ACKNOWLEDGE, by=signer.by, at=self._clock.now(), subject=subject
        )
        signed = await self.sign(statement, signer)
        async with self.noting(statement):
            await self._database.read(
                lambda session: operators.require_operator(session, signed, self._clock.now())
            )

    async def sign(self, statement: Statement, signer: Signer) -> Signed:
        """The statement with the signer's signature. A wrong passphrase is recorded as a refusal.

        Raises:
            NotSigned, KeyUnusable.
        """
        async with self.noting(statement):
            return sign(statement, signer)

    @asynccontextmanager
    async def noting(self, statement: Statement) -> AsyncIterator[None]:
        """If the block raises NotSigned, record the refusal in a transaction of its own.

        Raises:
            NotSigned: as the block.
        """
        try:
            yield
        except NotSigned as refused:
            why, now = refused, self._clock.now()
            await self._database.write(
                lambda session: operators.note_refusal(session, statement, why, now)
            )
            raise

    async def kept(self, subject: str) -> list[Kept]:
        """Every stored signature about a payment or another subject, verified again."""
        return await self._database.read(lambda session: operators.kept(session, subject))

    async def refusals(
        self, *, since: datetime | None = None, subject: str | None = None
    ) -> list[Refusal]:
        """Refused signatures, the newest first: since a moment, or about a subject.

        Without either, those of the last day. Refused sign-ins are not among them.
        """
        earliest = since or (None if subject else self._clock.now() - SHOWN)
        return await self._database.read(
            lambda session: operators.refusals(session, since=earliest, subject=subject)
        )

    async def refused_sign_ins(self) -> RefusedSignIns | None:
        """How often the console refused a sign-in in the last day; None if it never did."""
        since = self._clock.now() - SHOWN
        return await self._database.read(
            lambda session: operators.refused_sign_ins(session, since=since)
        )
