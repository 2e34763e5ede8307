"""What `import worker` costs, beside the libraries that it loads."""

from __future__ import annotations

import statistics
import subprocess
import sys
from typing import Final

_ROUNDS: Final = 9
#: Names the modules of others that a worker has loaded, the outermost of each first.
_LOADED: Final = """
import sys
before = set(sys.modules)
import worker
ours = {"activities", "assembly", "domain", "inbound", "messages", "partners", "process",
        "regimes", "settings", "starter", "store", "transport", "worker", "workflows"}
print("\\n".join(name for name in sys.modules
      if name not in before and name.partition(".")[0] not in ours
      and getattr(sys.modules[name], "__spec__", None) is not None))
"""


def import_ratio() -> dict[str, float]:
    """Fresh processes import the worker, or only what it loads of others; seconds, medians."""
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
    mine, others = [], []
    for _ in range(_ROUNDS):
        mine.append(_seconds("import worker"))
        others.append(_seconds(libraries))
    worker, alone = statistics.median(mine), statistics.median(others)
    return {
        "import_ratio": worker / alone,
        "worker_seconds": worker,
        "libraries_seconds": alone,
    }


def _seconds(program: str) -> float:
    timed = f"""
import time
started = time.perf_counter()
{program}
print(time.perf_counter() - started)
"""
    done = subprocess.run([sys.executable, "-c", timed], check=True, capture_output=True, text=True)
    return float(done.stdout)
