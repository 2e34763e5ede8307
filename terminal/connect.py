"""`finality connect`: asks a bank for access to a user's accounts, and waits for the user.

The callback comes to this process, on this machine. The page that begins it gives the browser a
cookie, so that only the browser that was sent to the bank can bring the answer.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from rich.text import Text
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from assembly import Assembly, assembled
from domain.accounts import Account, AccountError
from domain.consents.report import ActionKind, ConsentState
from domain.consents.request import ConsentRequest, Permission, User
from domain.consents.states import STATES
from domain.plain_text import plain
from process import stop_on_signals
from regimes.accounts import check_account
from serving import served
from settings import Settings
from starter.asking import InvalidCommand
from starter.callback_page import COOKIE, HEADERS, came_back, page
from starter.consenting import InvalidConsent
from starter.consents import ConsentOrchestrator, ConsentReceipt
from store.accepting import KeyReused
from terminal.commanding import AS_WISHED, LEFT_TO_RELAY, NOT_AS_WISHED, or_refused
from terminal.consent import as_object, print_receipt
from terminal.screen import Screen

_HOST: Final = "127.0.0.1"
_LOOK_EVERY_SECONDS: Final = 0.2
#: After this time without an answer of the bank, something of ours may be missing.
_PUZZLED_AFTER: Final = timedelta(seconds=10)


@dataclass(frozen=True)
class Wanted:
    """What is asked of a bank."""

    bank: str
    tenant: str
    user_id: str
    permissions: tuple[Permission, ...]
    ibans: tuple[str, ...] = ()
    regime: str = "psd2"
    psu_id: str | None = field(default=None, repr=False)
    key: str = ""


async def connect_bank(
    settings: Settings,
    wanted: Wanted,
    *,
    port: int,
    wait: timedelta,
    open_page: Callable[[str], object],
    as_json: bool,
) -> int:
    """Ask, show the page, and wait until the user has decided. Returns the exit code.

    Args:
        port: where the callback arrives; 0 takes a free one.
        wait: how long to wait. The consent goes on after that.
        open_page: is given the address that the user opens.
    """

    async def connect() -> int:
        async with assembled(settings) as assembly:
            partner, account = _account(wanted.bank, assembly.consent_partners)
            browser = _Browser(assembly.consents, wanted.tenant)
            async with _waiting(browser, port) as address:
                request = _request(wanted, partner, account, f"{address}/back")
                receipt = await _asked(assembly, request, wanted.key, browser)
                return await _follow(assembly, receipt, browser, address, wait, open_page, as_json)

    return await or_refused(connect())


@dataclass
class _Browser:
    """The user's browser, as the pages here see it."""

    consents: ConsentOrchestrator
    tenant: str
    session: str = field(default_factory=secrets.token_urlsafe, repr=False)
    ticket: str = field(default_factory=secrets.token_urlsafe, repr=False)
    """Of the address that begins it, so that nobody else on this machine does."""
    link: str | None = field(default=None, repr=False)

    def cookie(self, request: Request) -> str:
        """The cookie's name. Browsers share cookies among the ports of one host."""
        return f"{COOKIE}_{request.url.port}"

    async def begin(self, request: Request) -> Response:
        if self.link is None:
            text = page("Nothing to do", "The bank has given no page. Look at the terminal.")
            return HTMLResponse(text, 409, headers=dict(HEADERS))
        answer = RedirectResponse(self.link, 303, headers=dict(HEADERS))
        answer.set_cookie(self.cookie(request), self.session, httponly=True, samesite="lax")
        return answer

    async def back(self, request: Request) -> Response:
        status, text = await came_back(
            self.consents,
            dict(request.query_params),
            tenant=self.tenant,
            browser_session=request.cookies.get(self.cookie(request), ""),
        )
        return HTMLResponse(text, status, headers=dict(HEADERS))


@asynccontextmanager
async def _waiting(browser: _Browser, port: int) -> AsyncIterator[str]:
    """Serve the two pages. Yields their address."""
    routes = [
        Route(f"/begin/{browser.ticket}", browser.begin, methods=["GET"]),
        Route("/back", browser.back, methods=["GET"]),
    ]
    async with served(Starlette(routes=routes), host=_HOST, port=port) as taken:
        yield f"http://{_HOST}:{taken}"


