"""A client's journal: which orders it gives, written to disk before anything is sent."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from domain.explained import Explained
from domain.payments.order import Order


class JournalFailed(Explained, OSError):
    """The journal cannot be written, so no further order is given."""


class Journal:
    """One JSON object per line. `intend` is fsynced before `pay` is called, `acknowledged` after.

    It belongs to the caller, not to the product: an independent check compares it with the
    partner's book. It contains account numbers, so only its owner can read it.
    """

    def __init__(self, path: Path) -> None:
        """Open the file, or create it.

        Raises:
            JournalFailed: it cannot be opened.
        """
        self._path = path
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        except OSError as error:
            raise self._failed(error) from error
        self._file = os.fdopen(descriptor, "a")

    def intend(self, key: str, order: Order) -> None:
        """Write, before the order is given, what is ordered and under which key.

        Raises:
            JournalFailed: the line may not be on disk.
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
        """Write, after the answer, which payment the order became.

        Raises:
            JournalFailed: the line may not be on disk.
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
        with suppress(OSError):  # A failed write was already raised by `_write`.
            self._file.close()
