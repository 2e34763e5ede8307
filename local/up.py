"""`finality up`: runs everything in one terminal, until Ctrl-C."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

from local.stack import Ports, Say, Stack
from process import stop_on_signals
from starter.peer import can_tell_users

_LOOK_SECONDS = 0.5


async def up(home: Path, ports: Ports, debtors: Mapping[str, Mapping[str, str]], say: Say) -> int:
    """Run the stack. A worker, inbound or API process that ends is reported, and is
    started again.

    Returns the exit code: 0 after Ctrl-C, 1 if the Temporal server ended.

    Raises:
        Explained: a part could not be started; see `Stack`.
    """
    stop = stop_on_signals()
    async with Stack(home, ports, debtors, say=say) as stack:
        say(f"Temporal UI  {stack.temporal.ui_url}")
        if can_tell_users():
            say(
                f"Codec        {stack.codec_url}  (decrypts for the UI; only this user may call it)"
            )
        else:
            say(f"Codec        {stack.codec_url}  (decrypts; enter it in the UI: glasses icon)")
        for number, partner in enumerate(stack.partners.values()):
            pays = ", which pays the files of --debtor" if number == 0 else ""
            say(f"Simulator    {partner.simulator.base_url}  ({partner.title}{pays})")
        say(f"Webhooks     http://127.0.0.1:{stack.ports.inbound}/webhooks")
        how = "make a key: finality api-key new --name NAME"
        say(f"API          http://127.0.0.1:{stack.ports.api}/v1  ({how})")
        say(f"Logs         {home / 'logs'}")
        say("In another terminal: finality pay FILE.   Ctrl-C ends everything in order.")
        while not stop.is_set():
            if (code := stack.worker.poll()) is not None:
                say(f"the worker ended with code {code}; starting it again")
                stack.start_worker()
            if (code := stack.inbound.poll()) is not None:
                say(f"the webhook receiver ended with code {code}; starting it again")
                stack.start_inbound()
            if (code := stack.api.poll()) is not None:
                say(f"the API ended with code {code}; starting it again")
                stack.start_api()
            if not stack.temporal.running:
                say(f"the Temporal server ended; its log is {stack.log('temporal')}")
                return 1
            try:
                await asyncio.wait_for(stop.wait(), _LOOK_SECONDS)
            except TimeoutError:
                continue
        say("stopping: the worker finishes the steps that it has begun")
    return 0
