"""What `import worker` costs, beside the libraries that it loads."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from typing import Final

_ROUNDS: Final = 21
#: What the first round compiles the others load, as wherever a worker is installed.
_COMPILED: Final = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}
#: A worker, and what it loads once it runs: the assembly imports that where it is used.
_WORKER: Final = (
    "import worker, starter.plugin, partners.currencycloud.client, "
    "partners.currencycloud.webhooks, temporalio.envconfig"
)
#: Names the modules of others that a worker has loaded, the outermost of each first.
_LOADED: Final = f"""
import sys
before = set(sys.modules)
{_WORKER}
ours = {{"activities", "assembly", "domain", "inbound", "messages", "partners", "process",
         "regimes", "settings", "starter", "store", "transport", "worker", "workers",
         "workflows"}}
print("\\n".join(name for name in sys.modules
      if name not in before and name.partition(".")[0] not in ours
      and getattr(sys.modules[name], "__spec__", None) is not None))
"""


def import_ratio() -> dict[str, float]:
    """Fresh processes import the worker, or only what it loads of others; seconds of a core."""
    found = subprocess.run(
        [sys.executable, "-c", _LOADED], check=True, capture_output=True, text=True
    )
    libraries = f"""
import importlib
for name in {found.stdout.split()!r}:
    try:
        importlib.import_module(name)
    except ImportError:
        pass  # Of a package that fills itself in while it is imported.
"""
    _seconds(_WORKER)
    # A machine is faster at one moment than at another: each pair is compared by itself.
    pairs = [(_seconds(_WORKER), _seconds(libraries)) for _ in range(_ROUNDS)]
    return {
        "import_ratio": statistics.median(worker / alone for worker, alone in pairs),
        "worker_seconds": statistics.median(worker for worker, _ in pairs),
        "libraries_seconds": statistics.median(alone for _, alone in pairs),
    }


def _seconds(program: str) -> float:
    timed = f"""
import time
started = time.process_time()
{program}
print(time.process_time() - started)
"""
    done = subprocess.run(
        [sys.executable, "-c", timed],
        check=True,
        capture_output=True,
        text=True,
        env=_COMPILED,
    )
    return float(done.stdout)
