"""Activities run as a worker would run them, begun by a server whose clock is the test's."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

from temporalio.testing import ActivityEnvironment

from domain.clock import Clock


def performing(server: Clock, *, late: timedelta = timedelta(0)) -> ActivityEnvironment:
    """For one activity that the server dispatches now, or did so a while ago."""
    environment = ActivityEnvironment()
    environment.info = dataclasses.replace(
        environment.info,
        started_time=server.now() - late,
        start_to_close_timeout=timedelta(minutes=3),
    )
    return environment
