"""Which account data is read next, within the bank's quota, and which is erased.

Everything is decided under the lock of the consent's row, which its fold takes too. So nothing is
read after the transaction in which the consent ended, and two processes never count one unattended
read. A read is counted before it is sent: if the process dies then, one read is lost, and the bank
is never asked more often than it allows.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete, func, tuple_
from sqlmodel import Session, col, select

from domain.account_data.answers import Access
from domain.account_data.due import ATTENDED_FOR, OVERLAP, QUOTA_WINDOW, pause
from domain.account_data.reading import Ask, FeedName, Rest, Turn
from domain.consents.instructions import KIND
from domain.consents.request import ConsentRequest, Permission
from domain.consents.view import ConsentView
from domain.lifecycle.notifying import YOUNG
from domain.lifecycle.resource import UnknownResource
from store.account_access import erase_due, next_erasure
from store.account_sealing import opened_cursor, opened_details
from store.consent_kind import consent_view
from store.database import Database
from store.folding import request_of
from store.inbox import put_for
from store.keyring import Keyring
from store.payments import row as resource_row
from store.tables.account_data import (
    IS_PENDING,
    AccountFeedRow,
    AccountReadRow,
    LinkedAccountRow,
    TransactionRow,
)
from store.tables.lifecycles import LifecycleRow

#: A step that was begun is given up after this time. It is longer than a reading may take.
_LEASE: Final = timedelta(seconds=30)
#: How often a run looks whether a consent may be read again. Its fold says so at once.
_LOOK_AGAIN: Final = timedelta(days=1)
#: After so many failures in a row a listing begins anew: the bank may have forgotten the cursor.
_ANEW_AFTER: Final = 3
#: A feed that upkeep has notified is notified again after this time, unless its run acts first.
_NOTIFIED_AGAIN: Final = timedelta(minutes=2)


class AccountFeeds:
    """The feeds of account data of all consents."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database = database
        self._keyring = keyring

    async def begin(self, consent_id: str, now: datetime) -> Turn | Rest:
        """What is to be read now. Data whose time is over is erased first.

        Raises:
            UnknownResource: there is no such consent.
        """

        def transaction(session: Session) -> Turn | Rest:
            row = resource_row(session, consent_id)
            feed = session.get(AccountFeedRow, consent_id)
            if row.kind != KIND or feed is None:
                raise UnknownResource(f"no account data is read for {consent_id}")
            erase_due(session, consent_id, now)
            found = self._next(session, row, feed, now)
            if isinstance(found, Turn):
                feed.leased_until = feed.due_at = now + _LEASE
            else:
                feed.due_at = found.until
            session.add(feed)
            return found

        return await self._database.write(transaction)

    def _next(
        self, session: Session, row: LifecycleRow, feed: AccountFeedRow, now: datetime
    ) -> Turn | Rest:
        view = consent_view(session, row)
        if why := not_readable(view, now):
            return _rest(session, view, now, why)
        for until, why in (
            (feed.leased_until, "another process reads now"),
            (feed.not_before, feed.why),
        ):
            if until is not None and now < until:
                return Rest(until, why)
        if feed.attended_until is not None and feed.attended_until <= now:
            feed.attended_until = feed.attended_sealed = None
        access = self._access(view, feed)
        request = ConsentRequest.model_validate_json(request_of(self._keyring, row))
        may = frozenset(view.consent.grant.permissions or request.permissions)
        later: list[datetime] = []
        for due_at, subject, ask, account in self._wanted(session, feed, may):
            if due_at > now:
                later.append(due_at)
                continue
            is_begun = account is not None and _is_begun(account, ask)
            if not access.is_attended and not is_begun:
                free_at = _take(session, subject, ask, view.consent.per_day, now)
                if free_at is not None:
                    _postpone(feed, account, ask, free_at)
                    later.append(free_at)
                    continue
            feed.turn += 1
            bank = (feed.partner, feed.partner_account)
            if account is None:
                return Turn(feed.turn, bank, ask, access)
            if ask is Ask.PAGE and not is_begun:
                _begin_listing(session, account, now)
            session.add(account)
            cursor = None if ask is Ask.BALANCES else opened_cursor(self._keyring, account)
            return Turn(
                feed.turn,
                bank,
                ask,
                access,
                account.account_id,
                opened_details(self._keyring, account).reference,
                account.since,
                cursor,
            )
        return Rest(min(later), "the next reading")

    def _access(self, view: ConsentView, feed: AccountFeedRow) -> Access:
        address = None
        if feed.attended_sealed is not None:
            address = self._keyring.open(feed.attended_sealed, _attended(feed.consent_id)).decode()
        return Access(view.consent_id, view.consent.partner_reference or "", address)

    def _wanted(
        self, session: Session, feed: AccountFeedRow, may: frozenset[str]
    ) -> Iterator[tuple[datetime, str, Ask, LinkedAccountRow | None]]:
        """All readings with the moments at which they are due. Listings under way come first."""
        accounts = session.exec(
            select(LinkedAccountRow)
            .where(LinkedAccountRow.consent_id == feed.consent_id)
            .where(col(LinkedAccountRow.is_linked).is_(True))
            .order_by(col(LinkedAccountRow.phase).desc(), col(LinkedAccountRow.account_id))
        ).all()
        yield feed.accounts_due_at, feed.consent_id, Ask.ACCOUNTS, None
        for account in accounts:
            if Permission.BALANCES in may:
                yield account.balances_due_at, account.account_id, Ask.BALANCES, account
            if Permission.TRANSACTIONS in may:
                ask = Ask.HEAD if account.phase == Ask.HEAD else Ask.PAGE
                yield account.due_at, account.account_id, ask, account

    async def attend(
        self, consent_id: str, tenant: str | None, psu_ip_address: str | None, now: datetime
    ) -> FeedName:
        """Have everything read as soon as possible.

        With the user's address the readings do not count against the quota for some minutes. The
        address has to be the user's own, and of now: the bank is told that the user is there.

        Raises:
            UnknownResource: the tenant has no such consent, or no data is read for it.
        """

        def transaction(session: Session) -> FeedName:
            row = resource_row(session, consent_id)
            feed = session.get(AccountFeedRow, consent_id)
            if row.kind != KIND or feed is None or tenant not in (None, row.tenant):
                raise UnknownResource(f"no account data is read for {consent_id}")
            if psu_ip_address is not None:
                feed.attended_until = now + ATTENDED_FOR
                feed.attended_sealed = self._keyring.seal(
                    psu_ip_address.encode(), _attended(consent_id)
                )
            feed.due_at = now
            for account in session.exec(
                select(LinkedAccountRow).where(LinkedAccountRow.consent_id == consent_id)
            ).all():
                account.balances_due_at = account.due_at = now
                session.add(account)
            session.add(feed)
            return FeedName(feed.tenant, consent_id, feed.partner)

        return await self._database.write(transaction)

    async def failed(
        self, consent_id: str, turn: Turn, why: str, retry_at: datetime | None, now: datetime
    ) -> None:
        """Note that a reading brought nothing. The last good data stays."""

        def transaction(session: Session) -> None:
            row = resource_row(session, consent_id)
            if (feed := own_feed(session, consent_id, turn)) is not None:
                self._failed(session, row, feed, turn, why, retry_at, now)

        await self._database.write(transaction)

    async def lost(self, consent_id: str, turn: Turn, why: str, now: datetime) -> tuple[str, str]:
        """Note that the bank no longer takes the consent, and have the consent read.

        Returns:
            (tenant, consent id), whose run has news.
        """

        def transaction(session: Session) -> tuple[str, str]:
            row = resource_row(session, consent_id)
            if (feed := own_feed(session, consent_id, turn)) is not None:
                self._failed(session, row, feed, turn, why, None, now)
                put_for(session, self._keyring, row, f"feed/{consent_id}/{turn.number}", now)
            return row.tenant, row.resource_id

        return await self._database.write(transaction)

    def _failed(
        self,
        session: Session,
        row: LifecycleRow,
        feed: AccountFeedRow,
        turn: Turn,
        why: str,
        retry_at: datetime | None,
        now: datetime,
    ) -> None:
        feed.failures += 1
        feed.failed_since = feed.failed_since or now
        feed.why = why[:500]
        feed.not_before = feed.due_at = max(retry_at or now, now + pause(feed.failures))
        feed.leased_until = None
        account = session.get(LinkedAccountRow, turn.account_id) if turn.account_id else None
        if account is not None and account.phase and feed.failures % _ANEW_AFTER == 0:
            account.phase, account.cursor_sealed = "", None
            session.add(account)
        session.add(feed)

    async def overdue(
        self, accounts: Collection[tuple[str, str]], now: datetime, *, limit: int
    ) -> list[FeedName]:
        """The feeds whose step is late: their run may be dead.

        They are late anew only after a pause, so that the next call finds others.

        Args:
            accounts: partner and account of those that this process can read.
        """

        named = sorted(accounts)

        def transaction(session: Session) -> list[FeedName]:
            late = session.exec(
                select(AccountFeedRow)
                .where(col(AccountFeedRow.due_at) < now - YOUNG)
                .where(tuple_(AccountFeedRow.partner, AccountFeedRow.partner_account).in_(named))
                .order_by(col(AccountFeedRow.due_at), col(AccountFeedRow.consent_id))
                .limit(limit)
                .with_for_update(skip_locked=True)
            ).all()
            for feed in late:
                feed.due_at = now + _NOTIFIED_AGAIN
                session.add(feed)
            return [FeedName(feed.tenant, feed.consent_id, feed.partner) for feed in late]

        return await self._database.write(transaction) if accounts else []


