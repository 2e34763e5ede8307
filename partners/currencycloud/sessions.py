"""The login at Currencycloud. Four failed logins lock the account, so one waits for a person."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from domain.clock import Clock
from partners.currencycloud import error_bodies, wire
from partners.currencycloud.account import Account
from partners.interface import LoginBook
from partners.kit.content import form
from partners.kit.logins import Grant, Login
from partners.kit.wire import Unusable
from transport.exchange import Request
from transport.http import Transport

PATH: Final = "/v2/authenticate/api"


class Session(Login):
    """The token of one account, shared by all processes."""

    def __init__(
        self, account: Account, logins: LoginBook, transport: Transport, clock: Clock
    ) -> None:
        super().__init__(
            account.login,
            f"{account.login_id}\n{account.api_key.get_secret_value()}",
            _ApiKey(account),
            book=logins,
            transport=transport,
            clock=clock,
            header=("x-auth-token", ""),
        )


class _ApiKey:
    """An API key gets a token. The token lives while it is used, and nothing else renews it."""

    remedy = (
        "Currencycloud refused our login ({why}); check login_id and api_key, four refusals lock "
        "the account"
    )

    def __init__(self, account: Account) -> None:
        self._account = account

    def request(self, refresh: str) -> Request:
        account = self._account
        fields = {"login_id": account.login_id, "api_key": account.api_key.get_secret_value()}
        body, content_type = form(fields)
        return Request("POST", PATH, body=body, content_type=content_type, once=True)

    def granted(self, body: str, asked_at: datetime) -> Grant | Unusable:
        token = wire.read_token(body)
        return token if isinstance(token, Unusable) else Grant(token)

    def refused(self, status: int, body: str) -> str | None:
        refusal = error_bodies.read_refusal(body)
        if status == 401:
            return refusal.text if refusal else "status 401"
        return refusal.text if refusal and status in (400, 403) else None
