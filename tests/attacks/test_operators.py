"""What operators type wrong: nothing may look as if it worked."""

from __future__ import annotations

from datetime import timedelta

import pytest

from domain.payments.report import PaymentState
from starter.asking import InvalidCommand, Notifier
from starter.operations import Operations
from store.notifications import Notifications
from tests.clock import SteppedClock
from tests.fakes import CREDITOR_IBAN
from tests.operators import ALICE, enrolled
from tests.starter.test_operations import WHY, FakeRunning, operations_of
from tests.store.books import PAYMENT, Store, in_doubt


@pytest.fixture
def operations(store: Store, clock: SteppedClock) -> Operations:
    notifier = Notifier(Notifications(store.database), FakeRunning(), clock)
    enrolled(store.database, clock.now())
    return operations_of(store, notifier, clock)


@pytest.mark.parametrize("typed", ["Shop", "SHOP", " shop"])
async def test_a_halt_of_a_tenant_spelt_otherwise_is_refused_and_not_a_halt_of_nobody(
    operations: Operations, store: Store, typed: str
) -> None:
    await store.accept()
    with pytest.raises(InvalidCommand, match="is 'shop' meant"):
        await operations.halt(signer=ALICE, why="looks wrong", tenant=typed)
    assert await operations.halts() == []


async def test_a_tenant_that_ordered_nothing_yet_can_be_halted(operations: Operations) -> None:
    await operations.halt(signer=ALICE, why="not before they signed", tenant="new")
    assert len(await operations.halts()) == 1


@pytest.mark.parametrize(
    "typed", ["", "  ", "ref-1 ", "ref 1", "ref\x001", "r" * 256, CREDITOR_IBAN]
)
async def test_a_reference_that_no_partner_gave_decides_nothing(
    operations: Operations, store: Store, clock: SteppedClock, typed: str
) -> None:
    """Kept in the clear, and compared as it is: with a blank too many it is nobody's object."""
    await store.accept()
    await store.begin()
    clock.step(timedelta(seconds=3))
    await store.sent(in_doubt())
    with pytest.raises(InvalidCommand, match="reference"):
        await operations.executed(PAYMENT, "e", signer=ALICE, why=WHY, reference=typed)
    assert (await store.payments.view(PAYMENT)).payment.state is PaymentState.SUBMITTING
    assert CREDITOR_IBAN.encode() not in store.kept()
