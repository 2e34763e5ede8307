"""The demo's payer: opens the page of a bank and presses a button on it."""

from __future__ import annotations

import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any, Final

_ANSWER_LIMIT_SECONDS: Final = 20


class NoSuchButton(LookupError):
    """The page has no button with that label; the text names those that it has."""


def press(address: str, label: str) -> dict[str, str]:
    """Open the page and press the button with this label, as a browser would.

    The browser is not led on to the shop: there is none. Returns the parameters with which it would
    come there.

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
    button = page.buttons[label]
    pressed = urllib.parse.urlencode([button.field] if button.field[0] else []).encode()
    to = urllib.parse.urljoin(address, button.action)
    with opener.open(to, data=pressed, timeout=_ANSWER_LIMIT_SECONDS) as led:
        back = led.headers.get("location", "")
    return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(back).query))


@dataclass(frozen=True)
class _Button:
    """Where its form is sent, and the name and value that it adds; the name may be empty."""

    action: str
    field: tuple[str, str]


class _Page(HTMLParser):
    """The buttons of a page, by their labels."""

    def __init__(self) -> None:
        super().__init__()
        self.buttons: dict[str, _Button] = {}
        self._action = ""
        self._open: _Button | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._action = given.get("action", "")
        elif tag == "button":
            named = (given.get("name", ""), given.get("value", ""))
            self._open = _Button(self._action, named)

    def handle_data(self, data: str) -> None:
        if self._open is not None:
            self.buttons[data.strip()] = self._open
            self._open = None


class _Stays(urllib.request.HTTPRedirectHandler):
    def http_error_303(self, req: Any, fp: Any, code: Any, msg: Any, headers: Any) -> Any:
        return fp
