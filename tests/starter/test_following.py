"""Waiting ends where more waiting is pointless, and not before."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from domain.lifecycle.resource import Certainty
from domain.payments.report import PaymentState
from starter.following import rests
from tests.clock import SteppedClock
from tests.store.books import PAYMENT, Store, in_doubt


@pytest.mark.parametrize(
    ("state", "is_over"),
    [
        (PaymentState.CREATED, False),
        (PaymentState.PROCESSING, False),
        (PaymentState.SETTLED, True),
        (PaymentState.REJECTED, True),
        (PaymentState.AWAITING_USER, True),
    ],
)
async def test_a_payment_rests_once_it_is_settled_ended_or_somebodys_turn(
    tmp_path: Path, state: PaymentState, is_over: bool
) -> None:
    store = Store(tmp_path / "finality.db", SteppedClock())
    await store.accept()
    record = await store.payments.record(PAYMENT)
    sent = {"state": state, "certainty": Certainty.SENT}
    payment = record.payment.model_copy(update=sent)
    seen = replace(record, view=record.view.model_copy(update={"payment": payment}))
    assert rests(seen, store.clock.now()) is is_over
    later = store.clock.now() + timedelta(minutes=5)
    held = seen.view.model_copy(update={"not_before": later})
    assert not rests(replace(seen, view=held), store.clock.now()), "its login is not usable yet"


async def test_a_payment_in_doubt_is_waited_for_while_a_lookup_can_tell(tmp_path: Path) -> None:
    store = Store(tmp_path / "finality.db", SteppedClock())
    await store.accept()
    await store.begin()
    await store.sent(in_doubt())
    record = await store.payments.record(PAYMENT)
    assert record.payment.certainty is Certainty.UNKNOWN
    assert not rests(record, store.clock.now())
