"""Plant every known-bad variant of the product, one at a time, and see it found.

Ends with 1 where one of them stays unseen. `python -m tests.proof.planted [NAME ...]`
"""

from __future__ import annotations

import argparse
import os
import sys
import time

from tests.proof.planted.hunt import WORLDS, hunted
from tests.proof.planted.registry import BUGS


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.proof.planted", description=__doc__)
    parser.add_argument("names", nargs="*", help="only these")
    parser.add_argument("--worlds", type=int, default=WORLDS, help="tried for each")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args()
    if unknown := sorted(set(given.names) - set(BUGS)):
        parser.error(f"there is no {', '.join(unknown)}; known: {', '.join(BUGS)}")
    chosen = [bug for bug in BUGS.values() if not given.names or bug.name in given.names]
    began, missed = time.monotonic(), 0
    for caught in hunted(chosen, given.processes, given.worlds):
        missed += not caught.is_caught
        found = caught.by if caught.is_caught else "NOT FOUND"
        after = f" after {caught.worlds} worlds" if caught.worlds else ""
        print(f"{caught.name}: {found}{after}\n    {caught.what}", flush=True)
    seconds = time.monotonic() - began
    print(f"{len(chosen) - missed} of {len(chosen)} planted bugs were found, {seconds:.0f} s")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
