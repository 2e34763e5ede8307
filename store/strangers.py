"""Payments that a partner lists under our keys, but that this database does not know.

If database and Temporal are restored from one backup, neither knows what was sent since. Only the
partner does (docs/decisions/0017). Such a payment is called a stranger here.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from sqlmodel import Session, col, select

from domain.ids import resource_of
from domain.lifecycle.answers import Shown
from domain.lifecycle.keys import is_ours
from domain.lifecycle.sending import AttemptResult
from domain.payments.listing import Listing
from store.books import SHOWN, book_of
from store.database import Database
from store.folding import Folding
from store.forgotten import AS_UNSENT, doubt, halt
from store.locks import hold
from store.payments import row as resource_row
from store.tables.lifecycles import AttemptRow, InstructionRow
from store.tables.partners import IS_OBJECT, ListingRow, ReferenceRow, StrangerRow

log = logging.getLogger("finality.witness")

#: A list may show a payment later than another that was created after it.
_OVERLAP: Final = timedelta(minutes=1)
#: How far back the first comparison goes if nothing was ever sent: the database may be new.
_NEW_DATABASE: Final = timedelta(days=30)
#: The same if an earlier release has sent, which compared nothing.
_NEW_RELEASE: Final = timedelta(days=1)
#: Databases limit how many values one query may contain.
_AT_ONCE: Final = 500
#: The object that a partner has named for an instruction.
_OBJECT_OF_IT: Final = select(ReferenceRow.number).where(
    ReferenceRow.instruction_id == InstructionRow.instruction_id, IS_OBJECT
)
#: How many payments the text of a halt names.
_NAMED: Final = 5


@dataclass(frozen=True)
class Since:
    """From when on a partner's list is compared. `halts`: whether unknown payments cause a halt."""

    at: datetime
    halts: bool


class Strangers:
    """Compares a partner's list with our attempts and references, for each account separately."""

    def __init__(self, database: Database, folding: Folding) -> None:
        self._database = database
        self._folding = folding

    async def since(self, listing: Listing, now: datetime) -> Since:
        """Where the next comparison begins.

        At the first comparison an earlier release may have sent without noting keys. Then unknown
        payments are only stored and cause no halt.
        """

        def query(session: Session) -> Since:
            if marks := _marks(session, listing):
                return Since(max(row.through for row in marks) - _OVERLAP, halts=True)
            sent = (
                select(AttemptRow.number)
                .where(AttemptRow.instruction_id == InstructionRow.instruction_id)
                .where(InstructionRow.partner == listing.partner)
                .where(InstructionRow.partner_account == listing.account)
                .limit(1)
            )
            if session.exec(sent).first() is None:
                return Since(now - _NEW_DATABASE, halts=True)
            return Since(now - _NEW_RELEASE, halts=False)

        return await self._database.read(query)

    async def compare(
        self, listing: Listing, listed: Sequence[Shown], since: Since, now: datetime
    ) -> str:
        """Store unknown payments, halt everything if `since` says so, and note how far we compared.

        An attempt is written before its bytes leave, and the list was requested before this looks
        at the attempts. So a payment that this database has sent is always known here. If the list
        shows a payment that is closed as unsent, nothing was forgotten and nothing is halted: that
        payment is looked up again.

        Returns:
            The text about unknown payments that cause a halt, or "".
        """
        ours = [shown for shown in listed if is_ours(listing.idempotency, shown.key)]
        for shown, instruction_id in await self._database.read(partial(_ended, listing, ours)):
            await self._database.write(partial(self._reopen, listing, shown, instruction_id, now))

        def transaction(session: Session) -> str:
            unknown = _unknown(session, listing, ours)
            for shown in unknown:
                _keep(session, listing, shown, now)
            found = _words(listing, unknown) if unknown and since.halts else ""
            if found:
                halt(session, found, now, since=unknown[0].created_at)
            _note(session, listing, listed, since)
            return found

        return await self._database.write(transaction)

    def _reopen(
        self,
        listing: Listing,
        shown: Shown,
        instruction_id: str,
        now: datetime,
        session: Session,
    ) -> None:
        """Reopen a payment that is closed as unsent, so that it is looked up: the partner shows it.

        This happens once for each key, although later rounds list the payment again.
        """
        resource = resource_row(session, resource_of(instruction_id))
        row = session.get_one(InstructionRow, instruction_id, populate_existing=True)
        book, closed = book_of(session, resource, row), row.closed
        if (
            closed not in AS_UNSENT
            or book.answered
            or shown.key in _kept(session, listing, [shown])
        ):
            return
        _keep(session, listing, shown, now)
        through = len(book.attempts) + 1
        doubt(session, resource, row, through, now, sent_at=shown.created_at, why=SHOWN)
        log.error(
            "payment %s was closed (%s), and %s/%s shows it as %s: it is looked up",
            resource.resource_id, closed, listing.partner, listing.account, shown.partner_reference,
        )  # fmt: skip
        self._folding.refold_if_readable(session, resource, now)


