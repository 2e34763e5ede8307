"""Plays the histories of runs that wait for a payment's end, and saves them to be replayed.

When such a run does something new: `PYTHONPATH=clients/python python -m tests.starter.nexus.save`.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Final

from domain.ids import payment_end_id
from domain.payments.report import PaymentState
from process import run
from tests.replay.shapes import FOLDER as REPLAY
from tests.starter.nexus.shop import DOOR, Shop, next_week, order, shop_in
from tests.words import Word

FOLDER: Final = Path(__file__).parent / "histories"


async def _save(shop: Shop, name: str, payment_id: str) -> None:
    """The first run of those that waited for this payment."""
    handle = shop.ours.get_workflow_handle(payment_end_id(DOOR, "shop", payment_id))
    latest = await handle.describe()
    first = latest.raw_description.workflow_execution_info.first_run_id
    history = await shop.ours.get_workflow_handle(handle.id, run_id=first).fetch_history()
    (FOLDER / f"{name}.json").write_text(json.dumps(json.loads(history.to_json())) + "\n")
    sys.stdout.write(f"{name}: {len(history.events)} events\n")


async def _main() -> int:
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        async with shop_in(Path(folder), (REPLAY / "keyring").read_text()) as shop:
            shop.world.partner.lives["END"] = (Word("credited", PaymentState.FINAL),)
            ended = (await (await shop.buy("end", order("END"))).result()).payment
            assert ended is not None
            await _save(shop, "ended", ended["id"])
            buying = await shop.buy("stop", order("STOP", times=next_week(shop)))
            payment_id = await shop.recorded("stop")
            await buying.cancel()
            await buying.result()
            await _save(shop, "cancelled", payment_id)
            buying = await shop.buy("wait", order("WAIT", times=next_week(shop)))
            payment_id = await shop.recorded("wait")
            await shop.continued(payment_id)
            await _save(shop, "continued_as_new", payment_id)
    return 0


if __name__ == "__main__":
    run(_main())
