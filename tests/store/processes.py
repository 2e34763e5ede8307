"""Meeting of several processes, so that they do one thing at the same moment."""

from __future__ import annotations

import os
import uuid
from pathlib import Path
from typing import Final

from tests.polling import until

#: Each of them imports the product first, which takes long on a machine that is busy.
_MEET_SECONDS: Final = 90


def together(folder: Path, count: int) -> None:
    """Return once `count` callers are here."""
    folder.mkdir(exist_ok=True)
    (folder / f"{os.getpid()}-{uuid.uuid4().hex}").touch()
    until(
        lambda: len(list(folder.iterdir())) >= count,
        f"{count} processes in {folder.name}",
        _MEET_SECONDS,
    )
