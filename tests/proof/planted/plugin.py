"""For pytest: plants the bug that the environment names before any test is collected."""

from __future__ import annotations

import os
from typing import Final

VARIABLE: Final = "FINALITY_PLANTED"


def pytest_configure() -> None:
    from tests.proof.planted.registry import BUGS

    BUGS[os.environ[VARIABLE]].plant()
