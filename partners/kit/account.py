"""The settings that an account with any partner has."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Final, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    SecretStr,
    field_validator,
    model_validator,
)

from domain.lifecycle.places import place
from domain.lifecycle.profile import Profile
from transport.address import checked_address, is_this_machine

_NUMBER: Final = re.compile(r"\d+(\.\d+)?", re.ASCII)


def _seconds(given: object) -> object:
    """A number in a variable is text, and means seconds as a number in the file does."""
    return float(given) if isinstance(given, str) and _NUMBER.fullmatch(given) else given


Time = Annotated[timedelta, BeforeValidator(_seconds)]


class PartnerAccount(BaseModel):
    """One of our accounts with a partner. The partner's own model adds how to log in.

    `simulated` says that no real money is behind it; only then may a file's dates be shifted
    with `--as-of`. The times override the partner's profile, for simulators and tests.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    base_url: str
    """https and the host of the partner's API; http only for simulators on this machine"""
    book: str | None = None
    """identifies a simulator's book, whatever its port; written by `finality up`"""
    simulated: bool = False
    """true if no real money is behind it; allowed only at an address of this machine"""
    write_within: Time | None = None
    """time within which a request's bytes must have left; overrides the profile"""
    answer_within: Time | None = None
    """time within which the answer must have come; overrides the profile"""
    watch: Time | None = None
    """how long a settled payment is watched for returns; overrides the profile"""

    @property
    def webhook_secrets(self) -> tuple[SecretStr, ...]:
        """The secrets that verify webhooks. Empty: none is accepted."""
        return ()

    def overriding(self, profile: Profile, login: str) -> Profile:
        """The partner's profile for this account: its place, and the times that it overrides.

        Args:
            login: the login's own name, which tells one customer of the partner from another.
        """
        times = {"write_within": self.write_within, "answer_within": self.answer_within}
        given = {name: value for name, value in times.items() if value is not None}
        operations = {
            kind: operation.model_copy(update=given)
            for kind, operation in profile.operations.items()
        }
        watch = profile.watch if self.watch is None else dict.fromkeys(profile.watch, self.watch)
        environment = place(self.base_url, login, self.book)
        changed = {"environment": environment, "operations": operations, "watch": watch}
        return profile.model_copy(update=changed)

    @field_validator("base_url")
    @classmethod
    def _safe(cls, url: str) -> str:
        checked_address(url)
        return url

    @model_validator(mode="after")
    def _simulated_means_here(self) -> Self:
        # Settings of several sources are merged: a flag left over from a simulator must not
        # stick to a bank's address.
        host = checked_address(self.base_url).hostname or ""
        if self.book is not None and not self.simulated:
            raise ValueError("book is for simulated accounts only; leave it out")
        if self.simulated and not is_this_machine(host):
            raise ValueError(
                f"simulated = true is only for an address of this machine, and {host} is none"
            )
        return self
