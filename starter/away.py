"""Errors of a run that could not be notified. They are here so that catching them loads no SDK."""

from __future__ import annotations

from typing import Final

from domain.explained import Explained
from domain.lifecycle.notifying import NotNotified


class TemporalAway(Explained, ConnectionError):
    """Temporal or every worker is away. Nothing is lost: the relay starts what is recorded."""


#: After any of these the payment is recorded, and the relay notifies or starts its run later.
LEFT_TO_RELAY: Final = (TemporalAway, NotNotified)
