"""The operator console as an ASGI application: plain pages and forms, without any script."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Collection, Mapping
from pathlib import Path
from typing import Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from domain.clock import ClocksApart
from starter.console.desk import Desk
from starter.console.forms import EVIDENCE_FORM_BYTES_MAX
from starter.console.guard import HEADERS, Guard
from starter.console.halts import halts
from starter.console.overview import overview
from starter.console.parts import Parts
from starter.console.payments import payments
from starter.console.signing_in import signing_in
from starter.console.tasks import DECISION, tasks
from store.faults import StoreAway
from store.keyring import KeyringError

log = logging.getLogger("finality.console")

_FOLDER: Final = Path(__file__).parent
_FOR_AN_HOUR: Final = {"cache-control": "public, max-age=3600"}
_NOT_FOUND: Final = "There is no such page."


def application(
    parts: Parts, *, hosts: Collection[str], is_secure: bool, desk: Desk | None = None
) -> Starlette:
    """The application. Everything needs a session of an operator but the page to sign in.

    Args:
        hosts: the names by which browsers may call it.
        is_secure: browsers use https.
        desk: what the pages share; by default a fresh one.
    """
    desk = desk or Desk(parts, is_secure)

    async def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        text = error.detail if error.detail != "Not Found" else _NOT_FOUND
        return _explained(desk, error.status_code, text, error.headers)

    async def away(_: Request, error: Exception) -> Response:
        log.error("a page cannot be shown: %s", error)
        text = (
            "The database does not answer, or something else has to be mended first; the server's "
            "log and `finality doctor` say what. If you sent a form, load the page again before "
            "you repeat it, and see whether it was recorded."
        )
        return _explained(desk, 503, text, {"retry-after": "5"})

    async def unexpected(_: Request, error: Exception) -> Response:
        text = "Something unexpected happened, and the server's log says what."
        return _explained(desk, 500, text, HEADERS)

    return Starlette(
        routes=[
            Route("/console.css", _file("console.css", "text/css")),
            Route("/icon.svg", _file("icon.svg", "image/svg+xml")),
            *signing_in(desk),
            *overview(desk),
            *payments(desk),
            *tasks(desk),
            *halts(desk),
        ],
        middleware=[
            Middleware(
                Guard,
                hosts=hosts,
                is_secure=is_secure,
                bytes_max={DECISION: EVIDENCE_FORM_BYTES_MAX},
            )
        ],
        exception_handlers={
            HTTPException: refused,
            StoreAway: away,
            KeyringError: away,
            ClocksApart: away,
            Exception: unexpected,
        },
    )


def _file(name: str, kind: str) -> Callable[[Request], Awaitable[Response]]:
    async def send(_: Request) -> Response:
        return FileResponse(_FOLDER / name, media_type=kind, headers=_FOR_AN_HOUR)

    return send


def _explained(desk: Desk, status: int, text: str, headers: Mapping[str, str] | None) -> Response:
    response = desk.pages.page(
        "refused.html", status=status, title="Not possible", operator=None, notices=[], text=text
    )
    response.headers.update(headers or {})
    return response
