"""`python -m tests.replay.save [NAME…]` plays the shapes on a real server and saves histories.

Save a shape anew only when it is new: an old history is what running payments have.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from temporalio.client import Client

from process import run
from starter.plugin import plugin
from tests.replay.shapes import HISTORIES, KEYRING, SHAPES, Shape
from tests.servers import dev_server


async def _save(name: str, shape: Shape) -> None:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        server = await dev_server(home / "log", suggests_new_run_after=shape.suggests_new_run_after)
        try:
            # An identity of its own: the default is a process number and this machine's name.
            client = await Client.connect(
                server.address, identity="saved", plugins=[plugin(KEYRING)]
            )
            async with shape.place(
                home, server.address, of=shape.of, client=client, keyring=KEYRING
            ) as made:
                await made.work()
                workflow_id = await shape.live(made)
                latest = await client.get_workflow_handle(workflow_id).describe()
                first = latest.raw_description.workflow_execution_info.first_run_id
                handle = client.get_workflow_handle(workflow_id, run_id=first)
                history = await handle.fetch_history()
        finally:
            server.kill()
    (HISTORIES / f"{name}.json").write_text(json.dumps(json.loads(history.to_json())) + "\n")
    sys.stdout.write(f"{name}: {len(history.events)} events\n")


async def _main(names: list[str]) -> int:
    for name in names or SHAPES:
        await _save(name, SHAPES[name])
    return 0


if __name__ == "__main__":
    run(_main(sys.argv[1:]))
