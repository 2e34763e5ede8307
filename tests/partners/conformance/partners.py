"""The partners that the suite runs for: each that has a file `words.py` among its tests."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Final

from tests.partners.conformance.words import Words


def _of_each_partner() -> Iterator[Words]:
    for file in sorted(Path(__file__).parents[1].glob("*/words.py")):
        if file.parent != Path(__file__).parent:
            yield from import_module(f"tests.partners.{file.parent.name}.words").WORDS


WORDS: Final = tuple(_of_each_partner())
