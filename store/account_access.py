"""How a consent opens and closes account data: its grant begins the reading, its end the erasure.

The date of the erasure is written by the transaction that folds the end of the consent. So it does
not depend on a run that may be dead by then.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, delete, func, update
from sqlmodel import Session, col, select

from domain.account_data.due import ERASED_AFTER
from domain.consents.consent import Consent
from domain.consents.states import STATES
from store.tables.account_data import (
    AccountFeedRow,
    AccountReadRow,
    BalanceRow,
    LinkedAccountRow,
    TransactionRow,
)
from store.tables.lifecycles import LifecycleRow


def keep_feed(session: Session, row: LifecycleRow, consent: Consent, before: str) -> None:
    """After a fold of a consent, begin its feed, or date the erasure of its data.

    Args:
        before: what was folded before, as JSON.
    """
    if consent.granted_at is None:
        return
    known = Consent.model_validate_json(before) if before else None
    if known is not None and _access(known) == _access(consent):
        return
    now = row.updated_at
    feed = session.get(AccountFeedRow, row.resource_id)
    if feed is None:
        feed = AccountFeedRow(
            consent_id=row.resource_id,
            tenant=row.tenant,
            partner=row.partner,
            partner_account=row.partner_account,
            accounts_due_at=now,
        )
    feed.due_at = feed.accounts_due_at = now
    session.add(feed)
    if STATES[consent.state].ends:
        date_erasure(session, col(LinkedAccountRow.consent_id) == row.resource_id, now)


def _access(consent: Consent) -> tuple[object, ...]:
    """What of a consent decides what may be read."""
    grant = consent.grant
    return consent.state, grant.permissions, grant.accounts, consent.usable_until


def date_erasure(session: Session, which: ColumnElement[bool], now: datetime) -> None:
    """Stop the reading of these accounts, and have their data erased after a time."""
    session.exec(
        update(LinkedAccountRow)
        .where(which)
        .where(col(LinkedAccountRow.erase_at).is_(None))
        .where(col(LinkedAccountRow.erased_at).is_(None))
        .values(is_linked=False, erase_at=now + ERASED_AFTER, phase="", cursor_sealed=None)
    )


def next_erasure(session: Session, consent_id: str) -> datetime | None:
    """When data of the consent's accounts is erased next."""
    return session.exec(
        select(func.min(LinkedAccountRow.erase_at)).where(LinkedAccountRow.consent_id == consent_id)
    ).one()


def erase_due(session: Session, consent_id: str, now: datetime) -> None:
    """Erase the data whose time is over. Of the account only its id and last digits stay, so that
    people see that it was erased, and when."""
    due = session.exec(
        select(LinkedAccountRow)
        .where(LinkedAccountRow.consent_id == consent_id)
        .where(col(LinkedAccountRow.erase_at) <= now)
    ).all()
    for account in due:
        erase(session, account, now)


def erase(session: Session, account: LinkedAccountRow, now: datetime) -> None:
    """Erase everything that was read of an account."""
    its = account.account_id
    session.exec(delete(TransactionRow).where(col(TransactionRow.account_id) == its))
    session.exec(delete(BalanceRow).where(col(BalanceRow.account_id) == its))
    session.exec(delete(AccountReadRow).where(col(AccountReadRow.subject) == its))
    account.details_sealed, account.cursor_sealed = b"", None
    account.phase, account.drift = "", ""
    account.read_at = account.balances_read_at = account.steady_at = None
    account.published = account.listing
    account.erase_at, account.erased_at = None, now
    session.add(account)
