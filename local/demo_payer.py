"""The demo's payer: opens the page of the card's bank and presses a button on it."""

from __future__ import annotations

import urllib.error
import urllib.parse
import urllib.request
from html.parser import HTMLParser
from typing import Any, Final

_ANSWER_LIMIT_SECONDS: Final = 20


class NoSuchButton(LookupError):
    """The page has no button with that label; the text names those that it has."""


def press(address: str, label: str) -> None:
    """Open the page and press the button with this label, as a browser would.

    The browser is not led on to the shop: there is none.

    Raises:
        NoSuchButton: the page does not have it.
        OSError: the page cannot be opened, or refuses the button.
    """
    opener = urllib.request.build_opener(_Stays())
    with opener.open(address, timeout=_ANSWER_LIMIT_SECONDS) as opened:
        page = _Page()
        page.feed(opened.read().decode())
    if label not in page.buttons:
        raise NoSuchButton(f"the page has no button {label!r}, only {', '.join(page.buttons)}")
    pressed = urllib.parse.urlencode([page.buttons[label]]).encode()
    opener.open(address, data=pressed, timeout=_ANSWER_LIMIT_SECONDS).close()


class _Page(HTMLParser):
    """The buttons of a page: name and value of each, by its label."""

    def __init__(self) -> None:
        super().__init__()
        self.buttons: dict[str, tuple[str, str]] = {}
        self._open: tuple[str, str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "button":
            given = dict(attrs)
            self._open = (given.get("name") or "", given.get("value") or "")

    def handle_data(self, data: str) -> None:
        if self._open is not None:
            self.buttons[data.strip()] = self._open
            self._open = None


class _Stays(urllib.request.HTTPRedirectHandler):
    def http_error_303(self, req: Any, fp: Any, code: Any, msg: Any, headers: Any) -> Any:
        return fp
