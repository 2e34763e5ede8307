"""What every request to the console passes first, and the headers that every answer gets.

It is plain ASGI, since a body has to be bounded while it arrives.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from starter.console.forms import FORM_BYTES_MAX

#: `same-origin` and not `no-referrer`: with the latter, browsers send forms with `Origin: null`.
HEADERS: Final[Mapping[str, str]] = {
    "cache-control": "no-store",
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
#: Over https, browsers come back by https only.
_HSTS: Final = "max-age=31536000"
_OWN: Final = frozenset({"same-origin", "none"})


class Guard:
    """The application, behind what every request has to pass.

    Args:
        hosts: the names by which browsers may call us. Another one is a page of a stranger whose
            name leads here.
        is_secure: browsers use https.
        bytes_max: the size of a body, by path, where it may be longer than other forms.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        hosts: Collection[str],
        is_secure: bool,
        bytes_max: Mapping[str, int],
    ) -> None:
        self._app = app
        self._hosts = frozenset(hosts)
        self._is_secure = is_secure
        self._bytes_max = bytes_max

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        dressed = self._dressed(send)
        refused = self._refusal(scope)
        if refused is not None:
            status, text = refused
            await PlainTextResponse(f"{text}\n", status)(scope, receive, dressed)
            return
        length_max = self._bytes_max.get(scope["path"], FORM_BYTES_MAX)
        await self._app(scope, _bounded(receive, length_max), dressed)

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if host_of(f"//{host}") not in self._hosts:
            return 421, "The console has another address. `console_url` names it."
        if "\x00" in scope["path"] or b"%00" in scope["query_string"]:
            return 400, "The address contains U+0000."
        if scope["method"] not in ("GET", "HEAD", "POST"):
            return 405, "The console takes GET and POST."
        if scope["method"] == "POST":
            origin = headers.get("origin")
            site = headers.get("sec-fetch-site", "none")
            if site not in _OWN or (origin is not None and not _is_of(host, origin)):
                return 403, "The form comes from another site. Nothing was done."
        return None

    def _dressed(self, send: Send) -> Send:
        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(raw=message.setdefault("headers", []))
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                if self._is_secure:
                    headers["strict-transport-security"] = _HSTS
            await send(message)

        return dressed


def host_of(url: str) -> str:
    """The name of the host in an address, without its port; empty if there is none."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _is_of(host: str, origin: str) -> bool:
    try:
        return urlsplit(origin).netloc == host
    except ValueError:
        return False


def _bounded(receive: Receive, length_max: int) -> Receive:
    """The same, but reading fails once the body is longer.

    Raises:
        HTTPException: 413.
    """
    received = 0

    async def bounded() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > length_max:
            raise HTTPException(
                413,
                f"The form is longer than {length_max // 1024} KiB. Nothing was done.",
                headers={"connection": "close"},
            )
        return message

    return bounded
