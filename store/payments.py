"""The repository of payments: accept an order once, read it, find it, and fold it again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final, NamedTuple, cast

from sqlalchemy import bindparam
from sqlmodel import Session, col, select, update

from domain.lifecycle.next_step import Labels
from domain.lifecycle.notifying import next_notification
from domain.lifecycle.profile import Profile
from domain.payments.intent import (
    Acknowledgement,
    Earlier,
    Intent,
    PossibleDuplicate,
)
from domain.payments.order import Order
from domain.payments.payment import UnknownPayment
from domain.payments.view import KIND, PaymentView
from store.accepting import Acceptance, Accepting, Given, accepted_under, known_rows
from store.database import Database, is_writing
from store.finding import OPENED_MAX, PAGE, Wanted, fits, matching
from store.folding import Folding
from store.intents import Compared, hashes_of
from store.keyring import Keyring, KeyringError
from store.kind import StoredKinds
from store.page import plain, plain_rows, turn_page
from store.records import PaymentRecord, opened, record_of
from store.tables.lifecycles import LifecycleRow
from store.unopened import ask_to_open, unopened
from store.views import labels_of


class Escalated(NamedTuple):
    """How many payments were folded, and the ids of those whose order cannot be opened."""

    payments: int
    unreadable: list[str]


@dataclass(frozen=True)
class Found:
    """The result of a search, in the order that it asked for."""

    records: list[PaymentRecord]
    cut_after: int | None = None
    """How many payments were looked at before the search stopped; None if it looked at all."""


class Payments:
    """Accepts, reads and refolds payments."""

    def __init__(self, database: Database, keyring: Keyring, kinds: StoredKinds) -> None:
        self._database = database
        self._keyring = keyring
        self._folding = Folding(keyring, kinds)
        self._accepting = Accepting(keyring, self._folding)

    async def accept(
        self,
        order: Order,
        *,
        key: str,
        fingerprint: str,
        payment_id: str,
        profile: Profile,
        now: datetime,
        intent: Intent | None = None,
        acknowledged: Acknowledgement | None = None,
    ) -> Acceptance:
        """Record the order under (tenant, key), or return the payment that the key stands for.

        Args:
            key: the caller's own, unique per tenant.
            fingerprint: of the order as received; a repeat must have the same.
            payment_id: the id of a new payment.
            profile: the partner's behaviour, which the payment keeps.
            intent: what is compared with earlier payments; by default the order's own.
            acknowledged: the earlier payments that somebody says this order does not repeat.

        Raises:
            KeyReused: the key is known with another fingerprint. Nothing was written.
            ClocksApart: our clock and the database's differ too much. Nothing was written.
            PossibleDuplicate: the same payment was ordered under another key. Nothing was written.
                A known key never raises this.
            NotSigned: the operator named did not sign exactly this acknowledgement.
            WrongKeyring: other processes could never open what would be sealed now. Nothing was
                written.
        """
        said = acknowledged or Acknowledgement()
        intent = intent or Intent.of(order)
        given = Given(order, key, fingerprint, payment_id, profile, intent, said)
        (accepted,) = await self.accept_many([given], now)
        if isinstance(accepted, PossibleDuplicate):
            raise accepted
        return accepted

    async def accept_many(
        self, many: Sequence[Given], now: datetime
    ) -> list[Acceptance | PossibleDuplicate]:
        """`accept` for each order, in one transaction.

        An order that may be a duplicate is returned as a PossibleDuplicate and does not stop the
        others.

        Raises:
            KeyReused, ClocksApart, NotSigned, WrongKeyring: as `accept`, for any of the orders. No
                order was written.
        """
        return await self._database.write(self._accepting.transaction(many, now))

    async def known(self, tenant: str, key: str, fingerprint: str) -> Acceptance | None:
        """The payment that was accepted under this key; None if the key is new.

        Raises:
            KeyReused: the key stands for another order.
        """
        return (await self.known_of(tenant, [(key, fingerprint)]))[0]

    async def known_of(
        self, tenant: str, keys: Sequence[tuple[str, str]]
    ) -> list[Acceptance | None]:
        """The same for many keys, each with its fingerprint.

        Raises:
            KeyReused: one of the keys stands for another order.
        """
        return await self._database.read(lambda session: accepted_under(session, tenant, keys))

    async def possible_duplicates(
        self, wanted: Sequence[tuple[str, Intent]], now: datetime
    ) -> list[tuple[Earlier, ...]]:
        """For each (key, intent), the earlier payments that `accept` would report as repeated now.

        Nothing is written or locked.
        """

        def query(session: Session) -> list[tuple[Earlier, ...]]:
            known = known_rows(session, [(intent.tenant, key) for key, intent in wanted])
            new = {
                place: (intent, hashes_of(intent, self._keyring))
                for place, (key, intent) in enumerate(wanted)
                if (intent.tenant, key) not in known
            }
            compared = Compared(session, new.values(), now)
            return [
                compared.earlier(*new[place]) if place in new else ()
                for place in range(len(wanted))
            ]

        return await self._database.read(query)

    async def view(self, payment_id: str) -> PaymentView:
        """The payment, as its workflow sees it.

        Raises:
            UnknownPayment: no such payment.
        """
        return await self._database.read(
            lambda session: self._folding.view(session, row(session, payment_id))
        )

    async def loaded(self, payment_id: str) -> tuple[PaymentView, Labels]:
        """The same, with what never changes about it.

        Raises:
            UnknownPayment: no such payment.
        """

        def query(session: Session) -> tuple[PaymentView, Labels]:
            found = row(session, payment_id)
            view = self._folding.view(session, found)
            return view, labels_of(session, found, view.instructions)

        return await self._database.read(query)

    async def record(self, payment_id: str) -> PaymentRecord:
        """The payment, as people see it.

        Raises:
            UnknownPayment: no such payment.
        """
        return await self._database.read(
            lambda session: self._record(session, row(session, payment_id))
        )

    async def records_by_id(self, payment_ids: Sequence[str]) -> list[PaymentRecord]:
        """These payments as people see them, in the given order.

        Raises:
            UnknownPayment: one of the ids is unknown.
        """
        return await self._database.read(
            lambda session: [self._record(session, row(session, one)) for one in payment_ids]
        )

    async def records_of(self, tenant: str, keys: Sequence[str]) -> dict[str, PaymentRecord]:
        """Payments by their keys; unknown keys are left out."""

        def query(session: Session) -> dict[str, PaymentRecord]:
            known = known_rows(session, [(tenant, key) for key in keys])
            return {
                key: self._record(session, row)
                for (_, key), row in known.items()
                if row.kind == KIND
            }

        return await self._database.read(query)

    async def find(self, wanted: Wanted, *, limit: int) -> Found:
        """Payments that match, in the order of `wanted`, up to `limit`."""
        # Only a creditor is compared after rows are read. Otherwise each row read is one found.
        page = PAGE if wanted.creditor is not None else min(PAGE, limit + 1)

        def query(session: Session) -> Found:
            records: list[PaymentRecord] = []
            for looked_at, row in enumerate(matching(session, wanted, page=page)):
                if len(records) == limit or looked_at == OPENED_MAX:
                    return Found(records, looked_at)
                order = opened(self._keyring, row)
                if fits(wanted, order):
                    records.append(record_of(session, row, order))
            return Found(records)

        return await self._database.read(query)

    def _record(self, session: Session, found: LifecycleRow) -> PaymentRecord:
        if found.kind != KIND:
            raise UnknownPayment(f"no payment {found.resource_id}")
        return record_of(session, found, opened(self._keyring, found))

    async def started(self, payment_ids: Sequence[str], now: datetime) -> None:
        """Note that workflows run these payments, so that the relay does not start them."""
        noted = (
            update(LifecycleRow)
            .where(col(LifecycleRow.resource_id).in_(payment_ids))
            .where(col(LifecycleRow.started_at).is_(None))
            .values(started_at=now)
        )

        def transaction(session: Session) -> None:
            session.exec(noted)

        await self._database.write(transaction)

    async def unstarted(self, *, created_before: datetime, limit: int) -> list[tuple[str, str]]:
        """(tenant, payment id) of open payments that were recorded, but not noted as started."""

        def query(session: Session) -> list[tuple[str, str]]:
            rows = (
                select(LifecycleRow.tenant, LifecycleRow.resource_id)
                .where(col(LifecycleRow.started_at).is_(None))
                .where(col(LifecycleRow.is_over).is_(False))
                .where(LifecycleRow.created_at < created_before)
                .order_by(col(LifecycleRow.created_at))
                .limit(limit)
            )
            return [(tenant, payment_id) for tenant, payment_id in session.exec(rows)]

        return await self._database.read(query)

    async def kinds_of(self, resource_ids: Sequence[str]) -> dict[str, str]:
        """The kinds of these resources."""
        columns = LifecycleRow.resource_id, LifecycleRow.kind
        rows = select(*columns).where(col(LifecycleRow.resource_id).in_(resource_ids))
        return dict(await self._database.read(lambda session: session.exec(rows).all()))

    async def escalate(self, now: datetime, *, limit: int) -> Escalated:
        """Refold payments whose next task is due by time alone, the longest due first.

        Afterwards none of these payments is due, so the caller repeats this until none is left.
        """
        due = (
            select(LifecycleRow.resource_id)
            .where(col(LifecycleRow.escalates_at) <= now)
            .order_by(col(LifecycleRow.escalates_at), LifecycleRow.resource_id)
            .limit(limit)
        )
        found = await self._database.read(lambda session: session.exec(due).all())
        return await self.refold(found, now)

    async def refold(self, payment_ids: Sequence[str], now: datetime) -> Escalated:
        """Fold these payments again as of `now`, which opens the tasks that are due by time.

        Each payment has its own transaction. One whose order cannot be opened does not stop the
        others: a task is opened about it, and it is tried again later.

        Raises:
            UnknownPayment: one of the ids is unknown.
        """
        asked, unreadable = 0, []
        for payment_id in payment_ids:
            try:
                await self._database.write(partial(self._refold, payment_id, now))
                asked += 1
            except KeyringError as error:
                await self._database.write(partial(_put_off, payment_id, now))
                unreadable.append(payment_id)
                await self._database.write(partial(ask_to_open, payment_id, error, now))
        return Escalated(asked, unreadable)

    async def ask_to_open(self, now: datetime, *, limit: int) -> int:
        """Open a task for each open payment whose key is missing. Returns how many were opened.

        If no key is missing any more, payments with such a task are folded, which closes the task.
        """
        found = await self._database.read(
            lambda session: unopened(session, self._keyring, limit=limit)
        )
        return len((await self.refold(found, now)).unreadable)

    def _refold(self, payment_id: str, now: datetime, session: Session) -> None:
        self._folding.refold(session, row(session, payment_id), now)


def _put_off(payment_id: str, now: datetime, session: Session) -> None:
    found = row(session, payment_id)
    if found.notify_at is not None and found.notify_at <= now:
        found.notify_at = next_notification(found.owed_at or found.created_at, now)
    if found.escalates_at is not None and found.escalates_at <= now:
        found.escalates_at = next_notification(found.escalates_at, now)
    session.add(found)


_READING: Final = plain(LifecycleRow).where(
    col(LifecycleRow.resource_id) == bindparam("resource_id")
)
#: After it waited for the lock, a transaction sees what the previous one wrote.
_LOCKING: Final = (
    select(LifecycleRow)
    .where(LifecycleRow.resource_id == bindparam("resource_id"))
    .with_for_update()
    .execution_options(populate_existing=True)
)


def row(session: Session, payment_id: str) -> LifecycleRow:
    """The payment's row, locked if this session writes. Otherwise it is a plain row.

    Raises:
        UnknownPayment: no such payment.
    """
    of = {"resource_id": payment_id}
    if not is_writing(session):
        found = plain_rows(session, _READING, of)
    elif found := session.exec(_LOCKING, params=of).all():
        turn_page(session, payment_id)
    if not found:
        raise UnknownPayment(f"no payment {payment_id}")
    return cast(LifecycleRow, found[0])
