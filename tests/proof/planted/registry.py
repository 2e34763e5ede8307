"""All planted bugs by their names: each module of `bugs` adds its own when it is imported."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Final

from tests.proof.planted import bugs
from tests.proof.planted.bug import PLANTED, Bug

for _module in pkgutil.iter_modules(bugs.__path__, f"{bugs.__name__}."):
    importlib.import_module(_module.name)

BUGS: Final[dict[str, Bug]] = PLANTED
