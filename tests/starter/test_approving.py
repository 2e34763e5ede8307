"""Callbacks of payers, as an app hands them over."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlmodel import Session, select

from domain.lifecycle.profile import PayerFirst
from starter.approving import Approver
from starter.away import TemporalAway
from starter.consents import InvalidCallback
from store.approvals import Approvals
from store.callbacks import CallbackRefused, digest_of
from store.tables.consents import CallbackRow
from tests.clock import SteppedClock
from tests.fakes import profile
from tests.store.books import PAYMENT, PAYMENTS, Store

STATE = "known-to-the-test"


@dataclass
class Running:
    """Remembers whose run was started; `away` as Temporal may be."""

    away: bool = False
    ensured: list[str] = field(default_factory=list)

    async def ensure_running(self, tenant: str, payment_id: str) -> None:
        if self.away:
            raise TemporalAway("nobody is there")
        self.ensured.append(payment_id)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "finality.db", SteppedClock())
    yield made
    made.close()


@pytest.fixture
async def approver(store: Store) -> tuple[Approver, Running]:
    """A payment waits for its payer, who comes back with a `state` that the test knows."""
    await store.accept(as_of=profile(payer_first=PayerFirst()))
    running = Running()

    async def runs() -> Running:
        return running

    approvals = Approvals(store.database, store.keyring, PAYMENTS)
    return Approver(approvals=approvals, running=runs, clock=store.clock), running  # type: ignore[arg-type]


async def _known(store: Store) -> None:
    """Give the payment's callback a `state` that is known here."""

    def transaction(session: Session) -> None:
        row = session.exec(select(CallbackRow)).one()
        session.delete(row)
        session.flush()
        session.add(CallbackRow(**{**row.model_dump(), "state_hash": digest_of(STATE)}))

    await store.database.write(transaction)


async def test_a_callback_starts_the_run_once(
    store: Store, approver: tuple[Approver, Running]
) -> None:
    takes, running = approver
    await _known(store)
    assert await takes.is_of_a_payment({"state": STATE})
    receipt = await takes.answer({"state": STATE, "error": "access_denied"}, tenant="shop")
    assert (receipt.payment_id, receipt.is_replay, receipt.is_notified) == (PAYMENT, False, True)
    assert running.ensured == [PAYMENT]


async def test_without_temporal_it_is_recorded_and_left_to_the_relay(
    store: Store, approver: tuple[Approver, Running]
) -> None:
    takes, running = approver
    await _known(store)
    running.away = True
    receipt = await takes.answer({"state": STATE, "code": "c"}, tenant="shop")
    assert (receipt.is_replay, receipt.is_notified) == (False, False)
    running.away = False
    assert (await takes.answer({"state": STATE, "code": "c"}, tenant="shop")).is_replay


async def test_a_callback_of_nobody_is_refused(approver: tuple[Approver, Running]) -> None:
    takes, running = approver
    assert not await takes.is_of_a_payment({"state": "forged"})
    with pytest.raises(CallbackRefused):
        await takes.answer({"state": "forged", "code": "c"}, tenant="shop")
    with pytest.raises(InvalidCallback, match="state"):
        await takes.answer({"code": "c"}, tenant="shop")
    with pytest.raises(InvalidCallback, match="more than any bank"):
        await takes.answer({"state": "s", "code": "c" * 5000}, tenant="shop")
    assert running.ensured == []
