"""How long a call waits for a payment, and when it has waited enough."""

from __future__ import annotations

import time
from collections.abc import Collection
from datetime import timedelta

from finality_client.answers import Payment
from finality_client.calls import POLL_SECONDS_MAX
from finality_client.errors import WaitedTooLong


class Waiting:
    """One wait, by this machine's monotonic clock.

    Args:
        states: those to wait for; none: until nothing more is owed.
    """

    def __init__(self, states: Collection[str], within: timedelta) -> None:
        self._states = frozenset(states)
        self._within = within
        self._ends = time.monotonic() + within.total_seconds()

    def is_over(self, payment: Payment) -> bool:
        """Whether it is in one of the states, or will come to none of them.

        Raises:
            WaitedTooLong: neither, and the time is over.
        """
        if payment.state in self._states or payment.is_over:
            return True
        if time.monotonic() >= self._ends:
            wanted = ", ".join(sorted(self._states)) or "over"
            raise WaitedTooLong(
                f"{payment.id} is {payment.state}, and not {wanted}, after "
                f"{self._within.total_seconds():g} s. It goes on by itself; ask again later.",
                payment,
            )
        return False

    @property
    def seconds(self) -> int:
        """How long the next poll may last."""
        left = self._ends - time.monotonic()
        return max(1, min(POLL_SECONDS_MAX, round(left)))
