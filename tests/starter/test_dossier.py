"""All that is known about a payment is one value, which any door can show."""

from __future__ import annotations

from pathlib import Path

import pytest

from assembly import assembled
from domain.payments.payment import UnknownPayment
from settings import Settings
from store.timeline import EntryKind
from tests.store.books import PAYMENT, in_doubt
from tests.terminal.homes import AWAY, home


async def test_a_dossier_says_what_a_payment_waits_for_and_what_happened(tmp_path: Path) -> None:
    with home(tmp_path) as made:
        await made.store.accept("the key")
        await made.store.begin()
        await made.store.sent(in_doubt())
        async with assembled(made.settings) as assembly:
            found = await assembly.dossiers.of(PAYMENT, with_exchanges=True)
            assert (await assembly.dossiers.of(PAYMENT)).exchanges is None
    assert found.record.key == "the key"
    assert found.owed is not None
    assert found.next_look_at is not None
    assert found.next_look_at >= found.record.created_at
    assert found.held_up_by is None
    assert found.exchanges is not None
    assert EntryKind.ATTEMPT in {entry.kind for entry in found.timeline}


async def test_an_unknown_payment_has_no_dossier(tmp_path: Path) -> None:
    with home(tmp_path):
        settings = Settings(home=tmp_path, temporal_address=AWAY["FINALITY_TEMPORAL_ADDRESS"])
        async with assembled(settings) as assembly:
            with pytest.raises(UnknownPayment):
                await assembly.dossiers.of("pay_nothing")
