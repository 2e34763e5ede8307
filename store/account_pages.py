"""Keeps what banks show of accounts: each page, with the cursor after it, in one transaction.

A list may move between two pages. If a line was added above, the next page repeats one; if one
vanished, a line between the two pages is never shown. Only pending lines vanish. So when the last
page is in, the pages up to the last one with a new pending line are looked at again. If they are as
before, the listing was *steady*, and has every line. Otherwise the same days are listed again.
Until then nothing is concluded from lines that are missing. To list everything twice was refused:
it costs as much again, and most of an account is booked.

Of lines that are alike, as many are shown as stood together on one page. More of them, on several
pages, may be one line that was repeated. They are shown once two steady listings had them.

Apps see a listing when its last page is in, so they never see a half of one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import delete, update
from sqlmodel import Session, col, select

from domain.account_data.accounts import LinkedAccount
from domain.account_data.answers import AccountsShown, BalancesShown, TransactionsPage
from domain.account_data.due import ACCOUNTS_EVERY, AGAIN_MAX, every
from domain.account_data.reading import Ask, Turn
from domain.consents.request import ConsentRequest
from domain.ids import hashed
from store.account_access import date_erasure
from store.account_feeds import own_feed, read_well
from store.account_lines import keep_lines
from store.account_pending import settle_pending
from store.account_sealing import (
    account_identities,
    line_identities,
    sealed_cursor,
    sealed_details,
    sealed_line,
)
from store.consent_kind import consent_view
from store.database import Database
from store.folding import request_of
from store.keyring import Keyring
from store.payments import row as resource_row
from store.tables.account_data import (
    AccountFeedRow,
    BalanceRow,
    LinkedAccountRow,
    TransactionRow,
)
from store.tables.lifecycles import LifecycleRow

_ID_LENGTH: Final = 20
_ID_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
#: The longest drift that is kept; more of it says nothing more.
_DRIFT_MAX: Final = 20


class AccountPages:
    """Takes what readings brought. A reading that another one has overtaken changes nothing."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database = database
        self._keyring = keyring

    async def accounts(
        self, consent_id: str, turn: Turn, shown: AccountsShown, now: datetime
    ) -> None:
        """Link the accounts of a consent, and stop reading those that it no longer covers.

        An account that an earlier consent of the user covered goes on from where it was read.
        """

        def transaction(session: Session) -> None:
            row = resource_row(session, consent_id)
            if (feed := own_feed(session, consent_id, turn)) is None:
                return
            user_id = ConsentRequest.model_validate_json(
                request_of(self._keyring, row)
            ).user.user_id
            linked = [self._linked(session, row, user_id, each, now) for each in shown.accounts]
            session.flush()
            left_out = col(LinkedAccountRow.account_id).not_in([each.account_id for each in linked])
            date_erasure(session, (col(LinkedAccountRow.consent_id) == consent_id) & left_out, now)
            feed.accounts_read_at, feed.accounts_due_at = now, now + ACCOUNTS_EVERY
            read_well(feed, now)
            session.add(feed)

        await self._database.write(transaction)

    def _linked(
        self,
        session: Session,
        row: LifecycleRow,
        user_id: str,
        shown: LinkedAccount,
        now: datetime,
    ) -> LinkedAccountRow:
        identities = account_identities(
            self._keyring,
            tenant=row.tenant,
            bank=(row.partner, row.partner_account),
            user_id=user_id,
            account=shown,
        )
        account = session.exec(
            select(LinkedAccountRow)
            .where(col(LinkedAccountRow.identity_hash).in_(identities))
            .with_for_update()
        ).first()
        if account is None:
            # Made from the consent, and not from the number, which it would give away.
            name = hashed(row.resource_id, identities[0], length=_ID_LENGTH, alphabet=_ID_ALPHABET)
            account = LinkedAccountRow(
                account_id=f"acc_{name}",
                tenant=row.tenant,
                consent_id=row.resource_id,
                identity_hash=identities[0],
                partner=row.partner,
                partner_account=row.partner_account,
                details_sealed=b"",
                linked_at=now,
                balances_due_at=now,
                due_at=now,
            )
        elif account.consent_id != row.resource_id or not account.is_linked:
            account.balances_due_at = account.due_at = now
        account.consent_id = row.resource_id
        account.is_linked, account.erase_at, account.erased_at = True, None, None
        account.currency, account.ends = shown.currency, shown.ends
        account.details_sealed = sealed_details(self._keyring, account.account_id, shown)
        session.add(account)
        return account

    async def balances(
        self, consent_id: str, turn: Turn, shown: BalancesShown, now: datetime
    ) -> None:
        """Keep the balances of an account in place of those before."""

        def transaction(session: Session) -> None:
            if (found := self._own(session, consent_id, turn)) is None:
                return
            feed, account, per_day = found
            its = account.account_id
            session.exec(delete(BalanceRow).where(col(BalanceRow.account_id) == its))
            for position, each in enumerate(shown.balances):
                session.add(
                    BalanceRow(
                        account_id=its,
                        position=position,
                        kind=each.kind,
                        amount_minor=each.amount.minor,
                        currency=each.amount.currency,
                        day=each.day,
                        changed_at=each.changed_at,
                        includes_credit=each.includes_credit,
                    )
                )
            account.balances_read_at, account.balances_due_at = now, now + every(per_day)
            _read(session, feed, account, shown.drift, now)

        await self._database.write(transaction)

    async def page(
        self, consent_id: str, turn: Turn, page: TransactionsPage, now: datetime
    ) -> None:
        """Keep a page of transactions, and from where the listing goes on."""
        # Outside of the transaction: this takes longer than all the rest.
        identities = line_identities(self._keyring, turn.account_id)
        named = [(identities(each), each) for each in page.lines]
        shown = [names[0] for names, _ in named]
        sealed = [
            sealed_line(self._keyring, turn.account_id, each) if turn.ask is Ask.PAGE else b""
            for each in page.lines
        ]

        def transaction(session: Session) -> None:
            if (found := self._own(session, consent_id, turn)) is None:
                return
            feed, account, per_day = found
            account.rolling_hash = _after(account.rolling_hash, shown)
            account.cursor_sealed = None
            if page.cursor is not None:
                cursor = sealed_cursor(self._keyring, account.account_id, page.cursor)
                account.cursor_sealed = cursor
            if turn.ask is Ask.HEAD:
                account.checked += 1
                if page.cursor is None or account.checked >= account.head_pages:
                    is_steady = account.rolling_hash == account.head_hash
                    self._ended(session, account, per_day, now, is_steady=is_steady)
            else:
                has_pending = keep_lines(session, account, named, sealed, now.date())
                account.pages += 1
                if has_pending or account.pages == 1:
                    account.head_pages = account.pages
                    account.head_hash = account.rolling_hash
                if page.cursor is None:
                    self._listed(session, account, per_day, now)
            _read(session, feed, account, page.drift, now)

        await self._database.write(transaction)

    def _own(
        self, session: Session, consent_id: str, turn: Turn
    ) -> tuple[AccountFeedRow, LinkedAccountRow, int] | None:
        """The feed and the account of a turn that no other one has overtaken, and the quota.

        None: it was overtaken, or its account may not be read any more.
        """
        row = resource_row(session, consent_id)
        feed = own_feed(session, consent_id, turn)
        account = session.get(LinkedAccountRow, turn.account_id)
        if feed is None or account is None:
            return None
        if account.consent_id != consent_id or not account.is_linked:
            read_well(feed, row.updated_at)
            session.add(feed)
            return None
        return feed, account, consent_view(session, row).consent.per_day

    def _listed(
        self, session: Session, account: LinkedAccountRow, per_day: int, now: datetime
    ) -> None:
        """The last page of a listing is in."""
        account.published, account.read_at = account.listing, account.began_at
        if account.pages == 1:  # One page is one moment of the list.
            self._ended(session, account, per_day, now, is_steady=True)
            return
        account.phase, account.due_at = Ask.HEAD, now
        account.checked, account.rolling_hash = 0, ""

    def _ended(
        self,
        session: Session,
        account: LinkedAccountRow,
        per_day: int,
        now: datetime,
        *,
        is_steady: bool,
    ) -> None:
        """A listing was read to its end, and looked at again."""
        account.phase, account.cursor_sealed = "", None
        account.due_at = now + every(per_day)
        if not is_steady:
            account.again += 1
            if account.again % (AGAIN_MAX + 1):
                account.due_at = now
            return
        account.again, account.steady_at = 0, account.began_at
        of = col(TransactionRow.account_id) == account.account_id
        doubtful = (of, col(TransactionRow.is_proven).is_(False))
        seen = col(TransactionRow.seen_listing) == account.listing
        twice = seen & (col(TransactionRow.first_listing) < account.listing)
        session.exec(update(TransactionRow).where(*doubtful, twice).values(is_proven=True))
        session.exec(delete(TransactionRow).where(*doubtful, ~seen))
        settle_pending(session, self._keyring, account, now)


def _after(rolling_hash: str, identities: Sequence[str]) -> str:
    """The hash of all pages so far and of this one."""
    text = "\n".join((rolling_hash, *identities))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _read(
    session: Session,
    feed: AccountFeedRow,
    account: LinkedAccountRow,
    drift: tuple[str, ...],
    now: datetime,
) -> None:
    account.drift = "\n".join(drift[:_DRIFT_MAX])
    read_well(feed, now)
    session.add_all((feed, account))
