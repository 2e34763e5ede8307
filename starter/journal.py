"""A client's journal: what it wanted, on disk before anything was sent."""

from __future__ import annotations

import json
import os
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from domain.order import Order


class Journal:
    """One JSON object a line. `intend` is fsynced before `pay` is called, `told` after.

    It belongs to the caller, not to the product: an independent check lays it beside the
    partner's book. Account numbers are in it, so it is readable by its owner only.
    """

    def __init__(self, path: Path) -> None:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._file = os.fdopen(descriptor, "a")

    def intend(self, key: str, order: Order) -> None:
        """Before the order is given: what is wanted, and under which key."""
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

    def told(self, key: str, payment_id: str) -> None:
        """After the answer: which payment it became."""
        self._write({"acknowledged": key, "payment_id": payment_id})

    def _write(self, line: dict[str, Any]) -> None:
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()
        os.fsync(self._file.fileno())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()
