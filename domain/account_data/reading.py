"""What is read next of the accounts of a consent."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import NamedTuple

from domain.account_data.answers import Access


class Ask(StrEnum):
    """What a step asks the bank for."""

    ACCOUNTS = "accounts"
    BALANCES = "balances"
    PAGE = "page"
    HEAD = "head"
    """A first page again: whether the list moved while it was read."""


@dataclass(frozen=True)
class Turn:
    """One reading that may be made now. `number` has to be given back with what it brought."""

    number: int
    bank: tuple[str, str]
    """The partner, and our account there."""
    ask: Ask
    access: Access
    account_id: str = ""
    reference: str = field(default="", repr=False)
    since: date | None = None
    cursor: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Rest:
    """Nothing is to be read before the moment. None: nothing is to be read any more."""

    until: datetime | None
    why: str


class FeedName(NamedTuple):
    """What the run of a feed is started with."""

    tenant: str
    consent_id: str
    partner: str
