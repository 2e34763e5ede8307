"""Turns to read: how the reads of many resources share a partner's quota.

A login has two lines, each with half of the requests that its quota leaves for reads. The soon
line is for reads that somebody waits for: the first ones of a state, and those that news causes.
The late line is for resources that have been in a state for a while. However long the late line
is, a new resource's first reads do not wait behind it. A resource that is watched for returns is in
no line until its one read at the end of the watch.

A line is one moment, up to which its share is given away. So a turn costs the same however many
resources wait. Counting the resources that wait was refused, because its cost grows with their
number. A line never gives more turns in a window than its share.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Final, NamedTuple

from pydantic import AwareDatetime, BaseModel, ConfigDict

from domain.lifecycle.profile import Quota

#: How many reads of one state are in the soon line: by the usual pauses, those of its first minute.
FIRST_READS: Final = 6
#: This part of a line's share (one in four) may be taken at once after the line was idle. So reads
#: of a few resources that come at the same time do not wait for each other.
_BURST: Final = 4


class Line(StrEnum):
    """Which of a login's two lines a read waits in."""

    SOON = "soon"
    LATE = "late"


class ReadTurn(BaseModel):
    """When a resource may be read, if it may not be read at once."""

    model_config = ConfigDict(frozen=True)

    at: AwareDatetime
    line: Line


class Lines(NamedTuple):
    """A login's lines: up to when the share of each is given away."""

    soon: datetime
    late: datetime


class Given(NamedTuple):
    """A turn, and the lines after it."""

    at: datetime
    lines: Lines


def give(quota: Quota, lines: Lines, line: Line, now: datetime) -> Given:
    """The next turn for a resource of that line, from `now` on.

    Neither share is wasted. A read of the soon line takes the earlier turn of both lines. A late
    read takes a turn of the soon line only if that line has been idle for a while.
    """
    soon, soon_until = _next(quota, lines.soon, now)
    late, late_until = _next(quota, lines.late, now)
    if soon <= late if line is Line.SOON else lines.soon <= now:
        return Given(soon, lines._replace(soon=soon_until))
    return Given(late, lines._replace(late=late_until))


def _next(quota: Quota, until: datetime, now: datetime) -> tuple[datetime, datetime]:
    """A line's next turn, and up to when the line's share is given away if that turn is taken."""
    share = max(quota.reads // len(Line), 1)
    burst = share // _BURST
    each = quota.window / (share - burst)
    until = max(until, now)
    return max(now, until - burst * each), until + each
