"""Deliveries that are proven and strange."""

from __future__ import annotations

import pytest

from tests.inbound.conftest import Door, door, notification, runner

__all__ = ["door", "runner"]


@pytest.mark.parametrize(
    "reference", ["ref\x00-1", "ref\ud800-1", "ref-1\n", " ref-1", "\u202eref-1"]
)
async def test_a_reference_that_cannot_be_kept_is_refused_and_breaks_nothing(
    door: Door, reference: str
) -> None:
    await door.sent()
    assert await door.deliver(notification(reference)) in (200, 401)
    assert not (await door.store.payments.view("pay_1")).has_news
    assert await door.deliver(notification()) == 200
