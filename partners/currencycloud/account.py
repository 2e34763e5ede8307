"""What the adapter needs to know of one of our accounts with Currencycloud."""

from __future__ import annotations

from datetime import timedelta
from typing import Protocol

from pydantic import SecretStr


class Account(Protocol):
    """Where it is and how to log in; the times override the profile where they are given."""

    @property
    def base_url(self) -> str: ...
    @property
    def login_id(self) -> str: ...
    @property
    def former_login_ids(self) -> tuple[str, ...]:
        """Of the same customer, in use no more: payments given with them are still ours."""

    @property
    def book(self) -> str | None:
        """What a simulator's book is known by; None of a bank."""

    @property
    def login(self) -> str:
        """What the login book calls it: not the same for two environments of theirs."""

    @property
    def api_key(self) -> SecretStr: ...
    @property
    def write_within(self) -> timedelta | None: ...
    @property
    def answer_within(self) -> timedelta | None: ...
    @property
    def watch(self) -> timedelta | None: ...
