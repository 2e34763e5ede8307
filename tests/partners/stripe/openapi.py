"""Schemas of the published OpenAPI file, whose hundred thousand lines take long to read whole."""

from __future__ import annotations

from functools import cache
from itertools import takewhile
from pathlib import Path
from typing import Any

import yaml


@cache
def properties(specs: Path, name: str) -> dict[str, Any]:
    """The properties of one schema."""
    (file,) = (specs / "stripe").glob("spec3.*.yaml")
    lines = file.read_text().splitlines()
    start = lines.index(f"    {name}:", lines.index("  schemas:"))
    block = takewhile(lambda line: not line or line.startswith("     "), lines[start + 1 :])
    found: dict[str, Any] = yaml.safe_load("\n".join(block))["properties"]
    return found