def not_readable(view: ConsentView, now: datetime) -> str:
    """Why no data may be read now, in words; empty if data may be read."""
    if view.consent.is_over:
        return view.consent.not_readable(now)
    if view.consent.partner_reference is None:
        return "the bank has not named the consent yet"
    return view.not_readable(now)


def own_feed(session: Session, consent_id: str, turn: Turn) -> AccountFeedRow | None:
    """The feed, if no other step was begun since. The consent's row has to be locked."""
    feed = session.get(AccountFeedRow, consent_id)
    return feed if feed is not None and feed.turn == turn.number else None


def read_well(feed: AccountFeedRow, now: datetime) -> None:
    """Note that a reading brought something; the next step is due at once."""
    feed.failures, feed.failed_since, feed.why = 0, None, ""
    feed.not_before = feed.leased_until = None
    feed.due_at = now


def _rest(session: Session, view: ConsentView, now: datetime, why: str) -> Rest:
    """The rest of a feed whose consent cannot be read with: until the next erasure, if any."""
    erased_at = next_erasure(session, view.consent_id)
    if view.consent.is_over:
        return Rest(erased_at, why)
    return Rest(min(filter(None, (erased_at, now + _LOOK_AGAIN))), why)


def _take(session: Session, subject: str, ask: Ask, per_day: int, now: datetime) -> datetime | None:
    """Count one unattended reading. If the quota is used up, when it has room again."""
    scope = Ask.PAGE if ask is Ask.HEAD else ask  # Both are the same request to the bank.
    of = (col(AccountReadRow.subject) == subject, col(AccountReadRow.scope) == scope)
    session.exec(
        delete(AccountReadRow).where(*of).where(col(AccountReadRow.read_at) <= now - QUOTA_WINDOW)
    )
    counted = session.exec(
        select(AccountReadRow.read_at).where(*of).order_by(col(AccountReadRow.read_at).desc())
    ).all()
    if len(counted) >= per_day:
        return counted[per_day - 1] + QUOTA_WINDOW if per_day > 0 else now + QUOTA_WINDOW
    session.add(AccountReadRow(subject=subject, scope=scope, read_at=now))
    return None


