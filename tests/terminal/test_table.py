"""The table of payments: what it says of the money is never cut."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from domain.payments.payment import Certainty
from domain.payments.report import PaymentState
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


@pytest.mark.parametrize("state", list(PaymentState))
@pytest.mark.parametrize("certainty", list(Certainty))
async def test_id_amount_and_state_are_told_in_full(
    tmp_path: Path, state: PaymentState, certainty: Certainty
) -> None:
    store = Store(tmp_path / "finality.db", SteppedClock())
    payment_id = "pay_0123456789abcdef"
    await store.accept(payment_id=payment_id)
    record = await store.payments.record(payment_id)
    payment = record.payment.model_copy(update={"state": state, "certainty": certainty})
    view = record.view.model_copy(update={"payment": payment})
    screen = Console(width=80, record=True)
    screen.print(table([replace(record, view=view)]))
    [row] = [line for line in screen.export_text().splitlines() if payment_id in line]
    doubt = " (in doubt)" if certainty is Certainty.UNKNOWN else ""
    assert f"{payment.amounts.instructed} {state}{doubt}" in " ".join(row.split())
