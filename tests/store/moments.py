"""Moments of a payment's life at which a command may come, and the commands themselves."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import delete
from sqlmodel import Session, SQLModel

from domain.lifecycle.answers import Answered
from domain.lifecycle.profile import IdempotencyKind, LookupKind, Profile
from domain.payments.report import PaymentState, Source
from store.commands import Commanded
from store.folding import Folding
from store.payments import row as resource_row
from tests import operators
from tests.fakes import profile
from tests.store.books import (
    PAYMENT,
    PAYMENTS,
    Store,
    accepted,
    exchange,
    in_doubt,
    refused,
    report,
)

SECOND = timedelta(seconds=1)
S = PaymentState
EVIDENCE = b"Their letter of today: no such payment with us."
REFERENCE = "ref-1"


async def cancel(
    store: Store, command_id: str = "c1", why: str = "the customer asked"
) -> Commanded:
    return await store.commands.cancel(
        PAYMENT, command_id=command_id, by="shop", why=why, now=store.clock.now()
    )


async def abandon(store: Store, command_id: str = "a1") -> Commanded:
    return await operators.abandon(
        store.commands,
        PAYMENT,
        command_id=command_id,
        by="alice",
        why="given up",
        now=store.clock.now(),
    )


async def executed(
    store: Store, command_id: str = "e1", *, reference: str | None = REFERENCE
) -> Commanded:
    return await operators.executed(store.commands,
        PAYMENT, command_id=command_id, by="alice", why="seen in their pages",
        now=store.clock.now(), reference=reference,
    )  # fmt: skip


async def not_executed(
    store: Store,
    by: str = "alice",
    command_id: str | None = None,
    *,
    evidence: bytes = EVIDENCE,
) -> Commanded:
    return await operators.not_executed(store.commands,
        PAYMENT, command_id=command_id or f"n-{by}", by=by, why="asked by telephone",
        evidence=evidence, now=store.clock.now(),
    )  # fmt: skip


async def nothing_sent(store: Store) -> None:
    """Recorded, and no attempt."""
    await store.accept(as_of=cancelling())


async def under_way(store: Store) -> None:
    """An attempt that may still be writing."""
    await nothing_sent(store)
    await store.begin()


async def doubtful(store: Store) -> None:
    """Sent, over, and nobody knows."""
    await under_way(store)
    store.clock.step(3 * SECOND)
    await store.sent(in_doubt())


async def parked(store: Store) -> None:
    """As doubtful, with a partner that can neither be asked nor sent the same again."""
    await store.accept(as_of=profile(IdempotencyKind.NONE, LookupKind.NONE))
    await store.begin()
    store.clock.step(3 * SECOND)
    await store.sent(in_doubt())


async def held(store: Store) -> None:
    """The partner has it and has not released it."""
    await under_way(store)
    await store.sent(accepted(store.clock.now(), reference=REFERENCE))


async def released(store: Store) -> None:
    await _reads(store, S.PROCESSING)


async def settled(store: Store) -> None:
    await _reads(store, S.SETTLED)


async def rejected(store: Store) -> None:
    await under_way(store)
    await store.sent(refused(store.clock.now()))


async def cancelled(store: Store) -> None:
    await nothing_sent(store)
    await cancel(store, "before")


async def contradicted(store: Store) -> None:
    """Rejected, and then it was said to have settled."""
    await _reads(store, S.REJECTED)
    await told_that(store, S.SETTLED)


async def _reads(store: Store, state: PaymentState) -> None:
    await held(store)
    await told_that(store, state)


async def told_that(store: Store, state: PaymentState | None) -> None:
    now = store.clock.step(SECOND)
    said = report(now, state, reference=REFERENCE, source=Source.READ)
    await store.read(Answered(said, exchange(now)))


def cancelling() -> Profile:
    return profile(cancels=True)


async def without(store: Store, *kinds: type[SQLModel]) -> None:
    """Delete all rows of these tables, as no part of the product does, and fold what is left."""

    def transaction(session: Session) -> None:
        for kind in kinds:
            session.exec(delete(kind))
        row = resource_row(session, PAYMENT)
        Folding(store.keyring, PAYMENTS).refold(session, row, store.clock.now())

    await store.database.write(transaction)
