"""What callers are told while Temporal is away. Here, so that to catch it loads no Temporal SDK."""

from __future__ import annotations

from domain.explained import Explained


class TemporalAway(Explained, ConnectionError):
    """Temporal or every worker is away; nothing is lost, the relay starts what is recorded."""
