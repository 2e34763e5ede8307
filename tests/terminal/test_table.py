"""The table of payments: what it says of the money is never cut."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from domain.lifecycle.resource import Certainty
from domain.payments.report import PaymentState
from starter.dossier import Dossier
from terminal.shown import shown_object
from terminal.table import as_object, table
from tests.clock import SteppedClock
from tests.store.books import PAYMENT, Store, turned_away
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


async def test_between_two_attempts_that_came_to_nothing_it_says_why_as_show_does(
    tmp_path: Path,
) -> None:
    store = Store(tmp_path / "finality.db", SteppedClock())
    await store.accept()
    await store.begin()
    await store.sent(turned_away(store.clock.now()))
    record = await store.payments.record(PAYMENT)
    listed = as_object(record)
    assert (listed["state"], listed["certainty"]) == ("submitting", "not_sent")
    assert "turned it away" in str(listed["reason"])
    shown = shown_object(Dossier(record, None, store.clock.now(), (), ()))
    assert shown["waits_for"] == listed["reason"]
