"""When a webhook of ours is sent again, and when its endpoint is given up. Pure.

Each delivery has the retry schedule of the Standard Webhooks specification, which spans three days.
An endpoint has a state of health beside it. While it fails, at most one delivery is tried every
half hour, however many wait, so the order of events is kept and nothing is used up. A delivery
that fails alone, while others succeed, holds up the later ones only for its first short retries.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final, NamedTuple

#: The kind of resource that an endpoint is in the list of events.
ENDPOINT_KIND: Final = "webhook_endpoint"
#: The type of the event that `test` sends. It is in no list of events.
TEST_TYPE: Final = "webhook_endpoint.test"
#: The pauses between the attempts of one delivery (Standard Webhooks, "Deliverability").
DELAYS: Final = (
    timedelta(seconds=5), timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=2),
    timedelta(hours=5), timedelta(hours=10), timedelta(hours=14), timedelta(hours=20),
    timedelta(hours=24),
)  # fmt: skip
TRIES_MAX: Final = len(DELAYS) + 1
#: After this time without any success people are told, and after the notice it is disabled.
WARNED_AFTER: Final = timedelta(hours=48)
NOTICE: Final = timedelta(hours=24)
#: Longest pause that a receiver's `Retry-After` can ask for.
PAUSE_MAX: Final = timedelta(hours=24)
#: After so many failures in a row the endpoint, and not one delivery, is what fails.
FAILURES_OF_ONE: Final = 3
#: The pauses of an endpoint that fails; the last one repeats.
_ENDPOINT_PAUSES: Final = (DELAYS[0],) * (FAILURES_OF_ONE - 1) + DELAYS[1:3]
#: How long a delivery is kept after it was accepted, and after it was given up: then it is one that
#: people may still want to send again.
DELIVERED_KEPT: Final = timedelta(days=30)
DEAD_KEPT: Final = timedelta(days=90)
#: Random part that is added to each pause, so that retries do not come all at once.
JITTER_MAX: Final = 0.1


class EndpointChange(StrEnum):
    """What events say about an endpoint: `webhook_endpoint.failing`."""

    FAILING = "failing"
    """Nothing has reached it for two days; it is disabled a day later."""
    RECOVERED = "recovered"
    """It answered after it was said to fail."""
    DISABLED = "disabled"
    ENABLED = "enabled"
    DELETED = "deleted"


class Disabled(StrEnum):
    """Why an endpoint is disabled."""

    ASKED = "asked"
    FAILING = "failing"
    GONE = "gone"
    """It answered 410."""
    DELETED = "deleted"
    """For good. It is shown no more; what was sent to it is, until that is cleaned up."""


def wanted(types: Collection[str], event_type: str) -> bool:
    """Whether these types include one. `payment.*` stands for all of payments, none for all."""
    kind, _, _ = event_type.partition(".")
    return not types or event_type in types or f"{kind}.*" in types


@dataclass(frozen=True)
class Health:
    """How an endpoint has answered of late."""

    failures: int = 0
    """Attempts in a row that failed."""
    failing_since: datetime | None = None
    warned_at: datetime | None = None
    """When people were told that it will be disabled."""
    retry_at: datetime | None = None
    """Nothing is sent before this moment."""

    @property
    def is_failing(self) -> bool:
        """Whether the endpoint fails, and not one delivery alone."""
        return self.failures >= FAILURES_OF_ONE

    @property
    def disable_at(self) -> datetime | None:
        """From when the next failure disables it."""
        return None if self.warned_at is None else self.warned_at + NOTICE


HEALTHY: Final = Health()


class AfterFailure(NamedTuple):
    """What follows from a failed attempt."""

    health: Health
    next_at: datetime | None
    """When the delivery is tried again; None: it is given up."""
    warns: bool
    """Tell people now that the endpoint will be disabled."""
    disables: bool


def after_failure(
    health: Health, tries: int, now: datetime, *, retry_after: timedelta | None, jitter: float
) -> AfterFailure:
    """Decide what follows from an attempt that failed.

    Args:
        tries: attempts of this delivery so far, this one included.
        retry_after: what the receiver asked for.
        jitter: between 0 and 1, random.
    """
    asked = min(retry_after or timedelta(0), PAUSE_MAX)
    failures = health.failures + 1
    since = health.failing_since or now
    pause = _ENDPOINT_PAUSES[min(failures, len(_ENDPOINT_PAUSES)) - 1]
    next_at = None
    if tries < TRIES_MAX:
        next_at = now + max(DELAYS[tries - 1] * (1 + JITTER_MAX * jitter), asked)
    warns = health.warned_at is None and now - since >= WARNED_AFTER
    return AfterFailure(
        Health(
            failures=failures,
            failing_since=since,
            warned_at=now if warns else health.warned_at,
            retry_at=now + max(pause, asked),
        ),
        next_at,
        warns=warns,
        disables=health.disable_at is not None and now >= health.disable_at,
    )


#: Texts of `Disabled` for people.
WHY_DISABLED: Final[Mapping[Disabled, str]] = MappingProxyType(
    {
        Disabled.ASKED: "it was asked for",
        Disabled.FAILING: "nothing reached it for three days",
        Disabled.GONE: "it answered 410 Gone",
        Disabled.DELETED: "it was deleted",
    }
)
