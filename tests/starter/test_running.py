"""A program that ends while it waits for first news ends silently."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from datetime import timedelta
from typing import Any, cast

import pytest
import uvloop
from temporalio.client import Client, WorkflowUpdateRPCTimeoutOrCancelledError
from temporalio.service import RPCError, RPCStatusCode

from starter.running import Running


class Slow:
    """Answers an update as the SDK's client does: its error also goes into the run's handle."""

    def __init__(self, error: RPCError | None) -> None:
        self._error = error

    async def execute_update_with_start_workflow(
        self, *_: Any, start_workflow_operation: Any, **__: Any
    ) -> None:
        handle = start_workflow_operation._workflow_handle
        try:
            if self._error is not None:
                raise self._error
            await asyncio.Event().wait()
        except asyncio.CancelledError as error:
            handle.set_exception(error)
            raise WorkflowUpdateRPCTimeoutOrCancelledError from error
        except RPCError as error:
            handle.set_exception(error)
            raise


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
@pytest.mark.parametrize("error", [None, RPCError("away", RPCStatusCode.UNAVAILABLE, b"")])
def test_the_end_of_a_program_that_waits_for_first_news_reports_no_error(
    loop: Callable[[], asyncio.AbstractEventLoop], error: RPCError | None
) -> None:
    reported: list[dict[str, Any]] = []

    async def program() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, said: reported.append(said))
        running = Running(cast(Client, Slow(error)))
        news = await running.first_news("shop", "pay_1", patience=timedelta(milliseconds=20))
        assert news is None

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(program())
    gc.collect()
    assert reported == []
