"""Signing in and out. Operators prove who they are with the key by which they sign decisions.

Passwords of the console's own were refused: they would be a second way to be a person, which the
signatures do not know.
"""

from __future__ import annotations

import asyncio
import logging
import re
from datetime import timedelta
from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from domain.lifecycle.statement import Statement, StatementKind
from starter.console.attempts import place_of
from starter.console.desk import SIGN_IN, Desk, Visit
from starter.console.forms import Form, form_of
from starter.console.sessions import IDLE_MAX, LASTS_MAX, Session, new_id
from starter.operators import Operators
from starter.signing import KeyUnusable, LockedKey, OperatorKey
from store.operators import SIGNING_IN, NotSigned, OperatorsFixed, spelt

log = logging.getLogger("finality.console")

_SEE_OTHER: Final = 303
#: An address on this console: one slash, since two lead to another host.
_OWN_PAGE: Final = re.compile(r"/(?![/\\])[\w./?=&%~:+-]{0,1000}", re.ASCII)
_KEY_FILE: Final = "the key file"
_TOO_MANY: Final = "There were too many tries. No key was checked. Try again in a minute."


async def _unlocked(
    operators: Operators, key: LockedKey, passphrase: str, doing: Statement
) -> OperatorKey:
    """The private key of an operator, for one signature. A wrong passphrase is recorded.

    Args:
        doing: what is about to be signed.

    Raises:
        NotSigned, KeyUnusable.
    """
    async with operators.noting(doing):
        # The derivation takes a tenth of a second, in which other pages shall not stand still.
        return await asyncio.to_thread(key.opened, passphrase.encode())


def _passphrase(form: Form) -> str:
    passphrase = form.secret("passphrase")
    if not passphrase:
        raise KeyUnusable("passphrase: is missing; type the passphrase of your key")
    return passphrase


async def unlocked_for(visit: Visit, kind: StatementKind, subject: str) -> OperatorKey:
    """The key of the operator in this session, for one signature.

    Raises:
        NotSigned, KeyUnusable.
    """
    desk, session, who = visit.desk, visit.session, visit.session.operator
    passphrase = _passphrase(visit.form)
    if not desk.signatures.taken(who):
        raise KeyUnusable("passphrase: was wrong too often. Nothing was done. Wait a minute")
    doing = Statement(kind=kind, by=who, at=visit.now, subject=subject)
    locked = LockedKey(session.key_file, who, file=_KEY_FILE)
    key = await _unlocked(desk.parts.operators, locked, passphrase, doing)
    desk.signatures.give_back(who)
    return key


def signing_in(desk: Desk) -> list[Route]:
    """The routes of signing in and out."""

    async def ask(request: Request) -> Response:
        return _page(desk, request)

    async def sign_in(request: Request) -> Response:
        form = await form_of(request)
        desk.require_form_token(request, form)
        place = place_of(request.client.host if request.client else "")
        if not desk.sign_ins.taken(place):
            response = _page(desk, request, form, status=429, error=_TOO_MANY)
            response.headers["retry-after"] = "60"
            return response
        try:
            session = await _session(desk, form)
        except (NotSigned, KeyUnusable, OperatorsFixed) as refused:
            return _page(desk, request, form, status=403, error=f"{refused}.")
        to = form.text("next")
        desk.sign_ins.give_back(place)
        log.info("%s signed in from %s", session.operator, place)
        response = RedirectResponse(to if _OWN_PAGE.fullmatch(to) else "/", _SEE_OTHER)
        # A new id: an id that the browser had before may be known to somebody else.
        desk.sessions.end(desk.session_id(request))
        desk.give(response, desk.sessions.begin(session))
        return response

    async def sign_out(visit: Visit) -> Response:
        desk.sessions.end(desk.session_id(visit.request))
        log.info("%s signed out", visit.session.operator)
        response = RedirectResponse(SIGN_IN, _SEE_OTHER)
        response.delete_cookie(
            desk.cookie, path="/", secure=desk.is_secure, httponly=True, samesite="strict"
        )
        return response

    return [
        Route(SIGN_IN, ask),
        Route(SIGN_IN, sign_in, methods=["POST"]),
        Route("/sign-out", desk.behind_sign_in(sign_out), methods=["POST"]),
    ]


async def _session(desk: Desk, form: Form) -> Session:
    """The session of whoever holds an operator's key.

    Raises:
        NotSigned, KeyUnusable, OperatorsFixed.
    """
    name, passphrase = spelt(form.text("name")), _passphrase(form)
    try:
        key_file = form.file("key").decode()
    except UnicodeDecodeError:
        raise KeyUnusable("the key file is not one that `finality operator key` wrote") from None
    locked = LockedKey(key_file, name, file=_KEY_FILE)
    operators, now = desk.parts.operators, desk.parts.clock.now()
    doing = Statement(kind=StatementKind.ACKNOWLEDGE, by=name, at=now, subject=SIGNING_IN)
    # Nothing is derived for somebody who does not even state an operator's key.
    await operators.require_enrolled(locked.public, doing)
    key = await _unlocked(operators, locked, passphrase, doing)
    await operators.require(key, subject=SIGNING_IN)
    return Session(name, key.public.key, key_file, began_at=now, seen_at=now)


def _page(
    desk: Desk, request: Request, form: Form | None = None, *, status: int = 200, error: str = ""
) -> Response:
    session_id = desk.session_id(request) or new_id()
    response = desk.pages.page(
        "sign_in.html",
        status=status,
        token=desk.sessions.form_token(session_id),
        title="Sign in",
        operator=None,
        notices=[],
        error=error,
        name=form.text("name") if form else "",
        next=form.text("next") if form else request.query_params.get("next", ""),
        minutes=IDLE_MAX // timedelta(minutes=1),
        hours=LASTS_MAX // timedelta(hours=1),
    )
    if not desk.session_id(request):
        desk.give(response, session_id)
    return response