def _account(bank: str, banks: Mapping[tuple[str, str], object]) -> tuple[str, str]:
    """The partner account that the user means: PARTNER/ACCOUNT, or one name alone.

    Raises:
        InvalidCommand: none has the name, or several have it.
    """
    found = sorted(each for each in banks if bank in ("/".join(each), *each))
    if len(found) == 1:
        return found[0]
    listed = ", ".join(sorted("/".join(each) for each in found or banks)) or "none"
    what = "is the name of several accounts" if found else "gives no access to accounts here"
    raise InvalidCommand(f"bank: {bank!r} {what}; name one of: {listed}")


def _request(wanted: Wanted, partner: str, account: str, return_url: str) -> ConsentRequest:
    """Raises:
    InvalidCommand: an account number is wrong.
    """
    try:
        accounts = tuple(Account(iban=check_account(each)) for each in wanted.ibans)
    except AccountError as error:
        raise InvalidCommand(f"account: {error}") from None
    return ConsentRequest(
        tenant=wanted.tenant,
        partner=partner,
        partner_account=account,
        user=User(user_id=wanted.user_id, psu_id=wanted.psu_id),
        permissions=wanted.permissions,
        accounts=accounts,
        return_url=return_url,
        regime=wanted.regime,
    )


async def _asked(
    assembly: Assembly, request: ConsentRequest, key: str, browser: _Browser
) -> ConsentReceipt:
    """Raises:
    InvalidCommand: the request cannot be made; names every wrong field and the remedy.
    """
    try:
        return await assembly.consents.request(
            request, key or secrets.token_hex(16), browser_session=browser.session
        )
    except (InvalidConsent, KeyReused) as refused:
        raise InvalidCommand(str(refused)) from None


async def _follow(
    assembly: Assembly,
    receipt: ConsentReceipt,
    browser: _Browser,
    address: str,
    wait: timedelta,
    open_page: Callable[[str], object],
    as_json: bool,
) -> int:
    """Show what the user has to do, and wait for the end of it."""
    screen, stop = Screen(stderr=as_json), stop_on_signals()
    screen.print(f"Asking for consent {receipt.consent_id}.")
    if not receipt.is_notified:
        screen.print(LEFT_TO_RELAY.format(what="request"), style="yellow")
    began = assembly.clock.now()
    is_shown = is_puzzled = False
    while not _is_decided(receipt) and not stop.is_set():
        if assembly.clock.now() >= began + wait:
            break
        action = receipt.action
        if action is not None and not is_shown:
            is_shown = True
            browser.link = action.url
            if action.kind is ActionKind.CONFIRM:
                screen.print("Confirm the access in the app of the bank.")
            elif action.url is not None:
                _show(screen, f"{address}/begin/{browser.ticket}", open_page)
        if not (is_shown or is_puzzled) and assembly.clock.now() >= began + _PUZZLED_AFTER:
            is_puzzled = True
            text = "The bank has not been asked yet. Is a worker running (`finality up`)?"
            screen.print(text, style="yellow")
        await asyncio.sleep(_LOOK_EVERY_SECONDS)
        receipt = await assembly.consents.show(receipt.consent_id, tenant=browser.tenant)
    if as_json:
        print(json.dumps(as_object(receipt)))
    else:
        print_receipt(receipt, as_json=False)
    if not _is_decided(receipt):
        screen.print(f"It goes on without this command: finality consent show {receipt.consent_id}")
    return AS_WISHED if receipt.consent.state is ConsentState.ACTIVE else NOT_AS_WISHED


def _show(screen: Screen, link: str, open_page: Callable[[str], object]) -> None:
    screen.print(Text.assemble("Open this page, and confirm the access at the bank: ", plain(link)),
                 soft_wrap=True)  # fmt: skip
    open_page(link)


def _is_decided(receipt: ConsentReceipt) -> bool:
    """Whether the user, or the bank, has decided."""
    row = STATES[receipt.consent.state]
    return row.was_granted or row.ends
