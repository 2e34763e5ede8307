"""What a regime demands of a consent. The values are in `regimes/consents.py`.

A consent keeps the terms it was accepted with, so a new law does not change what already runs.
"""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum

from pydantic import BaseModel, ConfigDict


class Renewal(StrEnum):
    """How a consent goes on after the time for which one authentication counts."""

    SAME = "same"
    """The user authenticates again, for the same consent at the partner."""
    NEW_CONSENT = "new_consent"
    """A new consent is asked for. It supersedes the old one once the user has authorised it."""
    AT_TPP = "at_tpp"
    """The user confirms it with us. The partner is not asked, and goes on calling it authorised."""


class ConsentTerms(BaseModel):
    """The rules of one regime from one day on.

    Attributes:
        regime: its name in `regimes/consents.py`.
        reauthenticate_after: how long one authentication, or one confirmation with us, counts.
        renewal: how the consent goes on after that.
        unattended_per_day: how often a day data may be read without the user being there.
        notices: how long before its end people are asked to renew it, the longest first.
    """

    model_config = ConfigDict(frozen=True)

    regime: str
    reauthenticate_after: timedelta | None
    renewal: Renewal
    unattended_per_day: int
    notices: tuple[timedelta, ...] = ()
