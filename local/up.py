"""`finality up`: everything in one terminal, until Ctrl-C."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

from local.stack import Ports, Stack, Tell
from process import stop_on_signals
from starter.peer import can_tell_users

_LOOK_SECONDS = 0.5


async def up(home: Path, ports: Ports, debtors: Mapping[str, Mapping[str, str]], tell: Tell) -> int:
    """Run the stack; a worker that dies is started again and said so."""
    stop = stop_on_signals()
    async with Stack(home, ports, debtors, tell=tell) as stack:
        tell(f"Temporal UI  {stack.temporal.ui_url}")
        if can_tell_users():
            tell(f"Codec        {stack.codec_url}  (the UI has it; only this user may ask)")
        else:
            tell(f"Codec        {stack.codec_url}  (enter it in the UI: the glasses, top right)")
        tell(f"Simulator    {stack.simulator.base_url}  (Currencycloud)")
        tell(f"Webhooks     http://127.0.0.1:{stack.ports.inbound}/webhooks")
        tell(f"Logs         {home / 'logs'}")
        tell("In another terminal: finality pay FILE.   Ctrl-C ends everything in order.")
        while not stop.is_set():
            if (code := stack.worker.poll()) is not None:
                tell(f"the worker ended with code {code}; starting it again")
                stack.start_worker()
            if (code := stack.inbound.poll()) is not None:
                tell(f"what takes webhooks ended with code {code}; starting it again")
                stack.start_inbound()
            if not stack.temporal.running:
                tell(f"the Temporal server ended; its log is {stack.log('temporal')}")
                return 1
            try:
                await asyncio.wait_for(stop.wait(), _LOOK_SECONDS)
            except TimeoutError:
                continue
        tell("stopping: the worker finishes the steps in hand")
    return 0
