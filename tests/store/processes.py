"""Meeting of several processes, so that they do one thing at the same moment."""

from __future__ import annotations

import os
import uuid
from pathlib import Path

from tests.polling import until


def together(folder: Path, count: int) -> None:
    """Return once `count` callers are here."""
    folder.mkdir(exist_ok=True)
    (folder / f"{os.getpid()}-{uuid.uuid4().hex}").touch()
    until(lambda: len(list(folder.iterdir())) >= count, f"{count} processes in {folder.name}")
