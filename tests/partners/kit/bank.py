"""A partner of no name: answers by "METHOD /path", a login that renews its tokens, a book of it."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import httpx

from domain.lifecycle.answers import Deadline, NotReady
from partners.interface import LoginBook
from partners.kit.content import form
from partners.kit.logins import Grant, Login
from partners.kit.wire import Unusable, Wire, read
from tests.clock import START, SteppedClock
from transport.exchange import Request
from transport.http import Transport

TOKEN_PATH: Final = "/token"
DEADLINE: Final = Deadline(START + timedelta(seconds=10), START + timedelta(seconds=40))

Answer = tuple[int, dict[str, str], Any] | Exception


@dataclass
class Bank:
    """Answers each request with the next of its list, the last one again and again."""

    answers: dict[str, list[Answer]] = field(default_factory=dict)
    came: list[httpx.Request] = field(default_factory=list)

    def on(self, route: str, *answers: Answer) -> Bank:
        self.answers[route] = list(answers)
        return self

    async def handle(self, request: httpx.Request) -> httpx.Response:
        self.came.append(request)
        await asyncio.sleep(0)
        answers = self.answers[f"{request.method} {request.url.path}"]
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, Exception):
            raise answer
        status, headers, content = answer
        return httpx.Response(status, headers=headers, text=json.dumps(content))

    def transport(self, clock: SteppedClock) -> Transport:
        instead = httpx.MockTransport(self.handle)
        return Transport("https://bank.test", clock=clock, instead=instead)


def says(status: int, body: Any = None, **headers: str) -> Answer:
    """An answer, and headers beside it."""
    return status, {name.replace("_", "-"): value for name, value in headers.items()}, body


@dataclass
class Book:
    """A login book of one process; `writes` has every change in its order."""

    kept: str | None = None
    elsewhere: NotReady | None = None
    writes: list[str] = field(default_factory=list)

    async def token(self, login: str, credentials_hash: str) -> str | None:
        await asyncio.sleep(0)  # Others go on meanwhile, as they do with a database.
        return self.kept

    async def claim(self, login: str, credentials_hash: str) -> NotReady | None:
        await asyncio.sleep(0)
        return self.elsewhere

    async def succeeded(self, login: str, credentials_hash: str, token: str) -> None:
        self.writes.append("succeeded")
        self.kept = token

    async def failed(self, login: str, credentials_hash: str, why: str) -> None:
        self.writes.append(f"failed: {why}")
        self.kept = None

    async def unclear(self, login: str, credentials_hash: str, *, may_have_counted: bool) -> None:
        self.writes.append("unclear")

    async def drop(self, login: str, token: str) -> None:
        self.writes.append("drop")
        self.kept = None if token == self.kept else self.kept


class _Tokens(Wire):
    access_token: str
    expires_in: int | None = None
    refresh_token: str = ""


class Flow:
    """RFC 6749 in short. `person`: only a person can log in anew."""

    remedy = "the bank refused ({why}); log in there"

    def __init__(self, *, person: bool = False) -> None:
        self._person = person

    def request(self, refresh: str) -> Request | None:
        if not refresh and self._person:
            return None
        fields = {"refresh_token": refresh} if refresh else {"grant_type": "client_credentials"}
        body, content_type = form(fields)
        return Request("POST", TOKEN_PATH, body=body, content_type=content_type, once=True)

    def granted(self, body: str, asked_at: datetime) -> Grant | Unusable:
        found = read(_Tokens, body)
        if isinstance(found, Unusable):
            return found
        lives = found.expires_in
        ends = None if lives is None else asked_at + timedelta(seconds=lives)
        return Grant(found.access_token, ends, found.refresh_token)

    def refused(self, status: int, body: str) -> str | None:
        return "invalid_grant" if status in (400, 401) else None


def login(bank: Bank, book: LoginBook, clock: SteppedClock, flow: Flow | None = None) -> Login:
    return Login(
        "me",
        "secret",
        flow or Flow(),
        book=book,
        transport=bank.transport(clock),
        clock=clock,
    )
