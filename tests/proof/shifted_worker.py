"""A worker process whose clock is wrong by as many seconds as a file says now."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import assembly
from cli import main


def _shifted(_: assembly.MachineClock) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=float(_FILE.read_text()))


if __name__ == "__main__":
    _FILE = Path(sys.argv.pop(1))
    assembly.MachineClock.now = _shifted  # type: ignore[method-assign,assignment]
    main()
