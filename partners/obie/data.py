"""A bank of UK Open Banking as a `DataPartner`: accounts, balances, transactions page by page.

Everything is read with the token of the consent's user. If the bank takes it no longer, the consent
is read, which says whether its user has to authenticate again.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from functools import partial
from typing import Any, Final
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
from partners.kit.wire import Unusable
from partners.kit.workplace import Workplace
from partners.obie import data_mapping, errors, requests
from partners.obie import data_wire as wire
from partners.obie.account import ObieAccount
from partners.obie.bank import Bank, UserToken
from partners.obie.lists import NEXT, W, read_whole
from transport.json_text import NotJson, UnsafeJson, parse

AISP: Final = "aisp"
ACCOUNTS: Final = "accounts"
#: How far back the first listing goes. FCA, Technical Standards on Strong Customer Authentication,
#: Article 10A: without another authentication, banks show the payments of the last 90 days.
HISTORY: Final = timedelta(days=90)
_NOT_FOR_THIS: Final = errors.APPROVAL | errors.NOT_FOUND


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
        pages = await self._whole(access, self._path(), wire.Accounts)
        if not isinstance(pages, tuple):
            return pages
        found, drift = data_mapping.accounts(each for page in pages for each in page.data.account)
        return AccountsShown(found, (*_drift(pages), *drift))

    async def balances(self, access: Access, account: str) -> BalancesShown | NoAccess | Unanswered:
        pages = await self._whole(access, self._path(account, "balances"), wire.Balances)
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
        if (away := await self._away()) is not None:
            return away
        reply = await self._get(access, path, query)
        if not reply.is_success:
            return await self._failed(access, reply)
        try:
            found = parse(reply.body)
        except (NotJson, UnsafeJson) as error:
            return reply.unanswered(f"transactions: {error}")
        data = found.get("Data") if isinstance(found, dict) else None
        if not isinstance(data, dict):
            return reply.unanswered("Data: missing", ("Data: missing",))
        lines, drift = data_mapping.lines(data, account)
        onward = self._following(found, account)
        if isinstance(onward, Unusable):
            return reply.unanswered(onward.why, onward.drift)
        return TransactionsPage(lines, onward, drift)

    async def _whole(
        self, access: Access, listing: str, model: type[W]
    ) -> tuple[W, ...] | NoAccess | Unanswered:
        """All pages of a short list."""
        if (away := await self._away()) is not None:
            return away
        reply, pages = await read_whole(
            partial(self._get, access), model, base_url=self._account.base_url, listing=listing
        )
        if isinstance(pages, Unusable):
            return reply.unanswered(pages.why, pages.drift)
        return await self._failed(access, reply) if pages is None else pages

    def _following(self, found: Mapping[str, Any], account: str) -> str | Unusable | None:
        links = found.get("Links")
        return following(
            links.get("Next") if isinstance(links, dict) else None,
            name=NEXT,
            base_url=self._account.base_url,
            listing=self._path(account, "transactions"),
            within=self._path(account),
        )

    def _path(self, *parts: str) -> str:
        named = (quote(part, safe="") for part in parts)
        return self._account.path(AISP, ACCOUNTS, *named)

    async def _away(self) -> Unanswered | None:
        """Why the user's token could not be refreshed now, if it had to be."""
        away = await self._bank.knows_server()
        return None if away is None else Unanswered(away.why, retry_at=away.until)

    async def _get(self, access: Access, path: str, query: Mapping[str, str]) -> Reply:
        """Ask once. The user's address tells the bank that the user is there, so ours is never
        given in its place."""
        headers = dict(requests.headers())
        if access.psu_ip_address is not None:
            headers["x-fapi-customer-ip-address"] = access.psu_ip_address
        return await self._bank.get_for_user(
            access.reference, path, headers, query, keeps_content=False
        )

    async def _failed(self, access: Access, reply: Reply) -> NoAccess | Unanswered:
        """Why an answer brought nothing: the user's token, the consent, or what may pass."""
        if not reply.has_left:
            token = await self._bank.user_token(access.reference)
            if token is not UserToken.WORKS:
                return NoAccess(f"the token of the consent's user: {token.value}")
        told = {each.code for each in errors.read_errors(reply.body)}
        # Any other code may be any text, and this is kept in the clear.
        named = sorted(told & set(errors.NAMES))
        # Profile, "403 (Forbidden)": the consent may not cover the account any more. Its read shows
        # what it covers now.
        if reply.status in (401, 403) or (reply.status == 400 and told & _NOT_FOR_THIS):
            said = " ".join([str(reply.status), *named])
            return NoAccess(f"the bank does not take the consent: {said}")
        return reply.unanswered(" ".join([reply.why, *named]))


def _drift(pages: tuple[wire.Accounts, ...] | tuple[wire.Balances, ...]) -> list[str]:
    return [each for page in pages for each in (*page.drift, *page.data.drift)]
