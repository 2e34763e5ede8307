"""Who has to act next about a resource of any kind."""

from __future__ import annotations

from enum import StrEnum


class Whose(StrEnum):
    """Who has to act next."""

    US = "us"
    """A person on our side has to decide."""
    USER = "user"
    PARTNER = "partner"
    """The partner or our engine; no person has to do anything."""
    NOBODY = "nobody"
    """Nobody; at most, time has to pass."""
