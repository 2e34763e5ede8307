"""Turns to read: the share of each line, and how many payments get along with it."""

from __future__ import annotations

import heapq
from bisect import bisect_left
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.lifecycle.profile import Quota
from domain.lifecycle.turns import FIRST_READS, Line, Lines, give
from tests.domain.samples import HOUR, MINUTE, NOW, SECOND

#: Of Currencycloud's production.
QUOTA = Quota(requests=500, window=MINUTE, reads=200)


def most_in_a_window(moments: list[datetime], window: timedelta) -> int:
    """The most of these, in order of time, that lie in one window, wherever it begins."""
    return max(
        bisect_left(moments, begin + window) - position for position, begin in enumerate(moments)
    )


@given(
    reads=st.integers(2, 400),
    window=st.sampled_from([SECOND, MINUTE, HOUR]),
    asked=st.lists(
        st.tuples(st.sampled_from([0, 0, 0, 1, 10, 200, 5_000]), st.sampled_from(Line)),
        min_size=1,
        max_size=300,
    ),
)
def test_in_no_window_are_there_more_turns_than_the_quota_leaves_for_reads(
    reads: int, window: timedelta, asked: list[tuple[int, Line]]
) -> None:
    quota = Quota(requests=2 * reads, window=window, reads=reads)
    lines, turns, elapsed = Lines(NOW, NOW), [], 0
    for pause, line in asked:
        elapsed += pause
        now = NOW + window * elapsed / 1_000
        at, lines = give(quota, lines, line, now)
        assert at >= now
        turns.append(at)
    assert most_in_a_window(sorted(turns), window) <= reads


def test_a_few_reads_that_come_together_wait_for_nobody() -> None:
    lines = Lines(NOW, NOW)
    for _ in range(25):
        at, lines = give(QUOTA, lines, Line.SOON, NOW)
        assert at == NOW


@pytest.mark.parametrize("line", Line)
def test_payments_of_one_line_alone_use_the_share_of_the_other_too(line: Line) -> None:
    lines, turns = Lines(NOW, NOW), []
    for second in range(600):
        for _ in range(2):
            at, lines = give(QUOTA, lines, line, NOW + second * SECOND)
            turns.append(at)
    assert turns[-1] - NOW < 605 * SECOND, "two a second are less than the three that they may be"


@pytest.mark.parametrize("waiting", [14_000, 100_000])
def test_a_new_payment_is_read_on_time_however_many_wait_for_late_turns(waiting: int) -> None:
    """Each of them asks for its next turn a quarter of an hour after its last read."""
    pause, noon = 15 * MINUTE, NOW + 3 * HOUR
    asks = [(NOW + pause * number / waiting, number) for number in range(waiting)]
    lines, reads, delays = Lines(NOW, NOW), [], []
    first_reads = [noon + (2**number - 1) * SECOND for number in range(1, FIRST_READS + 1)]
    while (asked := heapq.heappop(asks))[0] < noon + HOUR:
        now, number = asked
        while first_reads and first_reads[0] <= now:
            at, lines = give(QUOTA, lines, Line.SOON, first_reads[0])
            delays.append(at - first_reads.pop(0))
            reads.append(at)
        at, lines = give(QUOTA, lines, Line.LATE, now)
        reads.append(at)
        heapq.heappush(asks, (at + pause, number))
    assert delays == [timedelta(0)] * FIRST_READS
    reads.sort()
    assert most_in_a_window(reads, QUOTA.window) <= QUOTA.reads
    per_window = bisect_left(reads, noon) * QUOTA.window / (3 * HOUR)
    assert per_window > 0.7 * QUOTA.reads, "the share is used"
