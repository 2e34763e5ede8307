"""The retry schedule of webhooks, and when an endpoint is given up."""

from __future__ import annotations

import re
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.webhooks import (
    DELAYS,
    FAILURES_OF_ONE,
    HEALTHY,
    JITTER_MAX,
    NOTICE,
    PAUSE_MAX,
    TRIES_MAX,
    WARNED_AFTER,
    after_failure,
)
from tests.clock import START


def test_the_schedule_is_that_of_the_specification(specs: Path) -> None:
    text = (specs / "standard-webhooks" / "standard-webhooks.md").read_text()
    elapsed = re.findall(r"^\| [^|]+\| (\d+):(\d+):(\d+) +\|$", text, re.MULTILINE)
    starts = [timedelta(hours=int(h), minutes=int(m), seconds=int(s)) for h, m, s in elapsed]
    assert len(starts) == TRIES_MAX
    assert [later - earlier for earlier, later in pairwise(starts)] == [*DELAYS]


def test_a_single_delivery_to_a_dead_endpoint_warns_a_day_before_it_is_disabled() -> None:
    health, now, warned, tries = HEALTHY, START, None, 0
    while True:
        tries += 1
        after = after_failure(health, tries, now, retry_after=None, jitter=1)
        if after.warns:
            assert warned is None
            warned = now
        if after.disables:
            break
        assert after.next_at is not None, "disabled before its last delivery is given up"
        assert after.health.retry_at is not None
        health, now = after.health, max(after.next_at, after.health.retry_at)
    assert warned is not None
    assert now - warned >= NOTICE
    assert now - START >= WARNED_AFTER + NOTICE
    assert tries == TRIES_MAX


@given(st.integers(1, TRIES_MAX), st.floats(0, 1), st.integers(0, 10**6))
def test_a_retry_is_never_earlier_than_the_schedule_or_the_receiver_asks(
    tries: int, jitter: float, asked: int
) -> None:
    after = after_failure(
        HEALTHY, tries, START, retry_after=timedelta(seconds=asked), jitter=jitter
    )
    if tries == TRIES_MAX:
        assert after.next_at is None
        return
    least = max(DELAYS[tries - 1], min(timedelta(seconds=asked), PAUSE_MAX))
    assert after.next_at is not None
    assert least <= after.next_at - START <= max(least, DELAYS[tries - 1] * (1 + JITTER_MAX))
    assert after.health.retry_at is not None
    assert after.health.retry_at - START >= min(timedelta(seconds=asked), PAUSE_MAX)


@pytest.mark.parametrize("failures", range(1, 12))
def test_an_endpoint_that_fails_is_tried_at_most_every_half_hour(failures: int) -> None:
    health = HEALTHY
    for _ in range(failures):
        health = after_failure(health, 1, START, retry_after=None, jitter=0).health
    assert health.retry_at is not None
    pause = health.retry_at - START
    assert health.is_failing is (failures >= FAILURES_OF_ONE)
    assert pause == (
        timedelta(seconds=5) if failures < FAILURES_OF_ONE
        else timedelta(minutes=5) if failures == FAILURES_OF_ONE
        else timedelta(minutes=30)
    )  # fmt: skip
