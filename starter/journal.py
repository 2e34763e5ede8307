"""A client's journal: what it wanted, on disk before anything was sent."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from domain.explained import Explained
from domain.order import Order


class JournalFailed(Explained, OSError):
    """The journal cannot be written, so nothing more is ordered."""


class Journal:
    """One JSON object a line. `intend` is fsynced before `pay` is called, `told` after.

    It belongs to the caller, not to the product: an independent check lays it beside the
    partner's book. Account numbers are in it, so it is readable by its owner only.
    """

    def __init__(self, path: Path) -> None:
        """Raises JournalFailed."""
        self._path = path
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        except OSError as error:
            raise self._failed(error) from error
        self._file = os.fdopen(descriptor, "a")

    def intend(self, key: str, order: Order) -> None:
        """Before the order is given: what is wanted, and under which key.

        Raises:
            JournalFailed: it may not be on disk.
        """
        self._write(
            {
                "intended": key,
                "creditor_account": order.creditor_account.number,
                "creditor": order.creditor.name,
                "amount_minor": order.instructed_amount.minor,
                "currency": order.instructed_amount.currency,
                "end_to_end_id": order.end_to_end_id,
            }
        )

    def acknowledged(self, key: str, payment_id: str) -> None:
        """After the answer: which payment it became.

        Raises:
            JournalFailed: it may not be on disk.
        """
        self._write({"acknowledged": key, "payment_id": payment_id})

    def _write(self, line: dict[str, Any]) -> None:
        try:
            self._file.write(json.dumps(line) + "\n")
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise self._failed(error) from error

    def _failed(self, error: OSError) -> JournalFailed:
        return JournalFailed(f"the journal {self._path} cannot be written: {error.strerror}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with suppress(OSError):  # What could not be written was said when it was written.
            self._file.close()
