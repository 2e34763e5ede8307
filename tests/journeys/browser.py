"""What a user does with a browser at any bank: open the page, read it, press a button by its label,
and be led back to the app."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import parse_qsl, urljoin, urlsplit

import httpx


@dataclass
class _Form:
    action: str
    fields: list[tuple[str, str]] = field(default_factory=list)
    buttons: dict[str, tuple[str, str]] = field(default_factory=dict)


class _Forms(HTMLParser):
    """The forms of a page, with what is chosen in them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[_Form] = []
        self._button: tuple[str, str] | None = None
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        named = (given.get("name", ""), given.get("value", ""))
        match tag:
            case "form":
                self.found.append(_Form(given.get("action", "")))
            case "input" if "checked" in given:
                self.found[-1].fields.append(named)
            case "button":
                self._button = named

    def handle_data(self, data: str) -> None:
        if self._button is not None:
            self.found[-1].buttons[data.strip()] = self._button

    def handle_endtag(self, tag: str) -> None:
        if tag == "button":
            self._button = None


@dataclass(frozen=True)
class Browser:
    """A user's browser, which has no client certificate."""

    trusts: ssl.SSLContext
    home: str
    """the app's page to which users come back"""

    async def press(self, url: str, label: str, *, sees: Sequence[str] = ()) -> dict[str, str]:
        """Press a button of the page at `url`. Returns what the user comes back to the app with."""
        async with httpx.AsyncClient(verify=self.trusts) as browser:
            page = await browser.get(url)
            while page.has_redirect_location:
                page = await browser.get(urljoin(str(page.url), page.headers["location"]))
            assert page.status_code == 200, page.text
            assert [each for each in sees if each not in page.text] == []
            form = next(each for each in _Forms(page.text).found if label in each.buttons)
            chosen = [pair for pair in (*form.fields, form.buttons[label]) if pair[0]]
            data = {name: [v for n, v in chosen if n == name] for name, _ in chosen}
            led = await browser.post(urljoin(str(page.url), form.action), data=data)
        back = led.headers["location"]
        assert back.startswith(self.home), back
        return dict(parse_qsl(urlsplit(back).query))
