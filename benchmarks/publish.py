"""Puts what `make bench` measured into the README and docs: `python -m benchmarks.publish`."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Final

from benchmarks.report import as_markdown, goals

_ROOT: Final = Path(__file__).parents[1]
_OUT: Final = _ROOT / "benchmarks" / "out"
_DOCS: Final = _ROOT / "docs"
_BEGIN: Final = "<!-- bench: written by `python -m benchmarks.publish` -->"
_END: Final = "<!-- end of bench -->"


def publish() -> None:
    """Replace what stands between the marks, and the pictures beside the page."""
    result = json.loads((_OUT / "bench.json").read_text())
    _put(_ROOT / "README.md", goals(result))
    _put(_DOCS / "benchmarks.md", as_markdown(result))
    pictures = _DOCS / "benchmarks"
    pictures.mkdir(exist_ok=True)
    for picture in sorted(_OUT.glob("*.svg")):
        shutil.copy(picture, pictures)
    shutil.copy(_OUT / "bench.json", pictures)


def _put(page: Path, words: str) -> None:
    before, _, rest = page.read_text().partition(_BEGIN)
    _, found, after = rest.partition(_END)
    if not found:
        raise LookupError(f"{page} lacks the marks {_BEGIN} and {_END}")
    page.write_text(f"{before}{_BEGIN}\n\n{words.strip()}\n\n{_END}{after}")


if __name__ == "__main__":
    publish()
