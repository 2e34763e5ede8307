"""Where the processor's time of one payment goes: server, simulator, caller, and in the worker."""

from __future__ import annotations

import asyncio
import json
import subprocess
from uuid import uuid4

from benchmarks.sides import Product
from benchmarks.stand import Stand
from benchmarks.throughput import throughput


class Profiled(Product):
    """The product with a worker that tells its threads apart."""

    def start_worker(self, **environment: str) -> subprocess.Popen[bytes]:
        return self._stand.start(
            "benchmarks.profiled_worker", str(self._file), name="profiled", **environment
        )

    @property
    def _file(self) -> object:
        return self._stand.home / "profile.json"


async def profile(stand: Stand, payments: int) -> dict[str, dict[str, float]]:
    """Milliseconds of a core for one payment: by process, and of the worker by thread."""
    product = Profiled(stand)
    worker = product.start_worker()
    await product.until_over(await product.pay(f"warm-{uuid4().hex[:8]}"))
    measured = await throughput(stand, product, payments)
    await stand.stop(worker)
    text = await asyncio.to_thread((stand.home / "profile.json").read_text)
    parts = {name: 1000 * seconds / payments for name, seconds in json.loads(text).items()}
    return {"processes": measured.cpu_ms, "worker": parts}
