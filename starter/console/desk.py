"""What every page has: the session of an operator, the form that came, and the page's frame."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from starter.console.attempts import Attempts
from starter.console.forms import Form, form_of
from starter.console.pages import Pages
from starter.console.parts import Parts
from starter.console.sessions import Session, Sessions

SIGN_IN: Final = "/sign-in"
_SEE_OTHER: Final = 303
_STALE: Final = (
    "This form is from an earlier session or another browser. Nothing was done. Go back, load the "
    "page again, and send the form once more."
)


@dataclass(frozen=True, repr=False)
class Visit:
    """One request of an operator who has signed in."""

    desk: Desk
    request: Request
    session: Session
    form: Form
    now: datetime

    def page(
        self, template: str, *, at: str, title: str, status: int = 200, **values: Any
    ) -> Response:
        """A page in the operator's frame.

        Args:
            at: the address of the page's entry in the menu.
        """
        notices, self.session.notices = self.session.notices, []
        return self.desk.framed(
            self.request, template, status=status, operator=self.session.operator, at=at,
            title=title, notices=notices, now=self.now, **values,
        )  # fmt: skip

    def done(self, notice: str, to: str) -> Response:
        """Lead the browser to a page, which says once what was done."""
        self.session.notices.append(notice)
        return RedirectResponse(to, _SEE_OTHER)


Handler = Callable[[Visit], Awaitable[Response]]


@dataclass(repr=False)
class Desk:
    """What all pages of one process share.

    Attributes:
        is_secure: browsers use https, so the cookie never leaves it.
        sign_ins: tries to sign in, which anybody may make.
        signatures: tries to sign in the name of an operator who is signed in. They are apart, so
            that no stranger can keep operators from signing.
    """

    parts: Parts
    is_secure: bool
    pages: Pages = field(default_factory=Pages)
    sessions: Sessions = field(default_factory=Sessions)
    sign_ins: Attempts = field(default_factory=Attempts)
    signatures: Attempts = field(default_factory=Attempts)

    @property
    def cookie(self) -> str:
        """The cookie's name. With the prefix, no other name below our domain can set it."""
        return "__Host-finality_console" if self.is_secure else "finality_console"

    def session_id(self, request: Request) -> str:
        """What the browser has in its cookie; empty if it has none."""
        return request.cookies.get(self.cookie, "")

    def give(self, response: Response, session_id: str) -> None:
        """Give the browser a cookie, which scripts cannot read and other sites cannot send."""
        response.set_cookie(
            self.cookie, session_id, path="/", secure=self.is_secure, httponly=True,
            samesite="strict",
        )  # fmt: skip

    def framed(
        self, request: Request, template: str, *, status: int = 200, **values: Any
    ) -> Response:
        """A page with the token for its forms."""
        token = self.sessions.form_token(self.session_id(request))
        return self.pages.page(template, status=status, token=token, **values)

    def require_form_token(self, request: Request, form: Form) -> None:
        """Require that the form was made for this browser.

        Raises:
            HTTPException: it was not. Nothing may be done.
        """
        session_id = self.session_id(request)
        if not session_id or not self.sessions.is_form_token(session_id, form.text("token")):
            raise HTTPException(403, _STALE)

    async def session_of(self, request: Request, now: datetime) -> Session | None:
        """The session of the browser, if its operator may still sign with the same key."""
        session_id = self.session_id(request)
        session = self.sessions.of(session_id, now)
        if session is None:
            return None
        for operator in await self.parts.operators.active():
            if (operator.name, operator.key) == (session.operator, session.public_key):
                return session
        self.sessions.end(session_id)
        return None

    def behind_sign_in(self, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        """The handler for operators only. The body is not read of anybody else's request."""

        async def endpoint(request: Request) -> Response:
            now = self.parts.clock.now()
            session = await self.session_of(request, now)
            if session is None:
                return RedirectResponse(self._sign_in_for(request), _SEE_OTHER)
            form = Form({}, {})
            if request.method == "POST":
                form = await form_of(request)
                self.require_form_token(request, form)
            return await handler(Visit(self, request, session, form, now))

        return endpoint

    def _sign_in_for(self, request: Request) -> str:
        """The page to sign in, which leads back to the page that was asked for."""
        if request.method == "POST":
            return SIGN_IN
        query = f"?{request.url.query}" if request.url.query else ""
        return f"{SIGN_IN}?next={quote(request.url.path + query, safe='')}"
