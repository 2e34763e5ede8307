"""The error raised while Temporal is away. It is here so that catching it loads no Temporal SDK."""

from __future__ import annotations

from domain.explained import Explained


class TemporalAway(Explained, ConnectionError):
    """Temporal or every worker is away. Nothing is lost: the relay starts what is recorded."""
