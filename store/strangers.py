"""Payments that a partner shows under our keys, and that this database knows nothing of.

Database and Temporal may both be restored from one backup: then neither knows what was sent after
it. The partner does.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlmodel import Session, col, select

from domain.answers import Shown
from domain.keys import is_ours
from domain.profile import Idempotency
from domain.sending import AttemptResult
from store.database import Database
from store.forgotten import halt
from store.tables import AttemptRow, InstructionRow, ListingRow, StrangerRow

#: A list may show a payment later than one that was created after it.
_OVERLAP: Final = timedelta(minutes=1)
#: How far back the list is looked through where nothing was ever sent: the database may be new.
_NEW_DATABASE: Final = timedelta(days=30)
#: And where an earlier release has sent, which compared nothing.
_NEW_RELEASE: Final = timedelta(days=1)
#: Databases take only so many values in one question.
_AT_ONCE: Final = 500
#: Named in the text of a halt.
_NAMED: Final = 5


@dataclass(frozen=True)
class Since:
    """From when on a partner's list is compared. `halts`: whether what is unknown halts."""

    at: datetime
    halts: bool


class Strangers:
    """Compares what a partner lists with attempts and references; each account by itself."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def since(self, partner: str, account: str, now: datetime) -> Since:
        """Where to go on. The first time, an earlier release may have sent without noting keys:
        then what is unknown is only kept."""

        def query(session: Session) -> Since:
            row = session.get(ListingRow, (partner, account))
            if row is not None:
                return Since(row.through - _OVERLAP, halts=True)
            sent = (
                select(AttemptRow.number)
                .where(AttemptRow.instruction_id == InstructionRow.instruction_id)
                .where(InstructionRow.partner == partner)
                .where(InstructionRow.partner_account == account)
                .limit(1)
            )
            if session.exec(sent).first() is None:
                return Since(now - _NEW_DATABASE, halts=True)
            return Since(now - _NEW_RELEASE, halts=False)

        return await self._database.read(query)

    async def compare(
        self,
        partner: str,
        account: str,
        idempotency: Idempotency,
        listed: Sequence[Shown],
        since: Since,
        now: datetime,
    ) -> str:
        """Keep what is unknown, halt everything for it, and note how far the list was compared.

        An attempt is written before its bytes leave, and the list was asked for before this looks:
        so a payment of ours is always known here. Returns what was found, or "".
        """
        ours = [shown for shown in listed if is_ours(idempotency, shown.key)]

        def transaction(session: Session) -> str:
            unknown = _unknown(session, partner, account, ours)
            for shown in unknown:
                assert shown.key is not None
                session.add(
                    StrangerRow(
                        partner=partner,
                        partner_account=account,
                        partner_key=shown.key,
                        partner_reference=shown.partner_reference,
                        created_at=shown.created_at,
                        found_at=now,
                    )
                )
            found = _words(partner, account, unknown) if unknown and since.halts else ""
            if found:
                halt(session, found, now, since=unknown[0].created_at)
            _note(session, partner, account, listed, since)
            return found

        return await self._database.write(transaction)


def _unknown(session: Session, partner: str, account: str, ours: Sequence[Shown]) -> list[Shown]:
    """Those that are neither sent by us nor kept as strangers already, one for each key."""
    by_key = {shown.key: shown for shown in ours if shown.key is not None}
    for keys in _some(by_key):
        of_account = (StrangerRow.partner == partner, StrangerRow.partner_account == account)
        sent = select(AttemptRow.partner_key).where(
            col(AttemptRow.partner_key).in_(keys),
            # An attempt that never left explains nothing that the partner shows.
            AttemptRow.result != AttemptResult.NOT_SENT,
        )
        kept = select(StrangerRow.partner_key).where(
            *of_account, col(StrangerRow.partner_key).in_(keys)
        )
        for known in (*session.exec(sent), *session.exec(kept)):
            by_key.pop(known, None)
    references = {shown.partner_reference: key for key, shown in by_key.items()}
    for some in _some(references):
        held = select(InstructionRow.partner_reference).where(
            InstructionRow.partner == partner,
            InstructionRow.partner_account == account,
            col(InstructionRow.partner_reference).in_(some),
        )
        for reference in session.exec(held):
            by_key.pop(references[str(reference)], None)
    return sorted(by_key.values(), key=lambda shown: shown.created_at)


def _some(values: Iterable[str]) -> list[list[str]]:
    every = list(values)
    return [every[start : start + _AT_ONCE] for start in range(0, len(every), _AT_ONCE)]


def _note(
    session: Session, partner: str, account: str, listed: Sequence[Shown], since: Since
) -> None:
    """By the partner's clock: one of ours that is ahead would pass over what comes next."""
    newest = max((shown.created_at for shown in listed), default=since.at)
    row = session.get(ListingRow, (partner, account), with_for_update=True)
    if row is None:
        session.add(ListingRow(partner=partner, partner_account=account, through=newest))
    else:
        row.through = max(row.through, newest)


def _words(partner: str, account: str, unknown: Sequence[Shown]) -> str:
    first, last = unknown[0].created_at, unknown[-1].created_at
    count = "a payment" if len(unknown) == 1 else f"{len(unknown)} payments"
    named = ", ".join(shown.partner_reference for shown in unknown[:_NAMED])
    more = f" and {len(unknown) - _NAMED} more" if len(unknown) > _NAMED else ""
    return (
        f"{partner}/{account} shows {count} that this database does not know, created "
        f"{first:%Y-%m-%d %H:%M:%S} to {last:%Y-%m-%d %H:%M:%S} UTC: {named}{more}. Either the "
        "database was lost or restored, or another installation pays from that account, which "
        "needs an account of its own"
    )
