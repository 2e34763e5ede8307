"""The table of payments: what it says of the money is never cut."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.console import Console

from terminal.table import table
from tests.clock import SteppedClock
from tests.store.books import PAYMENT, Store
from tests.store.moments import doubtful


@pytest.mark.parametrize("width", [80, 72])
async def test_doubt_is_told_in_full_on_a_narrow_screen(tmp_path: Path, width: int) -> None:
    store = Store(tmp_path / "finality.db", SteppedClock())
    await doubtful(store)
    screen = Console(width=width, record=True)
    screen.print(table([await store.payments.record(PAYMENT)]))
    told = screen.export_text()
    assert "submitting (in doubt)" in told
    assert PAYMENT in told
