"""What the adapter needs to know of one of our accounts with Currencycloud."""

from __future__ import annotations

from datetime import timedelta
from typing import Protocol

from pydantic import SecretStr


class Account(Protocol):
    """Where the account is and how to log in. A time that is given overrides the profile's."""

    @property
    def base_url(self) -> str: ...
    @property
    def login_id(self) -> str: ...
    @property
    def former_login_ids(self) -> tuple[str, ...]:
        """Earlier logins of the same customer; payments made with them are still ours."""

    @property
    def book(self) -> str | None:
        """Identifies a simulator's book; None for a real bank."""

    @property
    def login(self) -> str:
        """The login's name in the login book; it differs between environments of theirs."""

    @property
    def api_key(self) -> SecretStr: ...
    @property
    def write_within(self) -> timedelta | None: ...
    @property
    def answer_within(self) -> timedelta | None: ...
    @property
    def watch(self) -> timedelta | None: ...
