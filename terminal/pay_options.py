"""The options of `finality pay`, and the command line that gives them."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

from domain.payments.intent import PossibleDuplicate
from starter.files.judging import FileTerms
from terminal.typed import typed_path

#: Keeps an argument below 128 KiB, Linux's limit for one argument.
_IDS_AN_ARGUMENT: Final = 1000


@dataclass(frozen=True)
class PayOptions:
    """The options of the command.

    Attributes:
        as_of, skip_invalid, acknowledge, operator: as in `FileTerms`.
        allow_truncation: truncate a remittance that is too long, instead of refusing its line.
        preview: only show what would be paid.
        status_report: the path for a pain.002 with the file's status at the end.
    """

    file: Path
    as_of: date | None = None
    skip_invalid: bool = False
    wait_seconds: int = 60
    journal: Path | None = None
    as_json: bool = False
    acknowledge: frozenset[str] = frozenset()
    operator: str | None = None
    allow_truncation: bool = False
    preview: bool = False
    status_report: Path | None = None

    @property
    def terms(self) -> FileTerms:
        """How the file is to be paid."""
        return FileTerms(self.as_of, self.skip_invalid, self.acknowledge, self.operator)

    def command(self, duplicates: Sequence[PossibleDuplicate]) -> str:
        """The same command line, which also acknowledges these duplicates."""
        ids = {one: None for duplicate in duplicates for one in duplicate.payment_ids}
        named = [*sorted(self.acknowledge - set(ids)), *ids]
        words = ["finality", "pay", typed_path(self.file)]
        words += ["--as-of", self.as_of.isoformat()] if self.as_of else []
        words += ["--skip-invalid"] if self.skip_invalid else []
        words += ["--allow-truncation"] if self.allow_truncation else []
        words += ["--wait", str(self.wait_seconds)]
        words += ["--journal", typed_path(self.journal)] if self.journal else []
        words += ["--status-report", typed_path(self.status_report)] if self.status_report else []
        words += ["--json"] if self.as_json else []
        for first in range(0, len(named), _IDS_AN_ARGUMENT):
            words += ["--acknowledge", ",".join(named[first : first + _IDS_AN_ARGUMENT])]
        if self.operator or any(duplicate.needs_operator for duplicate in duplicates):
            name = self.operator or "NAME"
            words += [f"--operator={name}"] if name.startswith("-") else ["--operator", name]
        return shlex.join(words)
