"""A bank of UK Open Banking as a `DataPartner`: accounts, balances, transactions page by page.

Everything is read with the token of the consent's user. If the bank takes it no longer, the consent
is read, which says whether its user has to authenticate again.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from types import MappingProxyType
from typing import Any, Final, TypeVar
from urllib.parse import quote

from domain.account_data.answers import (
    Access,
    AccountsShown,
    BalancesShown,
    NoAccess,
    TransactionsPage,
)
from domain.lifecycle.answers import Unanswered
from partners.kit.calls import Reply
from partners.kit.pages import following, place
from partners.kit.wire import Unusable, read
from partners.kit.workplace import Workplace
from partners.obie import data_mapping, errors, requests
from partners.obie import data_wire as wire
from partners.obie.account import ObieAccount
from partners.obie.bank import Bank, UserToken
from transport.json_text import NotJson, UnsafeJson, parse

AISP: Final = "aisp"
ACCOUNTS: Final = "accounts"
#: How far back the first listing goes. FCA, Technical Standards on Strong Customer Authentication,
#: Article 10A: without another authentication, banks show the payments of the last 90 days.
HISTORY: Final = timedelta(days=90)
#: Pages of accounts or balances that are read at most. No user has more.
_PAGES_MAX: Final = 20
_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})
_NEXT: Final = "Links.Next"

W = TypeVar("W", wire.Accounts, wire.Balances)


class ObieData:
    """The accounts that consents at one bank cover."""

    def __init__(self, account: ObieAccount, workplace: Workplace) -> None:
        self.login = account.login
        self._account = account
        self._clock = workplace.clock
        self._bank = Bank(account, workplace)

    async def close(self) -> None:
        await self._bank.close()

    async def accounts(self, access: Access) -> AccountsShown | NoAccess | Unanswered:
        pages = await self._pages(access, self._path(), wire.Accounts)
        if not isinstance(pages, tuple):
            return pages
        found, drift = data_mapping.accounts(each for page in pages for each in page.data.account)
        return AccountsShown(found, (*_drift(pages), *drift))

    async def balances(self, access: Access, account: str) -> BalancesShown | NoAccess | Unanswered:
        pages = await self._pages(access, self._path(account, "balances"), wire.Balances)
        if not isinstance(pages, tuple):
            return pages
        shown = (each for page in pages for each in page.data.balance)
        found, drift = data_mapping.balances(shown, account)
        return BalancesShown(found, (*_drift(pages), *drift))

    async def transactions(
        self, access: Access, account: str, since: date | None, cursor: str | None
    ) -> TransactionsPage | NoAccess | Unanswered:
        if cursor is None:
            first = since or (self._clock.now() - HISTORY).date()
            path = self._path(account, "transactions")
            # Read/Write API profile, "Filtering": an offset from UTC is ignored, so none is sent.
            query = {"fromBookingDateTime": f"{first.isoformat()}T00:00:00"}
        else:
            path, query = place(cursor)
        reply = await self._get(access, path, query)
        if not isinstance(reply, Reply):
            return reply
        try:
            found = parse(reply.body)
        except (NotJson, UnsafeJson) as error:
            return reply.unanswered(f"transactions: {error}")
        data = found.get("Data") if isinstance(found, dict) else None
        if not isinstance(data, dict):
            return reply.unanswered("Data: missing", ("Data: missing",))
        lines, drift = data_mapping.lines(data, account)
        links = found.get("Links")
        href = links.get("Next") if isinstance(links, dict) else None
        onward = self._following(href, self._path(account, "transactions"), self._path(account))
        if isinstance(onward, Unusable):
            return reply.unanswered(onward.why, onward.drift)
        return TransactionsPage(lines, onward, drift)

    async def _pages(
        self, access: Access, listing: str, model: type[W]
    ) -> tuple[W, ...] | NoAccess | Unanswered:
        """All pages of a short list. A part of it would read as if the rest were gone."""
        pages: list[W] = []
        path, query = listing, dict(_NOTHING)
        while True:
            reply = await self._get(access, path, query)
            if not isinstance(reply, Reply):
                return reply
            shown = read(model, reply.body)
            if isinstance(shown, Unusable):
                return reply.unanswered(shown.why, shown.drift)
            pages.append(shown)
            onward = self._following(shown.links.following, listing, listing)
            if onward is None:
                return tuple(pages)
            if isinstance(onward, Unusable):
                return reply.unanswered(onward.why, onward.drift)
            if len(pages) == _PAGES_MAX:
                return reply.unanswered(f"its list has more than {_PAGES_MAX} pages")
            path, query = place(onward)

    def _following(self, href: Any, listing: str, within: str) -> str | Unusable | None:
        return following(
            href, name=_NEXT, base_url=self._account.base_url, listing=listing, within=within
        )

    def _path(self, *parts: str) -> str:
        named = (quote(part, safe="") for part in parts)
        return self._account.path(AISP, ACCOUNTS, *named)

    async def _get(
        self, access: Access, path: str, query: Mapping[str, str]
    ) -> Reply | NoAccess | Unanswered:
        """Ask once. A `Reply` is a success.

        The user's address tells the bank that the user is there, so ours is never given in its
        place.
        """
        if (away := await self._bank.knows_server()) is not None:
            return Unanswered(away.why, retry_at=away.until)
        headers = dict(requests.headers())
        if access.psu_ip_address is not None:
            headers["x-fapi-customer-ip-address"] = access.psu_ip_address
        reply = await self._bank.get_for_user(
            access.reference, path, headers, query, keeps_content=False
        )
        if reply.is_success:
            return reply
        if reply.status is None:
            return await self._unsent(access, reply)
        told = {each.code for each in errors.read_errors(reply.body)}
        if reply.status == 401 or (reply.status in (400, 403) and told & errors.APPROVAL):
            # Only known codes: anything else may be any text, and this is kept in the clear.
            said = " ".join([str(reply.status), *sorted(told & set(errors.NAMES))])
            return NoAccess(f"the bank does not take the consent: {said}")
        return reply.unanswered(" ".join([reply.why, *sorted(told & set(errors.NAMES))]))

    async def _unsent(self, access: Access, reply: Reply) -> NoAccess | Unanswered:
        """Why no answer came: the user's token has ended, or something that may pass."""
        if not reply.has_left:
            token = await self._bank.user_token(access.reference)
            if token is not UserToken.WORKS:
                return NoAccess(f"the token of the consent's user: {token.value}")
        return reply.unanswered()


def _drift(pages: tuple[wire.Accounts, ...] | tuple[wire.Balances, ...]) -> list[str]:
    return [each for page in pages for each in (*page.drift, *page.data.drift)]
