"""The page about specifications names what the tests read, so that a stranger can download it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
_READ: Final = re.compile(r'\bspecs / "([\w-]+)')


def test_the_page_names_every_folder_of_specifications_that_a_test_reads() -> None:
    page = (ROOT / "docs" / "specifications.md").read_text()
    read = {
        folder
        for test in (ROOT / "tests").rglob("*.py")
        for folder in _READ.findall(test.read_text())
    }
    assert read, "the tests read no specification any more"
    assert {folder for folder in read if f"`{folder}/" not in page} == set()
