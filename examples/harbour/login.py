"""The login: our id and secret get a token that ends; nothing else renews it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from examples.harbour import wire
from examples.harbour.account import HarbourAccount
from partners.kit.content import json_object
from partners.kit.logins import Grant, Login
from partners.kit.wire import Unusable, read
from partners.kit.workplace import Workplace
from transport.exchange import Request
from transport.http import Transport

PATH: Final = "/token"


class Session(Login):
    """The token of one account, shared by all processes."""

    def __init__(
        self, name: str, account: HarbourAccount, workplace: Workplace, transport: Transport
    ) -> None:
        secret = account.client_secret.get_secret_value()
        super().__init__(
            name,
            f"{account.client_id}\n{secret}",
            _Secret(account.client_id, secret),
            book=workplace.logins,
            transport=transport,
            clock=workplace.clock,
        )


class _Secret:
    remedy = "the bank refused our login ({why}); check client_id and client_secret"

    def __init__(self, client_id: str, secret: str) -> None:
        self._fields = {"client_id": client_id, "client_secret": secret}

    def request(self, refresh: str) -> Request:
        body, content_type = json_object(self._fields)
        return Request("POST", PATH, body=body, content_type=content_type, once=True)

    def granted(self, body: str, asked_at: datetime) -> Grant | Unusable:
        token = read(wire.Token, body)
        if isinstance(token, Unusable):
            return token
        return Grant(token.access_token, asked_at + timedelta(seconds=token.expires_in))

    def refused(self, status: int, body: str) -> str | None:
        refusal = read(wire.Refusal, body)
        if status not in (400, 401) or isinstance(refusal, Unusable):
            return None
        return refusal.error.replace("_", " ")
