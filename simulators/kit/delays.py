"""How long the partner takes for each stage, in seconds; stored in the book."""

from __future__ import annotations

import json
from collections.abc import Mapping

from simulators.kit.book import Book

_SETTING = "delays"
#: Before each reply.
LATENCY = "latency"


class Delays:
    """Seconds by stage.

    Args:
        usual: the partner's stages, with the seconds that a new book begins with.
    """

    def __init__(self, book: Book, usual: Mapping[str, float]) -> None:
        self._book = book
        self._seconds = {**usual, LATENCY: 0.0}
        kept = json.loads(book.setting(_SETTING) or "{}")
        self._seconds |= {name: kept[name] for name in kept if name in self._seconds}

    def __getitem__(self, stage: str) -> float:
        return self._seconds[stage]

    def change(self, seconds: Mapping[str, float]) -> None:
        """Change delays for objects that reach that stage from now on.

        Raises:
            ValueError: there is no such delay, or one is not a number; nothing changes.
        """
        unknown = sorted(set(seconds) - set(self._seconds))
        if unknown:
            known = ", ".join(self._seconds)
            raise ValueError(f"no such delay: {', '.join(unknown)}; there are {known}")
        self._seconds |= {name: float(each) for name, each in seconds.items()}
        self._book.keep_setting(_SETTING, json.dumps(self._seconds))

    def shown(self) -> dict[str, float]:
        return dict(self._seconds)
