"""The page that users see after coming back from a bank: how it stands, and no script.

Nothing that came with the callback is repeated on it.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any, Final, Protocol

from starter.consents import InvalidCallback
from store.callbacks import CallbackRefused

#: The cookie that has the value of the user's browser session.
COOKIE: Final = "finality_session"
#: The address has the callback's secrets, so it is neither kept nor passed on.
HEADERS: Final[Mapping[str, str]] = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
_REFUSED: Final = (
    "This page belongs to another browser",
    "Nothing was changed. Go back to the app, and begin again there.",
)
_INVALID: Final = (
    "This is not where the bank leads back to",
    "Nothing was changed. Go back to the app, and begin again there.",
)


class TakesCallbacks(Protocol):
    """Takes the callbacks of consents, or those of payments."""

    async def answer(self, params: Mapping[str, str], *, tenant: str, browser_session: str) -> Any:
        """The receipt, which has a `display`.

        Raises:
            InvalidCallback, CallbackRefused: nothing was taken.
        """


async def came_back(
    taker: TakesCallbacks, params: Mapping[str, str], *, tenant: str, browser_session: str
) -> tuple[int, str]:
    """Take the callback. Returns the status and the page.

    A second tab and a late callback see how the consent or the payment stands.

    Raises:
        StoreAway, ClocksApart: nothing was taken; the user may open the page again.
    """
    try:
        receipt = await taker.answer(params, tenant=tenant, browser_session=browser_session)
    except InvalidCallback:
        return 400, page(*_INVALID)
    except CallbackRefused:
        return 403, page(*_REFUSED)
    shown = receipt.display
    return 200, page(shown.headline, f"{shown.detail} You can close this page.")


def page(headline: str, detail: str) -> str:
    """A whole page in plain HTML."""
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{escape(headline)}</title><h1>{escape(headline)}</h1><p>{escape(detail)}</p></html>"
    )
