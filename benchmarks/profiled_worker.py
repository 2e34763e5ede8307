"""The product's worker, which at its end writes down which of its threads used the processor."""

from __future__ import annotations

import argparse
import json
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from process import run
from settings import Settings
from worker import work

_submit = ThreadPoolExecutor.submit


class Pools:
    """Seconds of a core, by the name of the pool whose thread used them."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self._lock = threading.Lock()

    def follow(self) -> None:
        """From now on."""
        pools = self

        def submit(
            pool: ThreadPoolExecutor, function: Callable[..., Any], /, *args: Any, **named: Any
        ) -> Future[Any]:
            return _submit(pool, pools._timed, pool, function, args, named)

        ThreadPoolExecutor.submit = submit  # type: ignore[method-assign, assignment]

    def _timed(
        self,
        pool: ThreadPoolExecutor,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        named: dict[str, Any],
    ) -> Any:
        started = time.thread_time()
        try:
            return function(*args, **named)
        finally:
            used = time.thread_time() - started
            with self._lock:
                self.seconds[pool._thread_name_prefix or ""] += used


async def _main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.profiled_worker")
    parser.add_argument("result", type=Path)
    given = parser.parse_args()
    pools = Pools()
    pools.follow()
    loop_before, all_before = time.thread_time(), time.process_time()
    code = await work(Settings())
    loop, everything = time.thread_time() - loop_before, time.process_time() - all_before
    store = sum(used for name, used in pools.seconds.items() if name.startswith("store-"))
    workflows = sum(used for name, used in pools.seconds.items() if "workflow" in name)
    parts = {
        "store": store,
        "workflows": workflows,
        "event loop: steps, HTTP, encryption": loop,
    }
    parts["native core of the SDK, and the rest"] = everything - sum(parts.values())
    given.result.write_text(json.dumps(parts))
    return code


if __name__ == "__main__":
    run(_main())
