"""What the console is made of. Assembly fills it, and the pages only show and hand on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from domain.clock import Clock
from starter.client import Orchestrator
from starter.dossier import Dossiers
from starter.operations import Operations
from starter.operators import Operators
from store.backlog import Backlog
from store.file_lines import FileLines


@dataclass(frozen=True, repr=False)
class Parts:
    """The use cases behind the console.

    Attributes:
        partners: the names of the partners that there are, for the filter of the list.
    """

    orchestrator: Orchestrator
    operations: Operations
    operators: Operators
    dossiers: Dossiers
    file_lines: FileLines
    backlog: Backlog
    partners: Sequence[str]
    clock: Clock
