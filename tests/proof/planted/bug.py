"""Small known-bad variants of the product, each the kind of mistake that pays twice or loses.

A bug is planted in a process that is thrown away afterwards: nothing is put back.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

_OURS: Final = (
    "activities", "domain", "inbound", "partners", "starter", "store", "workflows", "tests.proof",
)  # fmt: skip
#: These hold originals on purpose.
_BUGS: Final = "tests.proof.planted"


@dataclass(frozen=True)
class Bug:
    """One variant.

    Attributes:
        says: what it does wrong.
        plant: puts it into this process.
        tests: of `make test`, which find what the simulated worlds cannot show; none where they
            can.
    """

    name: str
    says: str
    plant: Callable[[], None]
    tests: tuple[str, ...] = ()
    partner: str = "bank"
    """Whose worlds show it."""


#: Those of the modules that were imported; `registry` imports them all.
PLANTED: Final[dict[str, Bug]] = {}


def planted(
    says: str, *tests: str, partner: str = "bank"
) -> Callable[[Callable[[], None]], Callable[[], None]]:
    """Make the function one of the bugs, under its own name."""

    def known(plant: Callable[[], None]) -> Callable[[], None]:
        assert plant.__name__ not in PLANTED, plant.__name__
        PLANTED[plant.__name__] = Bug(plant.__name__, says, plant, tests, partner)
        return plant

    return known


def everywhere(original: Any, variant: Any) -> None:
    """Put the variant in place of the original under whatever name a module of ours has it."""
    for name, module in list(sys.modules.items()):
        if not name.startswith(_OURS) or name.startswith(_BUGS):
            continue
        for attribute, value in list(vars(module).items()):
            if value is original:
                setattr(module, attribute, variant)