def _postpone(
    feed: AccountFeedRow, account: LinkedAccountRow | None, ask: Ask, until: datetime
) -> None:
    if account is None:
        feed.accounts_due_at = until
    elif ask is Ask.BALANCES:
        account.balances_due_at = until
    else:
        account.due_at = until


def _is_begun(account: LinkedAccountRow, ask: Ask) -> bool:
    """Whether the request goes on with a listing, so that it does not count as another one."""
    return account.phase == ask and (ask is Ask.PAGE or account.checked > 0)


def _begin_listing(session: Session, account: LinkedAccountRow, now: datetime) -> None:
    account.listing += 1
    account.phase, account.cursor_sealed, account.began_at = Ask.PAGE, None, now
    account.pages = account.checked = account.head_pages = 0
    account.rolling_hash = account.head_hash = ""
    account.since = None
    if account.steady_at is not None:
        # Pending transactions are looked for as long as the bank may list them, and doubtful ones
        # until they are proven.
        is_open = IS_PENDING & col(TransactionRow.gone_at).is_(None)
        oldest = session.exec(
            select(func.min(TransactionRow.day))
            .where(TransactionRow.account_id == account.account_id)
            .where(is_open | col(TransactionRow.is_proven).is_(False))
        ).first()
        since = (account.steady_at - OVERLAP).date()
        account.since = min(since, oldest) if oldest is not None else since


def _attended(consent_id: str) -> str:
    return f"account_feeds.attended/{consent_id}"
