"""A NextGenPSD2 bank as a `DataPartner`: accounts, balances, transactions page by page."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from datetime import date, timedelta
from email.utils import format_datetime
from types import MappingProxyType
from typing import Any, Final

from domain.account_data.answers import (
    Access,
    AccountsShown,
    BalancesShown,
    NoAccess,
    TransactionsPage,
)
from domain.lifecycle.answers import Unanswered
from partners.berlin_group import data_mapping, errors, requests
from partners.berlin_group import data_wire as wire
from partners.berlin_group.account import BerlinGroupAccount
from partners.berlin_group.connection import Connection
from partners.kit.calls import Reply
from partners.kit.pages import following, place
from partners.kit.wire import Unusable, read
from partners.kit.workplace import Workplace
from transport.json_text import NotJson, UnsafeJson, parse

ACCOUNTS: Final = "/v1/accounts"
#: How far back the first listing goes. Delegated Regulation (EU) 2018/389, Article 10(1)(b): banks
#: have to show the last 90 days without another authentication, and many show no more.
HISTORY: Final = timedelta(days=90)
#: After `ACCESS_EXCEEDED`: the bank counts a day, and does not say when it began.
_EXCEEDED_PAUSE: Final = timedelta(hours=2)
_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})
_CODE: Final = re.compile(r"[A-Z][A-Z_]{2,39}")
#: `RESOURCE_UNKNOWN`: an account that was taken out of the consent. Its read shows what is left.
_NO_ACCESS: Final = errors.CONSENT_OVER | errors.NO_SUCH_CONSENT


class BerlinGroupData:
    """The accounts that consents at one bank cover."""

    def __init__(self, account: BerlinGroupAccount, workplace: Workplace) -> None:
        self.login = account.login
        self._account = account
        self._clock = workplace.clock
        self._connection = Connection(account, workplace)

    async def close(self) -> None:
        await self._connection.close()

    async def accounts(self, access: Access) -> AccountsShown | NoAccess | Unanswered:
        reply = await self._get(access, ACCOUNTS)
        shown = read(wire.AccountList, reply.body) if reply.is_success else None
        if not isinstance(shown, wire.AccountList):
            return _failed(reply, shown)
        found = [data_mapping.account(each) for each in shown.accounts]
        drift = [
            f"accounts[{place}].resourceId: missing, so the account cannot be read"
            for place, each in enumerate(found)
            if not each.reference
        ]
        usable = tuple(each for each in found if each.reference)
        return AccountsShown(usable, (*shown.drift, *drift))

    async def balances(self, access: Access, account: str) -> BalancesShown | NoAccess | Unanswered:
        reply = await self._get(access, requests.below(ACCOUNTS, account) + "/balances")
        shown = read(wire.Balances, reply.body) if reply.is_success else None
        if not isinstance(shown, wire.Balances):
            return _failed(reply, shown)
        return BalancesShown(*data_mapping.balances(shown))

    async def transactions(
        self, access: Access, account: str, since: date | None, cursor: str | None
    ) -> TransactionsPage | NoAccess | Unanswered:
        if cursor is None:
            first = since or (self._clock.now() - HISTORY).date()
            path = _transactions(account)
            query = {"bookingStatus": "both", "dateFrom": first.isoformat()}
        else:
            path, query = place(cursor)
        reply = await self._get(access, path, query)
        if not reply.is_success:
            return _failed(reply)
        try:
            found = parse(reply.body)
        except (NotJson, UnsafeJson) as error:
            return reply.unanswered(f"transactions: {error}")
        report = found.get("transactions") if isinstance(found, dict) else None
        if not isinstance(report, dict):
            return reply.unanswered("transactions: missing", ("transactions: missing",))
        lines, drift = data_mapping.lines(report)
        following = self._following(report, account)
        if isinstance(following, Unusable):
            return reply.unanswered(following.why, following.drift)
        return TransactionsPage(lines, following, drift)

    def _following(self, report: Mapping[str, Any], account: str) -> str | Unusable | None:
        links = report.get("_links")
        href = links.get("next") if isinstance(links, dict) else None
        return following(
            href.get("href") if isinstance(href, dict) else href,
            name="transactions._links.next",
            base_url=self._account.base_url,
            listing=_transactions(account),
            within=requests.below(ACCOUNTS, account),
        )

    async def _get(self, access: Access, path: str, query: Mapping[str, str] = _NOTHING) -> Reply:
        """Ask once. The user's address tells the bank that the user is there, so ours is never
        given in its place."""
        headers = {"x-request-id": str(uuid.uuid4()), "consent-id": access.reference}
        if access.psu_ip_address is not None:
            headers["psu-ip-address"] = access.psu_ip_address
        if self._account.dialect.sends_date:
            headers["date"] = format_datetime(self._clock.now(), usegmt=True)
        return await self._connection.calls.get(path, query, headers, keeps_content=False)


def _transactions(account: str) -> str:
    return f"{requests.below(ACCOUNTS, account)}/transactions"


def _failed(reply: Reply, shown: Unusable | None = None) -> NoAccess | Unanswered:
    """Why an answer brought nothing: the consent, or something that may pass."""
    if shown is not None:
        return reply.unanswered(shown.why, shown.drift)
    told = errors.read_errors(reply.body) if reply.status is not None else ()
    codes = {each.code for each in told}
    if reply.status in (400, 401, 403, 404) and (over := codes & _NO_ACCESS):
        return NoAccess(f"the bank does not take the consent: {', '.join(sorted(over))}")
    if "ACCESS_EXCEEDED" in codes:
        retry_at = max(reply.retry_at or reply.asked_at, reply.asked_at + _EXCEEDED_PAUSE)
        return Unanswered("the bank's limit of readings is used up", reply.exchange, retry_at)
    # What is no code may be any text, and this is shown and kept in the clear.
    named = sorted(code for code in codes if _CODE.fullmatch(code))
    return reply.unanswered(" ".join([reply.why, *named]))