def _ended(listing: Listing, ours: Sequence[Shown], session: Session) -> list[tuple[Shown, str]]:
    """Listed payments that are closed as unsent here and not reopened yet, and the instruction."""
    by_key = {shown.key: shown for shown in ours if shown.key is not None}
    found = []
    for keys in _some(by_key):
        rows = (
            select(AttemptRow.partner_key, InstructionRow.instruction_id)
            .where(
                AttemptRow.instruction_id == InstructionRow.instruction_id,
                col(AttemptRow.partner_key).in_(keys),
                AttemptRow.result != AttemptResult.NOT_SENT,
                col(InstructionRow.closed).in_(AS_UNSENT),
                ~_OBJECT_OF_IT.exists(),
            )
            .distinct()
        )
        kept = _kept(session, listing, [by_key[key] for key in keys])
        found += [
            (by_key[key], instruction_id)
            for key, instruction_id in session.exec(rows)
            if key is not None and key not in kept
        ]
    return found


def _kept(session: Session, listing: Listing, ours: Iterable[Shown]) -> set[str]:
    """Keys that are already stored as strangers at this place."""
    rows = select(StrangerRow.partner_key, StrangerRow.place).where(
        StrangerRow.partner == listing.partner,
        StrangerRow.partner_account == listing.account,
        col(StrangerRow.partner_key).in_([shown.key for shown in ours]),
    )
    return {key for key, place in session.exec(rows) if listing.is_at(place)}


def _keep(session: Session, listing: Listing, shown: Shown, now: datetime) -> None:
    assert shown.key is not None
    session.add(
        StrangerRow(
            partner=listing.partner,
            partner_account=listing.account,
            place=listing.place,
            partner_key=shown.key,
            partner_reference=shown.partner_reference,
            created_at=shown.created_at,
            found_at=now,
        )
    )


def _unknown(session: Session, listing: Listing, ours: Sequence[Shown]) -> list[Shown]:
    """Listed payments that we neither sent nor stored as strangers, one for each key."""
    by_key = {shown.key: shown for shown in ours if shown.key is not None}
    for keys in _some(by_key):
        sent = select(AttemptRow.partner_key).where(
            col(AttemptRow.partner_key).in_(keys),
            # An attempt of which no byte left does not explain what the partner shows.
            AttemptRow.result != AttemptResult.NOT_SENT,
        )
        kept = _kept(session, listing, [by_key[key] for key in keys])
        for known in (*session.exec(sent), *kept):
            by_key.pop(known, None)
    references = {shown.partner_reference: key for key, shown in by_key.items()}
    for some in _some(references):
        held = select(ReferenceRow.reference).where(
            ReferenceRow.partner == listing.partner,
            ReferenceRow.partner_account == listing.account,
            col(ReferenceRow.reference).in_(some),
            IS_OBJECT,
        )
        for reference in session.exec(held):
            by_key.pop(references[reference], None)
    return sorted(by_key.values(), key=lambda shown: shown.created_at)


def _some(values: Iterable[str]) -> list[list[str]]:
    every = list(values)
    return [every[start : start + _AT_ONCE] for start in range(0, len(every), _AT_ONCE)]


def _marks(session: Session, listing: Listing) -> list[ListingRow]:
    """How far this place's list was compared; several rows if the place had other names."""
    rows = select(ListingRow).where(
        ListingRow.partner == listing.partner, ListingRow.partner_account == listing.account
    )
    return [row for row in session.exec(rows) if listing.is_at(row.place)]


def _note(session: Session, listing: Listing, listed: Sequence[Shown], since: Since) -> None:
    """Note how far the list was compared, by the partner's clock.

    If our own clock were used and were fast, the next payments would be skipped.
    """
    hold(session, f"listings/{listing.partner}/{listing.account}")
    through = max((shown.created_at for shown in listed), default=since.at)
    for row in _marks(session, listing):
        through = max(through, row.through)
        session.delete(row)
    session.flush()
    session.add(
        ListingRow(
            partner=listing.partner,
            partner_account=listing.account,
            place=listing.place,
            through=through,
        )
    )


def _words(listing: Listing, unknown: Sequence[Shown]) -> str:
    first, last = unknown[0].created_at, unknown[-1].created_at
    count = "a payment" if len(unknown) == 1 else f"{len(unknown)} payments"
    named = ", ".join(shown.partner_reference for shown in unknown[:_NAMED])
    more = f" and {len(unknown) - _NAMED} more" if len(unknown) > _NAMED else ""
    return (
        f"{listing.partner}/{listing.account} shows {count} that this database does not know, "
        f"created {first:%Y-%m-%d %H:%M:%S} to {last:%Y-%m-%d %H:%M:%S} UTC: {named}{more}. "
        "Either the database was lost or restored, or another installation pays from that "
        "account, which needs an account of its own"
    )
